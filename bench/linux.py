"""The benchmark `linux`: Linux to its shell, then programs typed into it,
against the same binaries under QEMU's user mode.

Times are CPU times of the whole process, user and system: QEMU's user mode
leaves to the host's kernel what our guest's kernel does itself.  The guest's
are read off when it prints a mark; QEMU's start-up is subtracted.
"""
import gzip
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from jit import (disco_command, has_engine, is_installed, stats_of,
                 translate_row, wanted)
from measure import cpu_seconds, ratio, run, text, turned

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TOP, "tests", "linux"))
import guest  # noqa: E402

PROMPT = b"/ # "
BOOT_SECONDS = 3           # most to the shell
USER_MODE = 1.3            # times QEMU's user mode: most
SHARE = 0.1                # second VM's translations of the first's: most

# Name, file that takes the output, command.  Programs of the initial RAM disk,
# none of which starts another one: QEMU's user mode could not.
PROGRAMS = [
    ("generate", "source.txt",
     "busybox awk -v functions=70 -f source.awk"),
    ("compile", "code.txt", "busybox awk -f compile.awk source.txt"),
    ("shell", "shell.out", "busybox sh shell.sh"),
    ("sort", "sort.out", "busybox sort -u" + 3 * " code.txt"),
    ("gzip", "code.gz", "busybox gzip -c" + 24 * " code.txt"),
    ("bzip2", "code.bz2", "busybox bzip2 -c" + 6 * " code.txt"),
    ("checksum", "sums.out", "busybox sha256sum" + 120 * " code.txt"),
    ("workload", "workload.out", "workload 4 20"),
]
# Processes and threads are dear in QEMU's user mode: not part of the sum.
APART = ("workload",)
SCRIPTS = ("source.awk", "compile.awk", "shell.sh")
BINARIES = ("busybox", "workload")


# --- Files -----------------------------------------------------------------

def files_of(archive):
    """{path: bytes} of the regular files of a cpio archive (newc)."""
    files, at = {}, 0
    while archive[at:at + 6] == b"070701":
        mode, bytes_, name_bytes = (
            int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16)
            for i in (1, 6, 11))
        name = archive[at + 110:at + 110 + name_bytes - 1].decode()
        start = (at + 110 + name_bytes + 3) & ~3
        if name == "TRAILER!!!":
            break
        if mode >> 12 == 8:
            files[name.lstrip("/")] = archive[start:start + bytes_]
        at = (start + bytes_ + 3) & ~3
    return files


def run_script(programs):
    """What is typed into the guest: each program between two marks, then the
    hash of its output."""
    lines = ["cd /tmp", "cp /bench/* ."]
    for name, output, command in programs:
        lines += [f'echo "mark begin {name}"', f"{command} > {output}",
                  f'echo "mark end {name}"',
                  f'echo "sum {name} $(md5sum < {output})"']
        if name == "workload":
            lines.append(f"cat {output}")
    return "\n".join(lines + ['echo "mark end all"', ""])


def make_initrd(folder, initrd, scripts, programs):
    """The guest's own RAM disk and a second one behind it."""
    with open(initrd, "rb") as file:
        first = file.read()
    first += b"\0" * (-len(first) % 4)
    # The kernel's unpacker makes no folders on the way.
    files = {f"bench/{name}": data for name, data in scripts.items()}
    files["bench/run.sh"] = run_script(programs).encode()
    archive = guest.cpio_member(0, "bench", 0o040755, b"") + guest.cpio(files)
    path = os.path.join(folder, "initrd")
    with open(path, "wb") as file:
        file.write(first + gzip.compress(archive, mtime=0))
    return path


# --- Runs ------------------------------------------------------------------

