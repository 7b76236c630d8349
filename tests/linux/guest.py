"""Linux as a guest of disco-run: where it is, how to run it, what is wrong in
its console output.

A test gives a shell script; it goes into the guest as a second initial RAM
disk behind the first.  Lines that the script prints with "out" in front come
back as results, everything else is log.
"""

import fcntl
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SKIP = 77

# What no healthy kernel says.
BAD = re.compile(r"BUG|Oops|WARNING|\bstall|lockup|Call Trace|Kernel panic|"
                 r"hung task|blocked for more|segfault|Bus error|"
                 r"Illegal instruction|Segmentation|I/O error|bad page|"
                 r"corrupt", re.I)

# `workload 4 20`: hash and sum of each of its processes, the same under
# qemu-mips64 and on every other machine.  guests/linux has one program of that
# name, other builds of the guest have another one.
WORKLOADS = [
    {("6b8747de42895a00", "0.00261254467289"),
     ("43eae0fed98d2a01", "0.00896660668012"),
     ("1c4e7a1f7090fa02", "0.00397601988799"),
     ("f4b213400794ca03", "0.00239059980685")},
    {("5d8eab17f1bc6400", "0.002620609021"),
     ("35f2443888c03401", "0.0038155747081"),
     ("e55dd591fc40402", "0.00593606259432"),
     ("e6b97679b6c7d403", "0.00288154585569")},
]
WORKLOAD_ENDS = [
    "8000 of 8000 additions by lock, 8000 by LL/SC",
    "done cnt=8000 at=8000",
]

SOURCE = None   # the project's folder
RUN = None      # path of disco-run
KERNEL = None   # an ELF file
INITRD = None   # gzipped cpio
SLOW = False
LITTLE = False  # the guest for little-endian CPUs


def find_guests(source, build):
    """(kernel, initrd), or None: by the rule of scripts/lib.sh.  Guests for the
    other byte order are in a folder of theirs, "little"."""
    lib = os.path.join(source, "scripts", "lib.sh")
    command = ('. "$1" && dir=$(find_guests)' + '/little' * LITTLE +
               ' && [ -d "$dir" ] && unpacked_kernel "$dir" && '
               'initramfs_of "$dir"')
    if not shutil.which("bash") or not os.path.exists(lib):
        return None
    os.makedirs(build, exist_ok=True)
    # Tests that start at the same time unpack the kernel once.
    with open(os.path.join(build, ".guests.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        got = subprocess.run(["bash", "-c", command, "bash", lib],
                             env=dict(os.environ, DISCO_BUILD=build),
                             stdout=subprocess.PIPE, text=True, check=False)
    paths = got.stdout.splitlines()
    if got.returncode or len(paths) != 2:
        return None
    return paths


def main():
    """TEST.py DISCO_RUN SOURCE BUILD [--slow] [--little] [unittest arguments]
    """
    global SOURCE, RUN, KERNEL, INITRD, SLOW, LITTLE
    RUN, SOURCE, build = (os.path.abspath(p) for p in sys.argv[1:4])
    rest = sys.argv[4:]
    SLOW = "--slow" in rest
    LITTLE = "--little" in rest
    paths = find_guests(SOURCE, build)
    if not paths:
        print("no Linux guest: set DISCO_GUESTS")
        sys.exit(SKIP)
    KERNEL, INITRD = paths
    unittest.main("__main__", argv=sys.argv[:1] + [
        a for a in rest if a not in ("--slow", "--little")], verbosity=2)


def slow(test):
    """Decorator: only with --slow."""
    def wrapped(self):
        if not SLOW:
            self.skipTest("slow")
        return test(self)
    return wrapped


# --- A cpio archive (newc) -----------------------------------------------------

def cpio_member(number, name, mode, data):
    raw = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


def cpio(files):
    out = b""
    for number, (name, data) in enumerate(sorted(files.items())):
        out += cpio_member(number + 1, name, 0o100755, data)
    return out + cpio_member(0, "TRAILER!!!", 0, b"")


def is_workload_right(text):
    """Does the text hold what `workload 4 20` prints, and all of it?"""
    found = set(re.findall(r"([0-9a-f]{15,16}) (0\.[0-9]+)", text))
    return any(found == sums and end in text
               for sums, end in zip(WORKLOADS, WORKLOAD_ENDS))


# --- Runs ------------------------------------------------------------------------

# The kernel talks at the end, not in the middle of a result.
PROLOGUE = """#!/bin/sh
out() { echo "out $*"; }
dmesg -n 1
seen=$(dmesg | wc -l)
trap 'dmesg | tail -n +$((seen + 1)); dmesg -n 7' EXIT
"""


class Result:
    """One run: exit status, console text, results, figures."""

    def __init__(self, status, console, errors, stats):
        self.status = status
        self.raw = console
        self.text = console.decode("latin-1").replace("\r", "")
        self.errors = errors
        self.stats = stats
        self.out = re.findall(r"^(?:vm\d+: )?out (.*)$", self.text, re.M)

    def out_of(self, vm):
        return re.findall(r"^vm%d: out (.*)$" % vm, self.text, re.M)

    def complaints(self):
        return [line for line in self.text.splitlines() if BAD.search(line)]

    def insns(self):
        return [[cpu["insns"] for cpu in vm["vcpus"]]
                for vm in self.stats["vms"]]


class Case(unittest.TestCase):
    maxDiff = 4000

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="disco-linux-")
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def initrd(self, script, files):
        with open(INITRD, "rb") as f:
            first = f.read()
        first += b"\0" * (-len(first) % 4)
        script = (PROLOGUE + script).encode()
        return self.write("initrd", first + gzip.compress(
            cpio({"test.sh": script, **files}), mtime=0))

    def command(self, script, args, append="", files=None):
        words = ["console=ttyS0", append]
        initrd = INITRD
        if script is not None:
            words.append("disco.run=sh^/test.sh")
            initrd = self.initrd(script, files or {})
        return [RUN, "--quiet", *args, "--append",
                " ".join(w for w in words if w), "--initrd", initrd, KERNEL]

    def boot(self, script, *args, status=0, timeout=120, append="",
             files=None):
        """Run the script to the guest's power-off, with `files` (name: bytes)
        beside it.  Fails on any other exit status and on every complaint of
        the kernel."""
        args = [str(a) for a in args]
        if "--memory" not in args:
            args += ["--memory", "256M"]
        stats = self.path("stats.json")
        args += ["--stats", stats, "--timeout", str(timeout)]
        if LITTLE:
            args += ["--endian", "little"]
        got = subprocess.run(self.command(script, args, append, files),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=timeout + 30,
                             check=False)
        figures = None
        if os.path.exists(stats):
            with open(stats, encoding="utf-8") as f:
                figures = json.load(f)
            os.unlink(stats)
        result = Result(got.returncode, got.stdout,
                        got.stderr.decode("latin-1"), figures)
        if result.status != status or result.complaints():
            self.fail("%s\nexit status %d, wanted %d\n%s\n%s\n%s" % (
                " ".join(args), result.status, status, result.errors,
                "\n".join(result.complaints()), result.text[-1500:]))
        return result
