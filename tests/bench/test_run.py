"""The arithmetic of bench/run.py and its tables, on canned output: no guest
runs and nothing is timed.

usage: test_run.py SOURCE
"""

import contextlib
import io
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
SOURCE = sys.argv.pop(1)
sys.path.insert(0, os.path.join(SOURCE, "bench"))
import jit  # noqa: E402
import linux  # noqa: E402
import measure  # noqa: E402

END = "!\nINFO refills 000000000007d000\nBENCH %s %d 0123456789abcdef\n"


def samples(seconds, reps=1, output=END):
    """Samples of {(guest, engine): [seconds]}."""
    made = measure.Samples()
    for (guest, engine), values in seconds.items():
        for value in values:
            made.add(guest, engine, value, output % (guest, reps))
    return made


def program_samples(disco, qemu, native):
    """All programs take the same."""
    seconds = {("null", "disco"): [0.0], ("null", "qemu-system"): [0.0]}
    for guest in jit.PROGRAMS:
        seconds[guest, "disco"] = [disco]
        seconds[guest, "native"] = [native]
        if qemu:
            seconds[guest, "qemu-system"] = [qemu]
    return samples(seconds)


def printed(function, *args):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        function(*args)
    return out.getvalue()


class Output(unittest.TestCase):
    def test_what_a_guest_prints(self):
        text = END % ("tlbrefill", 500)
        self.assertEqual(measure.checksum(text), "0123456789abcdef")
        self.assertEqual(measure.repetitions(text), 500)
        self.assertEqual(measure.info(text, "refills"), 512000)
        self.assertIsNone(measure.info(text, "spins"))
        self.assertIsNone(measure.checksum("!\nINFO trap_cause 0"))

    def test_numbers(self):
        self.assertEqual(measure.text(None, 6, 2), "   n/a")
        self.assertEqual(measure.text(1.238, 6, 2), "  1.24")
        self.assertIsNone(measure.ratio(None, 2))
        self.assertIsNone(measure.ratio(2, None))
        self.assertEqual(measure.ratio(3, 2), 1.5)
        self.assertEqual(measure.turned([1, 2, 3], 4), [2, 3, 1])

    def test_verdicts(self):
        self.assertEqual(measure.verdict(2.4, 2.5, 4), "missed")
        self.assertEqual(measure.verdict(2.5, 2.5, 4), "")
        self.assertEqual(measure.verdict(4, 2.5, 4), "aim reached")
        self.assertEqual(measure.verdict(None, 2.5, 4), "")
        self.assertEqual(measure.verdict(0.1, None), "")


class Programs(unittest.TestCase):
    def test_start_up_is_subtracted(self):
        made = samples({("null", "disco"): [0.1, 0.3, 0.2],
                        ("fib", "disco"): [0.7, 1.2, 0.6],
                        ("null", "native"): [0.5], ("fib", "native"): [0.25]})
        self.assertAlmostEqual(made.net("fib", "disco"), 0.5)
        self.assertEqual(made.net("fib", "native"), 0.25)
        self.assertIsNone(made.net("fib", "qemu-user"))
        # Never nothing, or ratios would have no meaning.
        self.assertEqual(samples({("null", "disco"): [0.2],
                                  ("fib", "disco"): [0.1]})
                         .net("fib", "disco"), 1e-4)

    def test_rows(self):
        made = program_samples(0.5, 1.5, 0.25)
        row = jit.program_row(made, "dhry")
        self.assertEqual((row["qemu_system"], row["native"]), (3, 2))
        self.assertIsNone(row["qemu_user"])
        self.assertEqual(row["verdict"], "")
        slow = jit.program_row(program_samples(1.6, 1.5, 1), "dhry")
        self.assertEqual(slow["verdict"], "missed")

    def test_groups(self):
        rows = [{"guest": "interp", "qemu_system": 2, "qemu_user": 1,
                 "native": 3},
                {"guest": "fib", "qemu_system": 8, "qemu_user": None,
                 "native": 3}]
        row = jit.group_row(rows, "both", ["interp", "fib"], 3, 6)
        self.assertAlmostEqual(row["qemu_system"], 4)
        self.assertAlmostEqual(row["native"], 3)
        self.assertIsNone(row["qemu_user"])
        self.assertEqual(row["verdict"], "")
        row = jit.group_row(rows, "one", ["interp"], 3, 6)
        self.assertEqual(row["verdict"], "missed")

    def test_every_guest_is_in_a_group(self):
        self.assertEqual(len(jit.PROGRAMS), len(set(jit.PROGRAMS)))
        grouped = {guest for _, guests, _, _ in jit.GROUPS for guest in guests}
        self.assertEqual(grouped, set(jit.PROGRAMS))
        folder = os.path.join(SOURCE, "bench", "guests", "bench")
        self.assertEqual(set(jit.PROGRAMS) | {"null"},
                         {name[:-2] for name in os.listdir(folder)})
        folder = os.path.join(SOURCE, "bench", "guests", "sys")
        self.assertEqual(set(jit.OPERATIONS) | {"idle"},
                         {name[:-2] for name in os.listdir(folder)})

    def test_table(self):
        made = program_samples(0.5, 1.0, 0.25)
        rows = [jit.program_row(made, guest) for guest in jit.PROGRAMS]
        groups = [jit.group_row(rows, *group) for group in jit.GROUPS]
        out = printed(jit.print_programs, rows, groups).splitlines()
        lines = {line[:16].strip(): line[16:].split() for line in out}
        self.assertEqual(lines["lu"], ["0.5000", "1.0000", "n/a", "0.2500",
                                       "2.00", "n/a", "2.00"])
        self.assertEqual(lines["integer"],
                         ["2.00", "2.5", "4", "n/a", "2.00", "missed"])
        self.assertEqual(lines["memory"],
                         ["2.00", "2", "4", "n/a", "2.00"])
        self.assertEqual(lines["not in the set"],
                         ["2.00", "-", "-", "n/a", "2.00"])

    def test_table_without_peers(self):
        made = program_samples(0.5, None, 0.25)
        rows = [jit.program_row(made, guest) for guest in jit.PROGRAMS]
        groups = [jit.group_row(rows, *group) for group in jit.GROUPS]
        out = printed(jit.print_programs, rows, groups)
        self.assertNotIn("missed", out)
        self.assertIn("n/a", out)


