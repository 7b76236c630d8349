"""The benchmark guests compute the same on every engine, under QEMU's user mode
and natively.

usage: test_guests.py DISCO_RUN SOURCE BUILD [--full]
--full: as many repetitions as a benchmark has, and the system guests beside
QEMU's malta machine.  Otherwise a few.
"""

import os
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
RUN, SOURCE, BUILD = (os.path.abspath(p) for p in sys.argv[1:4])
FULL = "--full" in sys.argv
sys.path.insert(0, os.path.join(SOURCE, "bench"))
import jit  # noqa: E402
import measure  # noqa: E402

# Enough to come through all of a guest; 2 where nothing stands here.
REPS = {"dhry": 2000, "coremix": 20, "sha256": 20, "interp": 1, "fib": 1,
        "nbody": 1000, "mandel": 1, "triad": 1, "chase": 20, "memcpy": 20,
        "strings": 50, "mul": 500, "calls": 1000, "float32": 8,
        "randacc": 20000}
SYSTEM_REPS = {"syscall": 5000, "asid": 2000, "timer": 20, "cp0": 3000,
               "tlbwi": 3000, "mmio": 3000, "smc": 500}


def output(command):
    got = subprocess.run(command, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, check=False, timeout=300)
    return got.stdout.decode("latin1")


def path(folder, guest):
    return measure.guest_path(BUILD, folder, guest)


def has_engine(engine):
    got = subprocess.run([RUN, "--quiet", "--engine", engine,
                          path("disco-mips4", "null")],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, check=False)
    return got.returncode == 0


def disco(engine, guest, reps, *options):
    append = ["--append", f"reps={reps}"] if reps else []
    return output([RUN, "--quiet", "--engine", engine, *options, *append,
                   path("disco-mips4", guest)])


class Checksums(unittest.TestCase):
    def setUp(self):
        self.engines = [e for e in ("interp", "jit") if has_engine(e)]
        self.assertIn("interp", self.engines)

    def same(self, guest, outputs):
        """{who: output}: all end with the same line."""
        ends = {who: text.splitlines()[-1:] for who, text in outputs.items()}
        first = next(iter(ends.values()))
        self.assertTrue(first and measure.checksum(first[0]), ends)
        for who, end in ends.items():
            self.assertEqual(end, first, f"{guest} on {who}")

    def test_programs(self):
        has_qemu = shutil.which("qemu-mips64") is not None
        for guest in ["null"] + jit.PROGRAMS:
            reps = None if FULL or guest == "null" else REPS.get(guest, 2)
            more = [str(reps)] if reps else []
            outputs = {"native": output([path("native", guest), "1", *more])}
            if has_qemu:
                outputs["qemu-mips64"] = output(
                    ["qemu-mips64", path("linux-mips4", guest), *more])
            for engine in self.engines:
                outputs[engine] = disco(engine, guest, reps)
            with self.subTest(guest):
                self.same(guest, outputs)

    def test_system(self):
        for guest in jit.OPERATIONS:
            reps = None if FULL else SYSTEM_REPS.get(guest, 5)
            outputs = {}
            for engine in self.engines:
                for l2tlb in ("off", "on"):
                    outputs[f"{engine}, L2TLB {l2tlb}"] = disco(
                        engine, guest, reps, "--l2tlb", l2tlb)
            if FULL and shutil.which("qemu-system-mips64"):
                outputs["malta"] = measure.run(
                    measure.QEMU_SYSTEM + [path("malta-mips4", guest)])[1]
            with self.subTest(guest):
                self.same(guest, outputs)

    def test_refills_are_taken(self):
        for engine in self.engines:
            text = disco(engine, "tlbrefill", 20, "--l2tlb", "off")
            self.assertTrue(jit.is_near(measure.info(text, "refills"),
                                        20 * jit.OPERATIONS["tlbrefill"]),
                            text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
