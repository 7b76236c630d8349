"""The benchmark `jit`: disco-run beside QEMU and the host itself, on programs
and on system operations.

Times are user CPU times of whole processes, the start-up of an empty guest
subtracted: median of the rounds.  The wanted figures are ratios of QEMU's time
(qemu-system-mips64, malta, MIPS64R2-generic) to ours.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from measure import (QEMU_SYSTEM, Engine, Native, geomean, guest_path, info,
                     measure, ratio, repetitions, run, text, user_seconds,
                     verdict)

INTEGER = ["dhry", "coremix", "sieve", "sha256", "interp", "fib"]
FLOAT = ["nbody", "mandel", "matmul", "fft", "lu"]
MEMORY = ["triad", "chase", "memcpy"]
NEW_INTEGER = ["qsort", "lz", "strings", "mul", "calls"]
NEW_FLOAT = ["ray", "float32"]
NEW_MEMORY = ["randacc", "tree"]
NEW = NEW_INTEGER + NEW_FLOAT + NEW_MEMORY
PROGRAMS = INTEGER + FLOAT + MEMORY + NEW

# Times as fast as QEMU: at least, aim.
GROUPS = [
    ("integer", INTEGER, 2.5, 4),
    ("interp and fib", ["interp", "fib"], 3, 6),
    ("floating point", FLOAT, 15, 40),
    ("memory", MEMORY, 2, 4),
    ("not in the set", NEW, None, None),
    ("new integer", NEW_INTEGER, 2.5, 4),
    ("new float", NEW_FLOAT, 15, 40),
    ("new memory", NEW_MEMORY, 2, 4),
]
# Guest, operations a repetition, times as fast as QEMU: at least, aim.
SYSTEM = [
    ("syscall", 1, 4, 10),
    ("tlbrefill", 1024, 5, 12),
    ("asid", 1, 10, 40),
    ("timer", 1, 1.5, 4),
    ("cp0", 1, 1.5, 4),
    ("tlbwi", 1, 1.5, 4),
    ("mmio", 1, 1.5, 4),
    ("smc", 1, 1.5, 4),
    ("tlbhit", 8192, 1, None),
]
OPERATIONS = {guest: count for guest, count, _, _ in SYSTEM}
REFILL_SLACK = 0.05        # how far from one refill per two pages is "near"
TRANSLATE_NS = 200         # most for the first translation of an instruction
TWO_THREADS = 1.8


# --- Rows ------------------------------------------------------------------

def program_row(samples, guest):
    seconds = {name: samples.net(guest, name)
               for name in ("disco", "qemu-system", "qemu-user", "native")}
    row = {"guest": guest, "seconds": seconds,
           "qemu_system": ratio(seconds["qemu-system"], seconds["disco"]),
           "qemu_user": ratio(seconds["qemu-user"], seconds["disco"]),
           "native": ratio(seconds["disco"], seconds["native"])}
    row["verdict"] = verdict(row["qemu_system"], 1)
    return row


def group_row(rows, title, guests, least, aim):
    """Geometric means; None unless every guest of the group has the figure."""
    row = {"group": title, "least": least, "aim": aim}
    for key in ("qemu_system", "qemu_user", "native"):
        values = [r[key] for r in rows if r["guest"] in guests]
        row[key] = None if None in values else geomean(values)
    row["verdict"] = verdict(row["qemu_system"], least, aim)
    return row


def operation_ns(samples, guest, engine):
    seconds = samples.net(guest, engine)
    if seconds is None:
        return None
    count = repetitions(samples.output[guest][engine]) * OPERATIONS[guest]
    return seconds / count * 1e9


def system_row(samples, guest, least, aim):
    disco = operation_ns(samples, guest, "disco")
    qemu = operation_ns(samples, guest, "qemu-system")
    row = {"operation": guest, "disco_ns": disco, "qemu_system_ns": qemu,
           "qemu_system": ratio(qemu, disco), "least": least, "aim": aim}
    row["verdict"] = verdict(row["qemu_system"], least, aim)
    if guest == "tlbrefill":
        row["l2tlb_ns"] = operation_ns(samples, guest, "disco l2tlb")
        output = samples.output[guest]["disco"]
        row["refills"] = info(output, "refills")
        row["refills_wanted"] = repetitions(output) * OPERATIONS[guest]
        if not is_near(row["refills"], row["refills_wanted"]):
            row["verdict"] = "missed: refills"
    return row


def is_near(value, wanted):
    return value is not None and abs(value / wanted - 1) <= REFILL_SLACK


def translate_row(stats):
    """What the first translation of an instruction costs, over some runs."""
    figures = [s["jit"] for s in stats if s and "jit" in s]
    insns = sum(f["translated_insns"] for f in figures)
    ns = ratio(sum(f["translate_ns"] for f in figures), insns)
    return {"figure": "translation", "unit": "ns", "value": ns,
            "insns": insns if figures else None,
            "code_bytes": sum(f["code_bytes"] for f in figures)
            if figures else None,
            "most": TRANSLATE_NS,
            "verdict": "missed" if ns and ns > TRANSLATE_NS else ""}


def threads_row(output):
    """From lines "name value unit limit" of bench_api."""
    values = {line.split()[0]: float(line.split()[1])
              for line in output.splitlines()}
    value = values.get("two_threads")
    return {"figure": "two_threads", "unit": "x", "value": value,
            "wall": values.get("two_threads_wall"), "least": TWO_THREADS,
            "verdict": verdict(value, TWO_THREADS)}


# --- Tables ----------------------------------------------------------------

def print_programs(rows, groups):
    print(f"{'':16}{'-------- CPU seconds ---------':>36}"
          f"{'times as fast as':>18}{'times':>8}")
    print(f"{'guest':16}{'disco':>9}{'qemu-sys':>9}{'qemu-usr':>9}"
          f"{'native':>9}{'qemu-sys':>9}{'qemu-usr':>9}{'native':>8}")
    for row in rows:
        s = row["seconds"]
        print(f"{row['guest']:16}{text(s['disco'], 9, 4)}"
              f"{text(s['qemu-system'], 9, 4)}{text(s['qemu-user'], 9, 4)}"
              f"{text(s['native'], 9, 4)}{text(row['qemu_system'], 9, 2)}"
              f"{text(row['qemu_user'], 9, 2)}{text(row['native'], 8, 2)}"
              f"  {row['verdict']}".rstrip())
    print(f"\n{'geometric mean':16}{'qemu-sys':>9}{'at least':>9}{'aim':>6}"
          f"{'qemu-usr':>10}{'native':>8}")
    for row in groups:
        print(f"{row['group']:16}{text(row['qemu_system'], 9, 2)}"
              f"{wanted(row['least'], 9)}{wanted(row['aim'], 6)}"
              f"{text(row['qemu_user'], 10, 2)}{text(row['native'], 8, 2)}"
              f"  {row['verdict']}".rstrip())


def print_system(rows):
    print(f"\n{'operation':16}{'disco ns':>10}{'qemu-sys ns':>13}{'ratio':>8}"
          f"{'at least':>10}{'aim':>6}")
    for row in rows:
        print(f"{row['operation']:16}{text(row['disco_ns'], 10, 1)}"
              f"{text(row['qemu_system_ns'], 13, 1)}"
              f"{text(row['qemu_system'], 8, 2)}{wanted(row['least'], 10)}"
              f"{wanted(row['aim'], 6)}  {row['verdict']}".rstrip())
    for row in rows:
        if "refills" in row:
            print(f"tlbrefill: {row['refills']} refills, about "
                  f"{row['refills_wanted']} wanted; with the L2TLB "
                  f"{text(row['l2tlb_ns'], 0, 1)} ns")


def print_figures(translate, threads):
    print(f"\ntranslation: {text(translate['value'], 0, 1)} ns a guest "
          f"instruction, at most {TRANSLATE_NS} "
          f"({text(translate['insns'], 0, 0)} instructions, "
          f"{text(translate['code_bytes'], 0, 0)} bytes of code)"
          f"  {translate['verdict']}".rstrip())
    print(f"two vCPUs on two host threads: {text(threads['value'], 0, 2)} "
          f"times one, at least {TWO_THREADS} (by the wall clock "
          f"{text(threads['wall'], 0, 2)})  {threads['verdict']}".rstrip())


def wanted(value, width):
    return f"{'-' if value is None else format(value, 'g'):>{width}}"


# --- Runs ------------------------------------------------------------------

def disco_command(build, engine):
    return [os.path.join(build, "examples", "disco-run"), "--quiet",
            "--memory", "256M", "--engine", engine]


def has_engine(build, engine):
    """Can this build run guests with it?  Says why not."""
    path = guest_path(build, "disco-mips4", "null")
    got = subprocess.run(disco_command(build, engine) + [path],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True, check=False)
    if got.returncode:
        print(f"run.py: engine {engine}: {got.stderr.strip()}",
              file=sys.stderr)
    return got.returncode == 0


def is_installed(program):
    if shutil.which(program):
        return True
    print(f"{program} is not installed: no peer", file=sys.stderr)
    return False


def make_plan(build, engine):
    """(guest, engines) for measure()."""
    disco = Engine("disco", "disco-mips4", disco_command(build, engine))
    boards = [disco]
    programs = [disco, Native()]
    if is_installed("qemu-system-mips64"):
        qemu = Engine("qemu-system", "malta-mips4", QEMU_SYSTEM)
        boards.append(qemu)
        programs.append(qemu)
    if is_installed("qemu-mips64"):
        programs.append(Engine("qemu-user", "linux-mips4", ["qemu-mips64"]))
    refill = [Engine("disco", "disco-mips4",
                     disco.command + ["--l2tlb", "off"]),
              Engine("disco l2tlb", "disco-mips4",
                     disco.command + ["--l2tlb", "on"])] + boards[1:]
    plan = [("null", programs + [refill[1]])]
    plan += [(guest, programs) for guest in PROGRAMS]
    plan += [(guest, refill if guest == "tlbrefill" else boards)
             for guest, *_ in SYSTEM]
    return plan


def stats_of(command):
    """The figures that a run of disco-run writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "stats.json")
        run(command[:1] + ["--stats", path] + command[1:])
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def translation_stats(build, engine):
    """A short run of each program: as much is translated as by a long one."""
    folder = os.path.join(build, "bench", "guests", "disco-mips4")
    return [stats_of(disco_command(build, engine) +
                     ["--append", "reps=2", os.path.join(folder, guest)])
            for guest in PROGRAMS]


def two_threads(build, engine):
    program = os.path.join(build, "bench", "bench_api")
    return subprocess.run([program, "--engine", engine, "two_threads"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, check=True).stdout


def bench_jit(args):
    engine = args.engine or "jit"
    rounds = args.rounds or 5
    if not has_engine(args.build, engine):
        return None
    samples = measure(make_plan(args.build, engine), rounds, args.build,
                      user_seconds)
    rows = [program_row(samples, guest) for guest in PROGRAMS]
    groups = [group_row(rows, *group) for group in GROUPS]
    system = [system_row(samples, guest, least, aim)
              for guest, _, least, aim in SYSTEM]
    figures = [translate_row(translation_stats(args.build, engine)),
               threads_row(two_threads(args.build, engine))]
    print(f"engine {engine}, user CPU time, medians of {rounds}")
    print_programs(rows, groups)
    print_system(system)
    print_figures(*figures)
    return rows + groups + system + figures