class System(unittest.TestCase):
    def refill(self, refills):
        output = END.replace("000000000007d000", "%016x" % refills)
        return jit.system_row(samples({
            ("null", "disco"): [0.0], ("tlbrefill", "disco"): [0.1024],
            ("tlbrefill", "disco l2tlb"): [0.0512],
            ("null", "qemu-system"): [0.1],
            ("tlbrefill", "qemu-system"): [1.124]}, 500, output),
            "tlbrefill", 5, 12)

    def test_refills(self):
        row = self.refill(512000)
        self.assertAlmostEqual(row["disco_ns"], 200)
        self.assertAlmostEqual(row["l2tlb_ns"], 100)
        self.assertAlmostEqual(row["qemu_system_ns"], 2000)
        self.assertEqual((row["refills"], row["refills_wanted"]),
                         (512000, 512000))
        self.assertEqual(row["verdict"], "")
        self.assertIn("512000 refills, about 512000 wanted; with the L2TLB "
                      "100.0 ns", printed(jit.print_system, [row]))

    def test_refills_that_did_not_happen(self):
        self.assertEqual(self.refill(8)["verdict"], "missed: refills")

    def test_operations(self):
        made = samples({("null", "disco"): [0.1], ("null", "qemu-system"):
                        [0.2], ("syscall", "disco"): [0.4],
                        ("syscall", "qemu-system"): [0.8]}, 3000000)
        row = jit.system_row(made, "syscall", 4, 10)
        self.assertAlmostEqual(row["disco_ns"], 100)
        self.assertAlmostEqual(row["qemu_system_ns"], 200)
        self.assertEqual(row["verdict"], "missed")
        made = samples({("null", "disco"): [0.0],
                        ("tlbhit", "disco"): [0.24576]}, 30000)
        row = jit.system_row(made, "tlbhit", 1, None)
        self.assertAlmostEqual(row["disco_ns"], 1)
        self.assertIsNone(row["qemu_system"])

    def test_translation(self):
        one = {"jit": {"translated_insns": 1000, "translate_ns": 100000,
                       "code_bytes": 20000}}
        two = {"jit": {"translated_insns": 3000, "translate_ns": 500000,
                       "code_bytes": 60000}}
        row = jit.translate_row([one, two])
        self.assertEqual((row["value"], row["insns"], row["code_bytes"]),
                         (150, 4000, 80000))
        self.assertEqual(row["verdict"], "")
        two["jit"]["translate_ns"] = 900000
        self.assertEqual(jit.translate_row([one, two])["verdict"], "missed")
        none = jit.translate_row([{}, {}])
        self.assertIsNone(none["value"])
        self.assertIn("n/a ns", printed(jit.print_figures, none,
                                        jit.threads_row("")))

    def test_two_threads(self):
        row = jit.threads_row("budget_cost 0.10 % 2\ntwo_threads 1.75 x 1.8\n"
                              "two_threads_wall 1.50 x 0\n")
        self.assertEqual((row["value"], row["wall"], row["verdict"]),
                         (1.75, 1.5, "missed"))
        self.assertIsNone(jit.threads_row("")["value"])


