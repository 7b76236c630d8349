"""Run guests on engines in turn and take the times: processes, outputs,
medians.  What the figures mean is the callers' business.
"""
import math
import os
import re
import statistics
import subprocess
import sys
import threading

# GXemul takes tens of seconds where its floating point is slow.
LIMIT_SECONDS = 300
# The host tells user from system time by ticks of milliseconds: shorter runs
# are repeated, and their mean is taken.
SHORT_SECONDS = 0.1
SHORT_RUNS = 8
# One process repeats a native benchmark about so long.
NATIVE_SECONDS = 0.25
NATIVE_REPEATS = 400

QEMU_SYSTEM = ("qemu-system-mips64 -M malta -m 256 -vga none -display none "
               "-monitor none -serial stdio -nic none -no-reboot "
               "-cpu MIPS64R2-generic -kernel").split()


def run(command):
    """The process's resource usage, its output."""
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
    return usage, output


def user_seconds(usage):
    return usage.ru_utime


def cpu_seconds(usage):
    return usage.ru_utime + usage.ru_stime


# --- Guests ----------------------------------------------------------------

def guest_path(build, folder, guest):
    path = os.path.join(build, "bench", "guests", folder, guest)
    if not os.path.exists(path):
        sys.exit(f"run.py: no guest {path}; building it needs the MIPS cross "
                 "compiler")
    return path


def checksum(output):
    match = re.search(r"BENCH \S+ \d+ ([0-9a-f]{16})", output)
    return match and match[1]


def repetitions(output):
    match = re.search(r"BENCH \S+ (\d+) [0-9a-f]{16}", output)
    return match and int(match[1])


def info(output, name):
    """The number of an "INFO name hex" line; None without one."""
    match = re.search(rf"INFO {name} ([0-9a-f]{{16}})", output)
    return match and int(match[1], 16)


class Engine:
    """Something that runs guests: a folder of them and a command."""

    def __init__(self, name, folder, command):
        self.name = name
        self.folder = folder
        self.command = command

    def sample(self, path, clock):
        """Seconds of one run, its output."""
        seconds = []
        while True:
            usage, output = run(self.command + [path])
            seconds.append(clock(usage))
            if not checksum(output) or sum(seconds) >= SHORT_SECONDS or \
                    len(seconds) == SHORT_RUNS:
                return statistics.mean(seconds), output


class Native(Engine):
    """The host itself: one process repeats the benchmark."""

    def __init__(self):
        super().__init__("native", "native", [])
        self.repeats = {}

    def sample(self, path, clock):
        if path not in self.repeats:
            once = clock(run([path])[0])
            self.repeats[path] = min(
                math.ceil(NATIVE_SECONDS / max(once, 1e-6)), NATIVE_REPEATS)
        count = self.repeats[path]
        usage, output = run([path, str(count)])
        return clock(usage) / count, output


class Samples:
    """seconds[guest][engine]: one number a round; output[guest][engine]: of
    the last round."""

    def __init__(self):
        self.seconds = {}
        self.output = {}

    def add(self, guest, engine, seconds, output):
        self.seconds.setdefault(guest, {}).setdefault(engine, []).append(
            seconds)
        self.output.setdefault(guest, {})[engine] = output

    def net(self, guest, engine):
        """Median seconds without the start-up; None if it was not run."""
        values = self.seconds.get(guest, {}).get(engine)
        if not values:
            return None
        zero = self.seconds.get("null", {}).get(engine)
        # The host's own start-up is nothing, and shared by many repetitions.
        start = statistics.median(zero) if zero and engine != "native" else 0
        return max(statistics.median(values) - start, 1e-4)


def turned(items, number):
    """The items, beginning with another one each round."""
    turn = number % len(items)
    return items[turn:] + items[:turn]


def measure(plan, rounds, build, clock):
    """Samples of `plan`, a list of (guest, engines); engines of one guest run
    back to back.  All must come to the same checksum."""
    samples, sums = Samples(), {}
    for number in range(rounds):
        for guest, engines in plan:
            for engine in turned(engines, number):
                path = guest_path(build, engine.folder, guest)
                seconds, output = engine.sample(path, clock)
                found = checksum(output)
                if not found:
                    sys.exit(f"run.py: {engine.name} on {guest} did not "
                             f"finish: {output[-200:]!r}")
                if sums.setdefault(guest, found) != found:
                    sys.exit(f"run.py: {engine.name} on {guest}: checksum "
                             f"{found}, others have {sums[guest]}")
                samples.add(guest, engine.name, seconds, output)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return samples


# --- Arithmetic ------------------------------------------------------------

def geomean(values):
    return statistics.geometric_mean(values) if values else None


def ratio(a, b):
    """a / b; None when one is unknown."""
    return a / b if a is not None and b else None


def verdict(value, least, aim=None):
    """What a figure that should be large makes of what was wanted."""
    if value is None or least is None:
        return ""
    if value < least:
        return "missed"
    return "aim reached" if aim is not None and value >= aim else ""


def text(value, width, digits):
    """A number for a table; n/a when it is unknown."""
    number = "n/a" if value is None else f"{value:.{digits}f}"
    return number.rjust(width)
