#!/usr/bin/env python3
"""Run benchmarks beside their peers and print tables of ratios.

usage: run.py --build DIR [--json FILE] [--rounds N] [--engine ENGINE]
              [NAME...]

  interp  the interpreter on the freestanding guests, against GXemul
  api     what the API costs the embedder, against its limits
  memory  what sharing and moving memory costs, against its limits
  jit     an engine on programs and system operations, against QEMU and native
  linux   Linux to its shell, and programs in it, against QEMU's user mode

Times are CPU times of the whole process (user + system; user alone for jit),
the start-up of an empty guest subtracted; engines of one guest run back to
back and the order turns round by round, so that noise from others hits all
alike.  Figures are medians.  A peer that is not installed is left out.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from jit import (FLOAT, INTEGER, MEMORY, bench_jit,  # noqa: E402
                 has_engine)
from linux import bench_linux  # noqa: E402
from measure import (Engine, cpu_seconds, geomean, guest_path,  # noqa: E402
                     measure, run)


def instructions(build, runner, guest):
    """Guest instructions of one run, by the runner's own statistics."""
    stats = os.path.join(build, "bench", f"{guest}.stats.json")
    path = guest_path(build, "disco-mips4", guest)
    run(runner + ["--stats", stats, path])
    with open(stats) as file:
        return json.load(file)["vms"][0]["vcpus"][0]["insns"]


def bench_interp(args):
    runner = [os.path.join(args.build, "examples", "disco-run"), "--quiet",
              "--memory", "256M", "--engine", "interp"]
    engines = [Engine("disco", "disco-mips4", runner)]
    if shutil.which("gxemul"):
        engines.append(Engine("gxemul", "testmips-mips3", [
            "gxemul", "-q", "-A", "-E", "testmips", "-M", "256", "-C",
            "R10000"]))
    else:
        print("gxemul is not installed: no peer", file=sys.stderr)
    guests = INTEGER + FLOAT + MEMORY
    samples = measure([(guest, engines) for guest in ["null"] + guests],
                      args.rounds or 3, args.build, cpu_seconds)
    rows = []
    print(f"{'guest':10}{'Minsn':>8}{'disco s':>9}{'Minsn/s':>9}"
          f"{'gxemul s':>10}{'ratio':>8}")
    for guest in guests:
        cpu = {engine.name: samples.net(guest, engine.name)
               for engine in engines}
        count = instructions(args.build, runner, guest)
        row = {"guest": guest, "insns": count, "seconds": cpu,
               "minsn_per_s": count / cpu["disco"] / 1e6}
        if "gxemul" in cpu:
            row["ratio"] = cpu["gxemul"] / cpu["disco"]
        rows.append(row)
        print(f"{guest:10}{count / 1e6:8.0f}{cpu['disco']:9.3f}"
              f"{row['minsn_per_s']:9.0f}"
              f"{cpu.get('gxemul', float('nan')):10.3f}"
              f"{row.get('ratio', float('nan')):8.1f}")
    for title, group in (("integer", INTEGER), ("float", FLOAT),
                         ("memory", MEMORY)):
        chosen = [row for row in rows if row["guest"] in group]
        print(f"{title:10} geometric mean: "
              f"{geomean([r['minsn_per_s'] for r in chosen]):.0f} Minsn/s, "
              f"{geomean([r.get('ratio', 1) for r in chosen]):.1f} times "
              "GXemul")
    return rows


def figures(args, *names, options=(), more=()):
    """Programs that print "name value unit limit"; those that are built.  `more`:
    whole commands of this kind."""
    programs = [os.path.join(args.build, "bench", name) for name in names]
    commands = [[program, *options] for program in programs
                if os.path.exists(program)] + list(more)
    output = "".join(subprocess.run(command, check=True, text=True,
                                    stdout=subprocess.PIPE).stdout
                     for command in commands)
    rows = []
    print(f"{'figure':24}{'value':>10} {'unit':6}{'limit':>8}")
    for line in output.splitlines():
        name, value, unit, limit = line.split()
        rows.append({"name": name, "value": float(value), "unit": unit,
                     "limit": float(limit)})
        if not float(limit):
            print(f"{name:24}{value:>10} {unit}")
            continue
        least = unit == "x"
        good = (float(value) >= float(limit)) == least or \
            float(value) == float(limit)
        print(f"{name:24}{value:>10} {unit:6}{'>' if least else '<'}"
              f"{limit:>7}{'' if good else '  missed'}")
    return rows


def bench_api(args):
    if args.engine and not has_engine(args.build, args.engine):
        return None
    options = ["--engine", args.engine] if args.engine else []
    return figures(args, "bench_api", options=options)


# Guests that show what counting accesses costs: by work, memory, addresses.
COUNTED = ("coremix", "memcpy", "chase", "sieve", "lu")


def bench_memory(args):
    here = os.path.dirname(os.path.abspath(__file__))
    counting = [os.path.join(args.build, "bench", "bench_counting")] + [
        guest_path(args.build, "disco-mips4", name) for name in COUNTED]
    more = [[sys.executable, os.path.join(here, "tcp.py"), "--build",
             args.build]]
    if all(os.path.exists(path) for path in counting):
        more.insert(0, counting)
    return figures(args, "bench_memory", "bench_fork", "bench_disk",
                   "bench_packet", more=more)


BENCHES = {"interp": bench_interp, "api": bench_api, "memory": bench_memory,
           "jit": bench_jit, "linux": bench_linux}


def main():
    parser = argparse.ArgumentParser(
        description="Run benchmarks beside their peers.")
    parser.add_argument("--build", required=True, help="build folder")
    parser.add_argument("--json", help="write the rows here, too")
    parser.add_argument("--rounds", type=int,
                        help="rounds of a comparison (jit 5, others 3)")
    parser.add_argument("--engine", choices=["interp", "jit"],
                        help="what jit and linux measure (jit), and api (the "
                        "best there is)")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="of: " + " ".join(BENCHES))
    args = parser.parse_args()
    for name in args.names:
        if name not in BENCHES:
            parser.error(f"no benchmark {name!r}; there are: "
                         + " ".join(BENCHES))
    results = {}
    for name in args.names or BENCHES:
        print(f"== {name}", flush=True)
        results[name] = BENCHES[name](args)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")
    # What was asked for by name and cannot be measured is a failure.
    return int(any(results[name] is None for name in args.names))


if __name__ == "__main__":
    sys.exit(main())
