#!/usr/bin/env python3
"""What placement policies make of guests: the share of sampled accesses that a
node's own memory serves, page moves, and what counting costs.

usage: placement.py --build BUILD [--linux KERNEL INITRAMFS] [--json FILE]

The guest programs of guests/numa on 2, 4 and 8 nodes; Linux with 8 vCPUs on 4
nodes; then user CPU time of benchmark guests with counting on and off, in turn.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile

POLICIES = ("none", "firsttouch", "roundrobin", "disco")
# Sampled and reset faster than by default: the programs are short.
FAST = ",reset-ms=25,sample=250000"
COST_GUESTS = ("coremix", "memcpy", "chase", "sieve", "lu")
COST_RUNS = 5


def run(disco_run, *args):
    """The figures of a run."""
    with tempfile.TemporaryDirectory() as folder:
        stats = os.path.join(folder, "stats.json")
        subprocess.run([disco_run, "--quiet", "--timeout", "600", "--stats",
                        stats, *args], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
        with open(stats, encoding="utf-8") as f:
            return json.load(f)


def row(what, nodes, policy, stats):
    local = sum(n["sampled_local"] for n in stats["nodes"])
    remote = sum(n["sampled_remote"] for n in stats["nodes"])
    p = stats["placement"]
    return {"what": what, "nodes": nodes, "policy": policy,
            "local_share": local / max(local + remote, 1),
            "samples": p["samples"], "migrations": p["migrations"],
            "replications": p["replications"], "broken": p["broken"],
            "frozen": p["frozen"], "wall_seconds": stats["wall_seconds"]}


def show(r):
    print(f"{r['what']:10} {r['nodes']:5} {r['policy']:10} "
          f"{100 * r['local_share']:6.1f} % {r['migrations']:7} "
          f"{r['replications']:7} {r['broken']:7} {r['frozen']:7}", flush=True)


def user_seconds(*command):
    def used():
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime

    before = used()
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return used() - before


def cost(disco_run, guest):
    """Best user time without and with counting, in turn."""
    base = (disco_run, "--quiet", "--memory", "256M", "--max-insns",
            "300000000", "--nodes", "2")
    off, on = [], []
    for _ in range(COST_RUNS):
        off.append(user_seconds(*base, guest))
        on.append(user_seconds(*base, "--policy", "firsttouch", guest))
    return min(off), min(on)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--linux", nargs=2)
    parser.add_argument("--json")
    opt = parser.parse_args()
    disco_run = os.path.join(opt.build, "examples", "disco-run")
    rows, costs = [], []
    print("guest      nodes policy      local    moves  copies  broken  frozen")
    guest = os.path.join(opt.build, "guests", "numa")
    for what in ("private", "read", "write", "phase"):
        for nodes in (2, 4, 8):
            for policy in POLICIES:
                rows.append(row(what, nodes, policy, run(
                    disco_run, "--cpus", str(nodes), "--nodes", str(nodes),
                    "--memory", "64M", "--deterministic", "--policy",
                    policy + FAST, "--append", what + " ms=300", guest)))
                show(rows[-1])
    for policy in POLICIES if opt.linux else ():
        rows.append(row("linux", 4, policy, run(
            disco_run, "--cpus", "8", "--nodes", "4", "--memory", "256M",
            "--policy", policy, "--initrd", opt.linux[1], "--append",
            "console=ttyS0 panic=-1 disco.run=workload^8^8", opt.linux[0])))
        show(rows[-1])
    print("\ncounting   off       on        cost")
    for name in COST_GUESTS:
        path = os.path.join(opt.build, "bench", "guests", "disco-mips4", name)
        if not os.path.exists(path):
            continue
        off, on = cost(disco_run, path)
        costs.append({"guest": name, "off_s": off, "on_s": on})
        print(f"{name:10} {off:6.3f} s  {on:6.3f} s  {100 * (on / off - 1):5.1f}"
              " %", flush=True)
    if opt.json:
        with open(opt.json, "w", encoding="utf-8") as f:
            json.dump({"rows": rows, "cost": costs}, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
