"""Linux and its user: a shell on the terminal, the end of a run, small devices.

usage: test_console.py DISCO_RUN SOURCE BUILD [--slow]
"""

import os
import pty
import select
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import guest  # noqa: E402

PROMPT = b"# "


class Terminal:
    """disco-run on a pseudo-terminal, and what a user sees there."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave,
                                        stderr=slave)
        os.close(slave)
        self.seen = b""

    def expect(self, text, seconds=60):
        """Read until `text` comes; returns what stood before it."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            ready = select.select([self.master], [], [], max(left, 0))[0]
            if not ready:
                raise AssertionError("no %r in %r" % (text,
                                                      self.seen[-2000:]))
            try:
                data = os.read(self.master, 4096)
            except OSError:
                data = b""
            if not data:
                raise AssertionError("end before %r: %r" % (
                    text, self.seen[-2000:]))
            self.seen += data
        before, self.seen = self.seen.split(text, 1)
        return before

    def ask(self, line):
        """Type a command; returns what it prints."""
        os.write(self.master, line.encode() + b"\n")
        self.expect(b"\n")  # the echo
        return self.expect(PROMPT).decode("latin-1").replace("\r", "")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


class Console(guest.Case):
    def session(self, *args, append="console=ttyS0"):
        terminal = Terminal([
            guest.RUN, *[str(a) for a in args], "--memory", "256M",
            "--timeout", "100", "--append", append, "--initrd",
            guest.INITRD, guest.KERNEL])
        self.addCleanup(terminal.close)
        boot = terminal.expect(b"disco: init up")
        self.assertIn(b"Run /init as init process", boot)
        terminal.expect(PROMPT)
        return terminal

    def check_shell(self, cpus, threads, *more, **options):
        shell = self.session("--cpus", cpus, "--threads", threads, *more,
                             **options)
        self.assertIn("%d" % cpus, shell.ask("nproc"))
        self.assertIn("42", shell.ask("echo $((6 * 7))"))
        # A line longer than the UART's FIFO, at one go.
        word = "abcdefghij" * 20
        self.assertIn(word, shell.ask("echo " + word))
        numbers = "\n".join(str(i) for i in range(1, 301))
        self.assertIn(numbers, shell.ask("seq 300"))
        work = shell.ask("workload 4 20")
        self.assertTrue(guest.is_workload_right(work), work)
        # An interrupt from the keyboard ends a program, not the session.
        os.write(shell.master, b"cat\n")
        time.sleep(0.5)
        os.write(shell.master, b"\x03")
        shell.expect(PROMPT)
        # The guest sleeps as long as the user waits.
        start = time.monotonic()
        shell.ask("sleep 1")
        self.assertGreater(time.monotonic() - start, 0.8)
        os.write(shell.master, b"poweroff -f\n")
        if "--console" not in more:  # virtio devices are shut before
            shell.expect(b"Power down")
        self.assertEqual(shell.process.wait(30), 0)

    def test_shell(self):
        self.check_shell(4, 1)

    def test_shell_on_virtio(self):
        self.check_shell(2, 1, "--console", "virtio",
                         append="console=hvc0")

    def test_virtio_with_threads(self):
        self.check_shell(2, 2, "--console", "virtio",
                         append="console=hvc0")

    def test_shell_with_threads(self):
        self.check_shell(8, 2)

    def test_quit(self):
        """Ctrl-A x leaves, also while the guest is idle."""
        shell = self.session("--cpus", 2, "--threads", 2)
        time.sleep(0.2)
        os.write(shell.master, b"\x01x")
        shell.process.wait(20)

    def test_input_from_a_pipe(self):
        got = subprocess.run(
            [guest.RUN, "--quiet", "--cpus", "2", "--timeout", "100",
             "--append", "console=ttyS0", "--initrd", guest.INITRD,
             guest.KERNEL],
            input=b"echo sum $((1000 + 234))\npoweroff -f\n",
            stdout=subprocess.PIPE, timeout=120, check=False)
        self.assertEqual(got.returncode, 0)
        self.assertIn(b"sum 1234", got.stdout)


class Ends(guest.Case):
    def test_status(self):
        """The power register takes a status of the guest's."""
        self.boot("sync; devmem 0x1c030000 32 0x00073333", "--cpus", 2,
                  "--threads", 2, status=7)

    def test_reset(self):
        """A reboot starts the VM again: the second time it finds its mark."""
        disk = self.write("disk", b"\0" * 4096)
        result = self.boot("""
out mark $(head -c 4 /dev/vda | tr '\\0' 0)
[ "$(head -c 4 /dev/vda)" = mark ] && poweroff -f
echo mark | dd of=/dev/vda conv=fsync 2> /dev/null
reboot -f
""", "--cpus", 4, "--threads", 2, "--disk", disk)
        self.assertEqual(result.out, ["mark 0000", "mark mark"])
        self.assertEqual(result.text.count("Run /init"), 2)

    def test_limits(self):
        endless = "out start; while :; do :; done"
        result = self.boot(endless, "--max-insns", "200000000", status=124)
        self.assertEqual(result.insns(), [[200000000]])
        result = self.boot(endless, "--cpus", 2, "--threads", 2, status=124,
                           timeout=2)

    def test_panic_without_init(self):
        """The kernel stops for good: that is no success."""
        got = subprocess.run(
            [guest.RUN, "--quiet", "--max-insns", "300000000",
             "--append", "console=ttyS0", guest.KERNEL],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertIn(b"Kernel panic", got.stdout)
        self.assertEqual(got.returncode, 124)

    def test_devices(self):
        """Entropy, and a clock with the host's time."""
        before = int(time.time())
        result = self.boot("""
out now $(date +%s) $(hwclock -u | wc -l)
out rng $(cat /sys/class/misc/hw_random/rng_current)
dd if=/dev/hwrng of=/tmp/a bs=1 count=2000 2> /dev/null
out bytes $(wc -c < /tmp/a) $(gzip < /tmp/a | wc -c)
sleep 2
out later $(date +%s)
""", "--rng", "--cpus", 2)
        after = int(time.time())
        out = dict(line.split(" ", 1) for line in result.out)
        now, clock = (int(word) for word in out["now"].split())
        self.assertLessEqual(before - 2, now)
        self.assertLessEqual(now, after + 10)
        self.assertEqual(clock, 1)
        self.assertIn(int(out["later"]) - now, (2, 3, 4))
        self.assertTrue(out["rng"].startswith("virtio_rng"), out["rng"])
        count, packed = (int(word) for word in out["bytes"].split())
        self.assertEqual(count, 2000)
        self.assertGreater(packed, 1990)


if __name__ == "__main__":
    guest.main()