class Rounds(unittest.TestCase):
    """measure() with shell scripts for guests."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = folder.name

    def guest(self, folder, name, text):
        path = os.path.join(self.build, "bench", "guests", folder)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            file.write(f"echo {folder} >> {self.build}/order\n"
                       f"echo '{text}'\n")

    def measure(self, guest, rounds):
        engines = [measure.Engine(n, n, ["sh"]) for n in ("one", "two")]
        with contextlib.redirect_stderr(io.StringIO()):
            return measure.measure([(guest, engines)], rounds, self.build,
                                   lambda usage: 1.0)

    def test_order_turns(self):
        for folder in ("one", "two"):
            self.guest(folder, "fib", END % ("fib", 3))
        made = self.measure("fib", 3)
        self.assertEqual(made.seconds, {"fib": {"one": [1.0] * 3,
                                                "two": [1.0] * 3}})
        with open(os.path.join(self.build, "order"), encoding="utf-8") as f:
            self.assertEqual(f.read().split(),
                             ["one", "two", "two", "one", "one", "two"])

    def test_wrong_checksum(self):
        self.guest("one", "fib", END % ("fib", 3))
        self.guest("two", "fib", "BENCH fib 3 0000000000000000")
        with self.assertRaisesRegex(SystemExit, "two on fib: checksum"):
            self.measure("fib", 1)

    def test_guest_that_dies(self):
        self.guest("one", "fib", "INFO trap_cause 0000000000000010")
        with self.assertRaisesRegex(SystemExit, "did not finish"):
            self.measure("fib", 1)


class Linux(unittest.TestCase):
    def marks(self, **seconds):
        made = linux.Marks()
        made.seconds = seconds
        made.boot = (seconds["sort"] * 2, seconds["sort"])
        return made

    def test_lines(self):
        made = linux.Marks()
        for number, line in enumerate([
                "mark begin sort", "junk", "mark end sort",
                "sum sort 0123  -", "mark end nothing", ""]):
            made.line(line, number * 1.5)
        self.assertEqual(made.seconds, {"sort": 3.0})
        self.assertEqual(made.sums, {"sort": "0123"})

    def test_rows(self):
        disco = [self.marks(sort=s, gzip=1.0, workload=9.0)
                 for s in (1.0, 5.0, 2.0)]
        qemu = [self.marks(sort=1.0, gzip=1.0, workload=1.0)]
        rows = linux.program_rows(["sort", "gzip", "workload"], disco, qemu)
        self.assertEqual([r["program"] for r in rows],
                         ["sort", "gzip", "sum", "workload"])
        self.assertEqual([r["disco"] for r in rows], [2.0, 1.0, 3.0, 9.0])
        self.assertEqual(rows[2]["ratio"], 1.5)
        self.assertEqual([r["verdict"] for r in rows],
                         ["", "", "missed", ""])
        rows = linux.program_rows(["sort"], disco, None)
        self.assertIsNone(rows[-1]["ratio"])
        boot = linux.boot_row(disco)
        self.assertEqual((boot["value"], boot["verdict"]), (4.0, "missed"))
        out = printed(linux.print_rows, boot, rows,
                      jit.translate_row([{}]), linux.share_row({}, None))
        self.assertIn("to the shell: 4.00 s", out)
        self.assertIn("translates n/a of", out)

    def test_second_vm(self):
        one = {"jit": {"translated_insns": 1000}}
        two = {"jit": {"translated_insns": 1050}}
        row = linux.share_row(one, two)
        self.assertEqual((row["value"], row["verdict"]), (0.05, ""))
        two["jit"]["translated_insns"] = 1900
        self.assertEqual(linux.share_row(one, two)["verdict"], "missed")

    def test_outputs_are_compared(self):
        one, two = linux.Marks(), linux.Marks()
        one.sums, two.sums = {"sort": "1"}, {"sort": "2"}
        with self.assertRaisesRegex(SystemExit, "outputs of sort differ"):
            linux.check_outputs([("sort", "", "")], [one, two])
        two.sums = {"sort": "1"}
        linux.check_outputs([("sort", "", "")], [one, two])
        with self.assertRaisesRegex(SystemExit, "workload computes wrong"):
            linux.check_outputs([("workload", "", "")], [one])

    def test_files_of_a_ram_disk(self):
        files = {"bin/busybox": b"\x7fELF" * 5, "init": b"#!/bin/sh\n"}
        archive = linux.guest.cpio_member(0, "bin", 0o040755, b"") + \
            linux.guest.cpio(files)
        self.assertEqual(linux.files_of(archive), files)

    def test_script(self):
        script = linux.run_script([("sort", "o", "busybox sort x")])
        self.assertIn('echo "mark begin sort"\nbusybox sort x > o\n'
                      'echo "mark end sort"\n', script)
        self.assertTrue(script.endswith('echo "mark end all"\n'))


if __name__ == "__main__":
    unittest.main(verbosity=2)
