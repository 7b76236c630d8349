#!/usr/bin/env python3
"""Figure 8: what migration and replication of pages gain.

usage: fig8.py --build DIR --out DIR

Two small guests of guests/fig8, on 8 simulated nodes with a CPU each:
"jobs" is like the paper's Engineering (independent jobs that change CPUs),
"rays" like its Raytrace (one large scene that all read).  Both are prepared by
one CPU, so that first touch puts all memory on one node.  Times are modelled
(docs/model.md) and repeat to the cycle.  Writes fig8.json, fig8.md, fig8.svg;
fails when the direction of the figure is not there.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import chart

CPUS = 8
# name, disco-run options
CONFIGS = [
    ("firsttouch", "IRIX-like,\nfirst touch", ["--policy", "firsttouch"], ""),
    ("roundrobin", "IRIX-like,\nround robin", ["--policy", "roundrobin"], ""),
    ("disco", "Disco,\nmove + copy",
     ["--policy", "disco", "--mode", "disco"], ""),
    ("uma", "UMA", ["--policy", "none"], ",uma"),
]
WORKLOADS = [
    ("jobs", "jobs=16 passes=48 moves=2 work=24", "l2=64K"),
    ("rays", "scene=64 tiles=8192 work=12", "l2=32K"),
]
# What the paper's figure has, of its Engineering and Raytrace.
PAPER = {"jobs": {"firsttouch": (100, 16), "disco": (67, 78),
                  "uma": (48, 100)},
         "rays": {"firsttouch": (100, 6), "disco": (62, 76),
                  "uma": (49, 100)}}
PARTS = ["execution", "local stall", "remote stall", "queue", "Disco",
         "sync, idle"]


def part_of(entry):
    if entry.startswith(("trap_", "page_")):
        return 4
    return {"user": 0, "kernel": 0, "stall_local": 1, "stall_remote": 2,
            "queue": 3}.get(entry, 5)


def run(build, workload, append, model, options):
    """The statistics of one run; the guest's own line."""
    with tempfile.TemporaryDirectory() as folder:
        stats = os.path.join(folder, "stats.json")
        command = [os.path.join(build, "examples", "disco-run"), "--quiet",
                   "--deterministic", "--memory", "64M", "--cpus", str(CPUS),
                   "--nodes", str(CPUS), "--model", "ccnuma," + model,
                   "--append", append, "--stats", stats, *options,
                   os.path.join(build, "guests", "fig8-" + workload)]
        output = subprocess.run(command, check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        with open(stats) as file:
            return json.load(file), output.strip()


def row_of(workload, config, stats):
    model = stats["model"]
    parts = [0] * len(PARTS)
    for cpu in model["cpus"]:
        for entry, cycles in cpu["ledger"].items():
            parts[part_of(entry)] += cycles
        parts[5] += model["cycles"] - cpu["cycles"]  # it had ended
    seconds = model["time_ns"] / 1e9
    total = model["cycles"] * CPUS
    misses = sum(c["miss_local"] + c["miss_remote"] for c in model["cpus"])
    pages = {}
    for cpu in model["cpus"]:
        for entry in ("page_migrate", "page_replicate", "page_collapse"):
            pages[entry] = pages.get(entry, 0) + cpu["ledger"].get(entry, 0)
    return {"workload": workload, "config": config, "time": seconds,
            "local_share": model["local_share"], "misses": misses,
            "parts": {name: round(seconds * value / total, 6)
                      for name, value in zip(PARTS, parts)},
            "page_action_cycles": pages}


def markdown(rows):
    lines = ["# Figure 8: migration and replication of pages", "",
             "`scripts/paper.sh fig8` makes this page. Modelled seconds on 8 "
             "nodes with a CPU each;",
             "the paper's bars are of other programs, beside ours for their "
             "shape.", "",
             "![modelled time by where it went](fig8.svg)", ""]
    for workload, append, model in WORKLOADS:
        mine = [r for r in rows if r["workload"] == workload]
        base = mine[0]["time"]
        lines += [f"## {workload}", "", f"`{append}`, `--model ccnuma,{model}`",
                  "", "| | time | of first touch | local misses | "
                  + " | ".join(PARTS) + " | paper: time, local |",
                  "|---|---|---|---|" + "---|" * (len(PARTS) + 1)]
        for row in mine:
            paper = PAPER[workload].get(row["config"])
            lines.append(
                f"| {row['config']} | {row['time']:.3f} s "
                f"| {100 * row['time'] / base:.0f} % "
                f"| {100 * row['local_share']:.0f} % | "
                + " | ".join(f"{row['parts'][p]:.3f}" for p in PARTS)
                + (f" | {paper[0]}, {paper[1]} % |" if paper else " | |"))
        lines.append("")
    return "\n".join(lines)


def figure(rows):
    groups = []
    for workload, _, _ in WORKLOADS:
        mine = [r for r in rows if r["workload"] == workload]
        base = mine[0]["time"] / 100
        bars = [(label, [row["parts"][p] / base for p in PARTS],
                 f"{row['time'] / base:.0f}")
                for row, (_, label, _, _) in zip(mine, CONFIGS)]
        groups.append((workload, bars))
    return chart.stacked_bars("Modelled time, first touch = 100", PARTS,
                              groups, "% of first touch")


def check(rows):
    bad = []
    for workload, _, _ in WORKLOADS:
        by = {r["config"]: r for r in rows if r["workload"] == workload}
        if by["disco"]["time"] > 0.8 * by["firsttouch"]["time"]:
            bad.append(f"{workload}: Disco's policy gains less than 20 %")
        if by["disco"]["local_share"] < by["firsttouch"]["local_share"] + 0.3:
            bad.append(f"{workload}: the local share does not go up")
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    rows = []
    for workload, append, model in WORKLOADS:
        result = None
        for config, _, options, more in CONFIGS:
            stats, line = run(args.build, workload, append, model + more,
                              options)
            if result not in (None, line):
                sys.exit(f"fig8: {workload}, {config}: {line!r}, but "
                         f"{result!r} before")
            result = line
            rows.append(row_of(workload, config, stats))
            print(f"{workload:6}{config:12}{rows[-1]['time']:9.3f} s modelled,"
                  f" {100 * rows[-1]['local_share']:3.0f} % of misses local")
    for name, text in (("fig8.json", json.dumps(rows, indent=1) + "\n"),
                       ("fig8.md", markdown(rows)),
                       ("fig8.svg", figure(rows))):
        with open(os.path.join(args.out, name), "w") as file:
            file.write(text)
    bad = check(rows)
    for line in bad:
        print("fig8: " + line, file=sys.stderr)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
