"""Run disco-run as its users do: options, outputs, exit statuses.

usage: test_disco_run.py DISCO_RUN
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest_elf import (Asm, BASE, IDLE, MAILBOX, UART, VIRTIO, elf)  # noqa

DISCO_RUN = None
CODE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "../../scripts/code.py")


def hello(status=0):
    a = Asm()
    a.puts("hello\n")
    a.exit(status)
    return a


def spin():
    a = Asm()
    a.label("loop")
    a.b("loop")
    return a


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def file(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def kernel(self, asm, bits=64, order=">"):
        return self.file("kernel", elf(asm.code(order), bits, order))

    def run_it(self, *args, stdin=b"", timeout=60):
        """stdin None = /dev/null."""
        kwargs = {"input": stdin}
        if stdin is None:
            kwargs = {"stdin": subprocess.DEVNULL}
        return subprocess.run([DISCO_RUN, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout,
                              check=False, **kwargs)

    def expect(self, result, status, stdout=b""):
        self.assertEqual((result.returncode, result.stdout),
                         (status, stdout), result.stderr)

    def stats(self, *args, status=0):
        result = self.run_it(*args, "--stats", self.path("stats.json"))
        self.assertEqual(result.returncode, status, result.stderr)
        with open(self.path("stats.json"), encoding="utf-8") as f:
            return json.load(f)


class Basics(Case):
    def test_hello_in_all_kinds(self):
        for bits in (32, 64):
            for order in (">", "<"):
                with self.subTest(bits=bits, order=order):
                    kernel = self.kernel(hello(7), bits, order)
                    self.expect(self.run_it("--quiet", kernel), 7, b"hello\n")

    def test_status_is_eight_bits(self):
        self.expect(self.run_it(self.kernel(hello(0x105))), 5, b"hello\n")

    def test_quiet_says_nothing(self):
        result = self.run_it("--quiet", self.kernel(hello()), stdin=None)
        self.assertEqual(result.stderr, b"")

    def test_help(self):
        result = self.run_it("--help")
        self.assertEqual(result.returncode, 0)
        for option in (b"--vms", b"--max-insns", b"--stats", b"--disk"):
            self.assertIn(option, result.stdout)

    def test_options_with_equals_sign(self):
        kernel = self.kernel(hello())
        self.expect(self.run_it("--memory=16M", "--append=a=b c", "--cpus=2",
                                kernel), 0, b"hello\n")

    def test_options_after_kernel(self):
        self.expect(self.run_it(self.kernel(hello()), "--memory", "8192K"), 0,
                    b"hello\n")

    def test_named_endian(self):
        kernel = self.kernel(hello(), 64, "<")
        self.expect(self.run_it("--endian", "little", kernel), 0, b"hello\n")

    def test_entry_state(self):
        """a0 = -2, a1 = an aligned tree in kseg0, Status and Config.K0."""
        a = Asm()
        a.imm("addiu", "t0", "zero", -2)
        a.imm("ori", "s0", "zero", 1)
        a.branch("bne", "a0", "t0", "end")
        a.imm("ori", "s0", "zero", 2)
        a.imm("lw", "t0", "a1", 0)
        a.li("t1", 0xd00dfeed)
        a.branch("bne", "t0", "t1", "end")
        a.imm("ori", "s0", "zero", 3)
        a.imm("andi", "t0", "a1", 7)
        a.branch("bne", "t0", "zero", "end")
        a.imm("ori", "s0", "zero", 4)
        a.mfc0("t0", 12)
        a.li("t1", 0x0040009f)  # BEV, KX, KSU, ERL, EXL, IE
        a.reg("and", "t0", "t0", "t1")
        a.imm("ori", "t1", "zero", 0x80)
        a.branch("bne", "t0", "t1", "end")
        a.imm("ori", "s0", "zero", 5)
        a.mfc0("t0", 16)
        a.imm("andi", "t0", "t0", 7)
        a.imm("ori", "t1", "zero", 5)
        a.branch("bne", "t0", "t1", "end")
        a.imm("ori", "s0", "zero", 42)
        a.label("end")
        a.exit_reg("s0")
        self.expect(self.run_it(self.kernel(a)), 42)
        self.expect(self.run_it("--mode", "disco", self.kernel(a)), 42)

    def test_console_input(self):
        """Echo until a q comes."""
        a = Asm()
        a.li("s0", UART)
        a.imm("ori", "s1", "zero", ord("q"))
        a.label("wait")
        a.imm("lbu", "t0", "s0", 5)
        a.imm("andi", "t0", "t0", 1)
        a.branch("beq", "t0", "zero", "wait")
        a.imm("lbu", "t0", "s0", 0)
        a.branch("beq", "t0", "s1", "end")
        a.imm("sb", "t0", "s0", 0)
        a.b("wait")
        a.label("end")
        a.exit(3)
        text = bytes(range(0x20, 0x71)) * 10
        self.expect(self.run_it(self.kernel(a), stdin=text + b"q"), 3, text)

    def test_reset_restarts(self):
        """Memory outside the image survives, the image is loaded again."""
        a = Asm()
        a.li("s0", BASE + 0x10000)
        a.imm("lw", "t0", "s0", 0)
        a.branch("bne", "t0", "zero", "again")
        a.puts("first\n")
        a.imm("ori", "t0", "zero", 1)
        a.imm("sw", "t0", "s0", 0)
        a.imm("ori", "t8", "zero", 0x7777)
        a.power("t8")
        a.label("again")
        a.puts("again\n")
        a.exit(9)
        kernel = self.kernel(a)
        self.expect(self.run_it(kernel), 9, b"first\nagain\n")
        self.expect(self.run_it("--threads", "2", "--cpus", "2", kernel), 9,
                    b"first\nagain\n")


class Limits(Case):
    def test_max_insns_is_exact(self):
        kernel = self.kernel(spin())
        for options in ([], ["--deterministic"], ["--cpus", "2"],
                        ["--cpus", "2", "--threads", "2"]):
            with self.subTest(options=options):
                stats = self.stats(kernel, "--max-insns", "123457", *options,
                                   status=124)
                self.assertEqual(stats["vms"][0]["vcpus"][0]["insns"], 123457)
                self.assertEqual(stats["exit_status"], 124)

    def test_timeout(self):
        kernel = self.kernel(spin())
        for options in ([], ["--cpus", "2", "--threads", "2"]):
            start = time.monotonic()
            stats = self.stats(kernel, "--timeout", "0.3", *options,
                               status=124)
            self.assertLess(time.monotonic() - start, 10)
            self.assertGreater(stats["vms"][0]["vcpus"][0]["insns"], 0)
            self.assertGreaterEqual(stats["wall_seconds"], 0.3)

    def test_stuck(self):
        """Idle with no interrupt enabled: nothing will ever happen."""
        a = Asm()
        a.puts("zzz\n")
        a.li("t0", IDLE)
        a.mtc0("zero", 12)
        a.label("loop")
        a.imm("sw", "zero", "t0", 0)
        a.b("loop")
        kernel = self.kernel(a)
        for options in ([], ["--cpus", "2", "--threads", "2"]):
            result = self.run_it(kernel, *options, stdin=None)
            self.expect(result, 125, b"zzz\n")
            self.assertIn(b"nothing can wake", result.stderr)

    def test_idle_time_passes_at_once(self):
        """Twenty waits of one virtual second each."""
        a = Asm()
        a.li("s0", IDLE)
        a.imm("ori", "s1", "zero", 20)
        a.li("s2", 100000000)
        a.li("t0", 0x8000)
        a.mtc0("t0", 12)
        a.label("loop")
        a.mfc0("t0", 9)
        a.reg("addu", "t0", "t0", "s2")
        a.mtc0("t0", 11)
        a.imm("sw", "zero", "s0", 0)
        a.imm("addiu", "s1", "s1", -1)
        a.branch("bne", "s1", "zero", "loop")
        a.exit(1)
        kernel = self.kernel(a)
        for options in ([], ["--deterministic"],
                        ["--cpus", "2", "--threads", "2"],
                        ["--vms", "2", "--threads", "2"]):
            with self.subTest(options=options):
                stats = self.stats(kernel, *options, status=1)
                self.assertGreater(stats["vms"][0]["time_ns"], 20e9)
                self.assertLess(stats["wall_seconds"], 5)


class Many(Case):
    def test_prefixed_lines(self):
        result = self.run_it("--vms", "3", self.kernel(hello()))
        self.assertEqual(sorted(result.stdout.splitlines()),
                         [b"vm0: hello", b"vm1: hello", b"vm2: hello"])

    def test_last_line_is_made_whole(self):
        a = Asm()
        a.puts("one\ntwo")
        a.exit(0)
        result = self.run_it("--vms", "2", "--threads", "2", self.kernel(a))
        self.assertEqual(sorted(result.stdout.splitlines()),
                         [b"vm0: one", b"vm0: two", b"vm1: one", b"vm1: two"])
        self.assertTrue(result.stdout.endswith(b"\n"))

    def disk_kernel(self):
        """Exit with the low byte of the first disk's size in sectors."""
        a = Asm()
        a.li("t0", VIRTIO + 0x100)
        a.imm("lbu", "s0", "t0", 0)
        a.exit_reg("s0")
        return self.kernel(a)

    def test_status_of_lowest_vm_that_failed(self):
        for vm, sectors in enumerate((256, 5, 9)):
            self.file("disk%d" % vm, bytes(512 * sectors))
        self.expect(self.run_it("--vms", "3", "--disk",
                                self.path("disk%v"), self.disk_kernel()), 5)

    def test_copy_on_write_disk_is_shared(self):
        disk = self.file("disk", bytes(512 * 21))
        stats = self.path("stats")
        self.expect(self.run_it("--vms", "3", "--disk", disk + ",cow",
                                "--cache", "64K", "--stats", stats,
                                self.disk_kernel()), 21)
        with open(stats, encoding="utf-8") as f:
            cache = json.load(f)["cache"]
        self.assertEqual(cache["limit_blocks"], 16)
        self.assertEqual(cache["read_blocks"], 0)

    def test_read_only_disk_is_shared(self):
        disk = self.file("disk", bytes(512 * 17))
        self.expect(self.run_it("--vms", "2", "--disk", disk + ",ro",
                                self.disk_kernel()), 17)

    def counting_kernel(self, bits=64, order=">"):
        """Loops 5000 times, so that a region is made."""
        a = Asm()
        a.li("s0", 5000)
        a.label("loop")
        a.imm("addiu", "s0", "s0", -1)
        a.branch("bne", "s0", "zero", "loop")
        a.nop()
        a.puts("done\n")
        a.exit(0)
        return self.kernel(a, bits, order)

    def test_jit_figures(self):
        stats = self.stats("--translate-at", "1", self.counting_kernel())
        if stats["engine"] != "jit":
            self.assertNotIn("jit", stats)
            return
        jit = stats["jit"]
        self.assertGreater(jit["blocks"], 2)
        self.assertGreater(jit["translated_insns"], jit["blocks"])
        self.assertGreaterEqual(jit["regions"], 1)
        self.assertGreater(jit["translate_ns"], 0)
        self.assertGreater(jit["code_bytes"], 100)
        self.assertGreater(jit["held_bytes"], jit["code_bytes"])
        stats = self.stats("--engine", "interp", self.counting_kernel())
        self.assertEqual(stats["engine"], "interp")
        self.assertNotIn("jit", stats)

    def has_jit(self):
        return self.stats(self.kernel(hello()))["engine"] == "jit"

    def test_code_dump(self):
        if not self.has_jit():
            self.skipTest("no JIT")
        for bits, order in ((64, ">"), (32, "<")):
            dump = self.path("dump")
            self.expect(self.run_it("--dump-code", dump,
                                    self.counting_kernel(bits, order)), 0,
                        b"done\n")
            shown = subprocess.run(
                [sys.executable, CODE, "--kind", "region", dump],
                stdout=subprocess.PIPE, check=False, text=True)
            if shown.returncode:
                self.skipTest("no objdump")
            self.assertIn(" addiu s0,s0,-1 ", shown.stdout)
            self.assertRegex(shown.stdout, r"\n +[0-9a-f]+  sub +r14d,0x")
            self.assertIn("disco:tail", shown.stdout)

    def test_perf_map(self):
        process = subprocess.Popen(
            [DISCO_RUN, "--perf-map", self.counting_kernel()],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        path = "/tmp/perf-%d.map" % process.pid
        out, err = process.communicate(timeout=60)
        self.addCleanup(os.unlink, path)
        self.assertEqual((process.returncode, out), (0, b"done\n"), err)
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
        for line in lines:
            self.assertRegex(line, r"^[0-9a-f]+ [0-9a-f]+ (disco|guest):\S+$")
        if self.has_jit():
            self.assertTrue(any("guest:0xffffffff8" in x for x in lines))

    def test_smp_counter(self):
        """vCPU 0 starts vCPU 1; both count with LL/SC."""
        a = Asm()
        a.li("s0", BASE + 0x20000)
        a.li("t0", MAILBOX + 0x40)
        a.li("t1", BASE + 0x30000)
        a.imm("sd", "t1", "t0", 0x18)
        a.imm("sd", "zero", "t0", 0x20)
        a.word(0x04110001)  # bal .+8
        a.nop()
        here = len(a.words)
        a.imm("daddiu", "t1", "ra", 0)
        fix = len(a.words) - 1
        a.imm("sd", "t1", "t0", 0x28)
        a.b("count")
        a.words[fix] |= 4 * (len(a.words) - here)
        a.li("s0", BASE + 0x20000)  # vCPU 1 enters here
        a.imm("ori", "s1", "zero", 1)
        a.label("count")
        a.li("t2", 20000)
        a.label("loop")
        a.imm("ll", "t0", "s0", 0)
        a.imm("addiu", "t0", "t0", 1)
        a.imm("sc", "t0", "s0", 0)
        a.branch("beq", "t0", "zero", "loop")
        a.imm("addiu", "t2", "t2", -1)
        a.branch("bne", "t2", "zero", "loop")
        a.label("hold")
        a.branch("bne", "s1", "zero", "hold")
        a.li("t1", 40000)
        a.label("wait")
        a.imm("lw", "t0", "s0", 0)
        a.branch("bne", "t0", "t1", "wait")
        a.exit(4)
        kernel = self.kernel(a)
        for options in ([], ["--threads", "2"], ["--deterministic"],
                        ["--threads", "2", "--memory-order", "tso"]):
            with self.subTest(options=options):
                self.expect(self.run_it("--cpus", "2", *options, kernel,
                                        "--timeout", "30"), 4)

    def test_deterministic_repeats(self):
        kernel = self.kernel(hello())
        first = self.stats("--deterministic", "--cpus", "2", "--vms", "2",
                           "--seed", "3", kernel)
        second = self.stats("--deterministic", "--cpus", "2", "--vms", "2",
                            "--seed", "3", kernel)
        self.assertEqual(first["vms"], second["vms"])

    def test_stats_fields(self):
        stats = self.stats("--vms", "2", "--cpus", "3", "--nodes", "2",
                           "--mode", "disco", "--net", "subnet", "--rng",
                           self.kernel(hello()))
        self.assertEqual(len(stats["vms"]), 2)
        self.assertEqual(len(stats["nodes"]), 2)
        for vm in stats["vms"]:
            self.assertEqual(len(vm["vcpus"]), 3)
            self.assertGreaterEqual(vm["ram_bytes"], 256 << 20)
            self.assertGreater(vm["vcpus"][0]["insns"], 12)
            self.assertEqual(vm["vcpus"][1]["insns"], 0)
            self.assertIn("SHUTDOWN", vm["vcpus"][0]["exits"])
            self.assertIn("tlb_write", vm["vcpus"][0]["traps"])
        self.assertGreater(stats["insns"], 0)

    def test_topology(self):
        stats = self.stats("--topology",
                           "NUMANode:3(memory=16MB,32MB,64MB cpus=1,0,2)",
                           "--memory", "64M", "--cpus", "3",
                           self.kernel(hello()))
        self.assertEqual([n["cpus"] for n in stats["nodes"]], [1, 0, 2])
        self.assertEqual([n["frames_total"] for n in stats["nodes"]],
                         [4096, 8192, 16384])


class Errors(Case):
    def fails(self, *args, text):
        result = self.run_it(*args)
        self.expect(result, 125)
        self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
        self.assertIn(text.encode(), result.stderr)

    def test_options(self):
        kernel = self.kernel(hello())
        for args, text in (
                (["--cpus", "0"], "--cpus 0"),
                (["--cpus", "33"], "--cpus 33"),
                (["--cpus", "two"], "--cpus two"),
                (["--vms", "-1"], "--vms -1"),
                (["--memory", "12X"], "--memory 12X"),
                (["--memory", "64"], "--memory 64"),
                (["--memory", "65G"], "--memory 65G"),
                (["--nodes", "65"], "--nodes 65"),
                (["--topology", "NUMANode:65"], "--topology NUMANode:65"),
                (["--topology", "4", "--nodes", "2"], "--topology"),
                (["--mode", "fast"], "--mode fast"),
                (["--l2tlb", "maybe"], "--l2tlb maybe"),
                (["--endian", "middle"], "--endian middle"),
                (["--memory-order", "pso"], "--memory-order pso"),
                (["--timeout", "soon"], "--timeout soon"),
                (["--max-insns", "1e6"], "--max-insns 1e6"),
                (["--net", "wifi"], "--net wifi"),
                (["--console-vm", "1"], "--console-vm 1"),
                (["--console", "serial"], "--console serial"),
                (["--cpu-model", "R2000"], "--cpu-model R2000"),
                (["--quiet=yes"], "--quiet"),
                (["--wat"], "--wat"),
                (["--disk", "x,fast"], "--disk x,fast"),
                (["--disk", "x", "--vms", "2"], "--disk x"),
                (["--disk", "/nonexistent/x"], "/nonexistent/x"),
                (["--cache", "many"], "--cache many"),
                (["--cache", "65G"], "--cache 65G"),
                (["--code-cache", "1023K"], "not from 1M to 512M"),
                (["--code-cache", "513M"], "not from 1M to 512M"),
                (["--translate-at", "0"], "not a number from 1 to 200"),
                (["--translate-at", "201"], "not a number from 1 to 200"),
                (["--dump-code", "/nonexistent/d"], "/nonexistent/d"),
                (["--initrd", "/nonexistent/y"], "/nonexistent/y"),
                (["--deterministic", "--threads", "2"], "--threads 2"),
                (["--model", "numa"], "numa is not one of"),
                (["--model", "ccnuma,speed=1"], "speed=1 is not known"),
                (["--model", "ccnuma,l2=1Q,ways=2"], "l2=1Q has no good"),
                (["--model", "ccnuma,uma=1"], "uma=1 is not known"),
                (["--model", "ccnuma,ways=3"], "ways is not"),
                (["--model", "ccnuma", "--threads", "2"], "--threads 2"),
                (["--endian", "little"], "endian")):
            with self.subTest(args=args):
                self.fails(*args, kernel, text=text)
        self.fails(kernel, "--cpus", text="--cpus needs a value")
        self.fails(kernel, kernel, text="two kernels")
        self.fails("--quiet", text="no kernel")

    def test_model(self):
        kernel = self.kernel(hello())
        first, again = (self.stats("--model", "ccnuma,l2=64K,service=0",
                                   kernel)["model"] for _ in range(2))
        self.assertEqual(first, again)
        cpu = first["cpus"][0]
        self.assertEqual(sum(cpu["ledger"].values()), cpu["cycles"])
        self.assertGreater(cpu["miss_local"], 0)
        self.assertEqual(first["nodes"][0]["queue_ns"], 0)
        slow = self.stats("--model", "ccnuma,local=500", kernel)["model"]
        self.assertGreater(slow["time_ns"], first["time_ns"])

    def test_later_options_are_refused(self):
        kernel = self.kernel(hello())
        for args in (["--trace", "x"], ["--gdb", "1234"],
                     ["--disk", "x,cow=y"], ["--disk", "x,cow=y,ro"],
                     ["--net", "user"]):
            with self.subTest(args=args):
                self.fails(*args, kernel, text="unsupported")
        self.expect(self.run_it("--engine", "interp", "--model", "none",
                                "--net", "none", kernel), 0, b"hello\n")

    def test_kernels(self):
        self.fails("/nonexistent/kernel", text="/nonexistent/kernel")
        self.fails(self.file("k", b"#!/bin/sh\n"), text="not an ELF file")
        code = hello().code(">")
        self.fails(self.file("k", elf(code, machine=62)), text="machine 62")
        self.fails(self.file("k", elf(code, kind=1)), text="type 1")
        self.fails(self.file("k", elf(code)[:100]), text="beyond")
        self.fails(self.file("k", elf(code, base=0x9e000000)),
                   text="no memory at")
        big = self.file("big", bytes(4 << 20))
        self.fails("--memory", "4M", "--initrd", big, self.kernel(hello()),
                   text="do not fit")

    def test_stats_file_that_cannot_be(self):
        result = self.run_it("--stats", "/nonexistent/s", self.kernel(hello()))
        self.expect(result, 125, b"hello\n")


if __name__ == "__main__":
    DISCO_RUN = sys.argv.pop(1)
    unittest.main(verbosity=2)
