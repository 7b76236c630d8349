#!/usr/bin/env python3
"""Run benchmarks beside their peers and print tables of ratios.

usage: run.py --build DIR [--json FILE] [--rounds N] [NAME...]

  interp  the interpreter on the freestanding guests, against GXemul
  api     what the API costs the embedder, against its limits
  memory  what sharing and moving memory costs, against its limits

Times are CPU times (user + system of the whole process), the start-up of an
empty guest subtracted; engines of one guest run back to back and the order
turns round by round, so that noise from others hits all alike.  Figures are
medians.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading

INTEGER = ["dhry", "coremix", "sieve", "sha256", "interp", "fib"]
FLOAT = ["nbody", "mandel", "matmul", "fft", "lu"]
MEMORY = ["triad", "chase", "memcpy"]
# GXemul takes tens of seconds where its floating point is slow.
LIMIT_SECONDS = 300


def run(command):
    """CPU seconds, output."""
    read_end, write_end = os.pipe()  # a stdin that neither ends nor speaks
    process = subprocess.Popen(command, stdin=read_end, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    timer = threading.Timer(LIMIT_SECONDS, process.kill)
    timer.start()
    output = process.stdout.read().decode("latin1")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    timer.cancel()
    process.stdout.close()
    os.close(read_end)
    os.close(write_end)
    return usage.ru_utime + usage.ru_stime, output


def guest_path(build, folder, guest):
    path = os.path.join(build, "bench", "guests", folder, guest)
    if not os.path.exists(path):
        sys.exit(f"run.py: no guest {path}; building it needs the MIPS cross "
                 "compiler")
    return path


def checksum(output):
    match = re.search(r"BENCH \S+ \d+ ([0-9a-f]{16})", output)
    return match and match[1]


def measure(engines, guests, rounds, build):
    """{guest: {engine: [seconds]}}; checks that all checksums agree."""
    times, sums = {}, {}
    for number in range(rounds):
        for guest in ["null"] + guests:
            turn = number % len(engines)
            for name, (folder, command) in engines[turn:] + engines[:turn]:
                path = guest_path(build, folder, guest)
                seconds, output = run(command + [path])
                found = checksum(output)
                if not found:
                    sys.exit(f"run.py: {name} on {guest} did not finish: "
                             f"{output[-200:]!r}")
                if sums.setdefault(guest, found) != found:
                    sys.exit(f"run.py: {name} on {guest}: checksum {found}, "
                             f"others have {sums[guest]}")
                times.setdefault(guest, {}).setdefault(name, []).append(seconds)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return times


def instructions(build, runner, guest):
    """Guest instructions of one run, by the runner's own statistics."""
    stats = os.path.join(build, "bench", f"{guest}.stats.json")
    path = guest_path(build, "disco-mips4", guest)
    run(runner + ["--stats", stats, path])
    with open(stats) as file:
        return json.load(file)["vms"][0]["vcpus"][0]["insns"]


def geomean(values):
    return statistics.geometric_mean(values) if values else float("nan")


def bench_interp(args):
    runner = [os.path.join(args.build, "examples", "disco-run"), "--quiet",
              "--memory", "256M", "--engine", "interp"]
    engines = [("disco", ("disco-mips4", runner))]
    if shutil.which("gxemul"):
        engines.append(("gxemul", ("testmips-mips3", [
            "gxemul", "-q", "-A", "-E", "testmips", "-M", "256", "-C",
            "R10000"])))
    else:
        print("gxemul is not installed: no peer", file=sys.stderr)
    guests = INTEGER + FLOAT + MEMORY
    times = measure(engines, guests, args.rounds, args.build)
    zero = {name: statistics.median(v) for name, v in times["null"].items()}
    rows = []
    print(f"{'guest':10}{'Minsn':>8}{'disco s':>9}{'Minsn/s':>9}"
          f"{'gxemul s':>10}{'ratio':>8}")
    for guest in guests:
        cpu = {name: max(statistics.median(v) - zero[name], 1e-4)
               for name, v in times[guest].items()}
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


def figures(args, *names):
    """Programs that print "name value unit limit"; those that are built."""
    programs = [os.path.join(args.build, "bench", name) for name in names]
    output = "".join(
        subprocess.run([program], check=True, text=True,
                       stdout=subprocess.PIPE).stdout
        for program in programs if os.path.exists(program))
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
    return figures(args, "bench_api")


def bench_memory(args):
    return figures(args, "bench_memory", "bench_fork", "bench_disk",
                   "bench_packet")


BENCHES = {"interp": bench_interp, "api": bench_api, "memory": bench_memory}


def main():
    parser = argparse.ArgumentParser(
        description="Run benchmarks beside their peers.")
    parser.add_argument("--build", required=True, help="build folder")
    parser.add_argument("--json", help="write the rows here, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="of: " + " ".join(BENCHES))
    args = parser.parse_args()
    for name in args.names:
        if name not in BENCHES:
            parser.error(f"no benchmark {name!r}; there are: "
                         + " ".join(BENCHES))
    results = {}
    for name in args.names or BENCHES:
        print(f"== {name}")
        results[name] = BENCHES[name](args)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