def cpu_seconds_of(pid):
    """CPU time so far of a process that runs: all, and its user part."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        ticks = int(file.read().rpartition(")")[2].split()[11])
    # The kernel's number of that process's CPU clock.
    return (time.clock_gettime(~pid << 3 | 2),
            ticks / os.sysconf("SC_CLK_TCK"))


class Console:
    """disco-run with Linux, and how much CPU time it had used when a text
    came."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=0)
        self.timer = threading.Timer(600, self.process.kill)
        self.timer.start()
        self.seen = b""

    def wait_for(self, wanted, on_line=None):
        """The two CPU times when `wanted` was there."""
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                sys.exit(f"run.py: Linux ended before {wanted!r}: "
                         f"{self.seen[-500:]!r}")
            now = cpu_seconds_of(self.process.pid)
            done = self.seen.count(b"\n")
            self.seen += data.replace(b"\r", b"")
            if on_line:
                for line in self.seen.split(b"\n")[done:-1]:
                    on_line(line.decode("latin1"), now[0])
            if wanted in self.seen:
                return now

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def close(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Marks:
    """One pass over the programs: seconds of each, hashes of their outputs,
    all that was said, and for a machine its CPU times at the shell."""

    def __init__(self):
        self.begin, self.seconds, self.sums = {}, {}, {}
        self.boot, self.said = None, ""

    def line(self, line, now):
        words = line.split()
        if words[:2] == ["mark", "begin"]:
            self.begin[words[2]] = now
        elif words[:2] == ["mark", "end"] and words[2] in self.begin:
            self.seconds[words[2]] = now - self.begin[words[2]]
        elif words[:1] == ["sum"]:
            self.sums[words[1]] = words[2]


def run_disco(command):
    console, marks = Console(command), Marks()
    try:
        marks.boot = console.wait_for(PROMPT)
        console.type("sh /bench/run.sh")
        console.wait_for(b"mark end all\n", marks.line)
    finally:
        console.close()
    marks.said = console.seen.decode("latin1")
    return marks


def run_qemu(folder, programs):
    marks = Marks()
    start = statistics.median(
        cpu_seconds(run(["qemu-mips64", f"{folder}/busybox", "true"])[0])
        for _ in range(3))
    for name, output, command in programs:
        path = os.path.join(folder, output)
        words = command.split()
        with open(path, "wb") as file:
            process = subprocess.Popen(
                ["qemu-mips64", f"{folder}/{words[0]}"] + words[1:],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=file)
            _, process.returncode, usage = os.wait4(process.pid, 0)
        with open(path, "rb") as file:
            data = file.read()
        marks.seconds[name] = max(cpu_seconds(usage) - start, 1e-4)
        marks.sums[name] = hashlib.md5(data).hexdigest()
        if name == "workload":
            marks.said = data.decode("latin1")
    return marks


def check_outputs(programs, passes):
    """Stops at a program whose output differs.  The workload's lines come in
    any order, with a time in them."""
    for name, *_ in programs:
        if name == "workload":
            for marks in passes:
                if not guest.is_workload_right(marks.said):
                    sys.exit(f"run.py: linux: {name} computes wrong: "
                             f"{marks.said[-500:]!r}")
        elif len({marks.sums.get(name) for marks in passes}) != 1:
            sys.exit(f"run.py: linux: outputs of {name} differ: "
                     f"{[marks.sums.get(name) for marks in passes]}")


# --- Rows ------------------------------------------------------------------

def at_most(value, most):
    return "missed" if value is not None and value > most else ""


def boot_row(passes):
    cpu = statistics.median(marks.boot[0] for marks in passes)
    return {"figure": "boot", "unit": "s", "value": cpu,
            "user_seconds": statistics.median(m.boot[1] for m in passes),
            "most": BOOT_SECONDS, "verdict": at_most(cpu, BOOT_SECONDS)}


def median_of(passes, name):
    if not passes:
        return None
    return statistics.median(marks.seconds[name] for marks in passes)


def program_row(name, disco, qemu, most=None):
    value = ratio(disco, qemu)
    return {"program": name, "disco": disco, "qemu_user": qemu,
            "ratio": value, "most": most,
            "verdict": at_most(value, most) if most else ""}


def program_rows(names, disco, qemu):
    """Medians of the passes, and their sum."""
    rows = [program_row(name, median_of(disco, name), median_of(qemu, name))
            for name in names]
    parts = [row for row in rows if row["program"] not in APART]
    total = program_row("sum", sum(row["disco"] for row in parts),
                        sum(row["qemu_user"] for row in parts)
                        if qemu else None, USER_MODE)
    return parts + [total] + [r for r in rows if r["program"] in APART]


def share_row(one, two):
    """How much more two VMs translate than one."""
    value = None
    if one and two and "jit" in one and "jit" in two:
        value = ratio(two["jit"]["translated_insns"] -
                      one["jit"]["translated_insns"],
                      one["jit"]["translated_insns"])
    return {"figure": "second VM", "unit": "", "value": value, "most": SHARE,
            "verdict": at_most(value, SHARE)}


def print_rows(boot, rows, translate, share):
    print(f"to the shell: {boot['value']:.2f} s of CPU time "
          f"({boot['user_seconds']:.2f} s user), at most {BOOT_SECONDS}"
          f"  {boot['verdict']}".rstrip())
    print(f"\n{'program':12}{'disco s':>9}{'qemu-usr s':>12}{'times':>8}"
          f"{'at most':>9}")
    for row in rows:
        print(f"{row['program']:12}{row['disco']:9.3f}"
              f"{text(row['qemu_user'], 12, 3)}{text(row['ratio'], 8, 2)}"
              f"{wanted(row['most'], 9)}  {row['verdict']}".rstrip())
    print(f"\ntranslation while booting: {text(translate['value'], 0, 1)} ns "
          f"a guest instruction ({text(translate['insns'], 0, 0)} "
          f"instructions)  {translate['verdict']}".rstrip())
    print(f"a second VM that boots the same kernel translates "
          f"{text(share['value'], 0, 3)} of what the first does, at most "
          f"{SHARE}  {share['verdict']}".rstrip())


# --- All of it -------------------------------------------------------------

def compare(command, folder, programs, rounds):
    """{"disco": passes, "qemu": passes}."""
    runs = {"disco": lambda: run_disco(command)}
    if is_installed("qemu-mips64"):
        runs["qemu"] = lambda: run_qemu(folder, programs)
    passes = {name: [] for name in runs}
    for number in range(rounds):
        for name in turned(list(runs), number):
            passes[name].append(runs[name]())
        check_outputs(programs, [marks[-1] for marks in passes.values()])
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return passes


def boot_stats(command, kernel, initrd, vms):
    """Figures of VMs that boot and power off; the same each time."""
    return stats_of(command + [
        "--deterministic", "--vms", str(vms), "--append",
        "console=ttyS0 disco.run=true", "--initrd", initrd, kernel])


def lay_out(folder, initrd):
    """Puts scripts and binaries into the folder; the programs that can run,
    the scripts."""
    with gzip.open(initrd) as file:
        files = files_of(file.read())
    scripts = {}
    for name in SCRIPTS:
        with open(os.path.join(HERE, "userland", name), "rb") as file:
            scripts[name] = file.read()
    binaries = {name: files["bin/" + name] for name in BINARIES
                if "bin/" + name in files}
    for name, data in {**scripts, **binaries}.items():
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, 0o755)
    return [p for p in PROGRAMS if p[2].split()[0] in binaries], scripts


def bench_linux(args):
    engine = args.engine or "jit"
    rounds = args.rounds or 5
    if not has_engine(args.build, engine):
        return None
    paths = guest.find_guests(TOP, os.path.abspath(args.build))
    if not paths:
        print("run.py: no Linux guest: set DISCO_GUESTS, or build one with "
              "guests/linux/build.sh", file=sys.stderr)
        return None
    kernel, initrd = paths
    command = disco_command(args.build, engine)
    with tempfile.TemporaryDirectory() as folder:
        programs, scripts = lay_out(folder, initrd)
        more = make_initrd(folder, initrd, scripts, programs)
        passes = compare(command + ["--append", "console=ttyS0", "--initrd",
                                    more, kernel], folder, programs, rounds)
    one = boot_stats(command, kernel, initrd, 1)
    two = boot_stats(command, kernel, initrd, 2) if "jit" in one else None
    boot = boot_row(passes["disco"])
    rows = program_rows([p[0] for p in programs], passes["disco"],
                        passes.get("qemu"))
    figures = [translate_row([one]), share_row(one, two)]
    print(f"engine {engine}, CPU time (user and system), medians of {rounds}")
    print_rows(boot, rows, *figures)
    return [boot] + rows + figures
