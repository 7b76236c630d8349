"""One machine, at the same time: big-endian Linux twice, a freestanding kernel,
and little-endian Linux where it was built; mixed.c runs them.

usage: test_mixed.py DISCO_RUN SOURCE BUILD [--slow]
"""

import os
import subprocess
import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

PROGRAM = os.environ.get("DISCO_MIXED", "")
BUILD = os.path.abspath(sys.argv[3])

# The same bytes, whatever the byte order.
JOB = """
out sum $(seq 1 20000 | md5sum | cut -c1-32)
out order $(printf '\\1\\0' | od -An -tu2 | tr -d ' ')
out end
"""
WORDS = "console=ttyS0 disco.run=sh^/test.sh"


class Mixed(guest.Case):
    def linux(self, little):
        """Kernel, initial RAM disk with the job, command line; or None."""
        guest.LITTLE = little
        found = guest.find_guests(guest.SOURCE, BUILD)
        if not found:
            return None
        guest.KERNEL, guest.INITRD = found
        made = self.initrd(JOB, {})
        name = self.path("little" if little else "big")
        os.rename(made, name)
        return [guest.KERNEL, name, WORDS]

    def test_mixed(self):
        bare = os.path.join(BUILD, "guests", "kernel-kseg0")
        if not os.path.exists(bare):
            self.skipTest("no freestanding kernel was built")
        little = self.linux(True)
        big = self.linux(False)
        orders = ["1"] if little else []
        orders += ["256", "256"]
        command = [PROGRAM, *big, *big, bare, "-", "", *(little or [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=280,
                              stderr=subprocess.PIPE, check=False)
        text = done.stdout.decode("latin-1")
        self.assertEqual((done.returncode, done.stderr), (0, b""), text[-900:])
        result = guest.Result(0, done.stdout, "", None)
        self.assertEqual(result.complaints(), [])
        self.assertIn("disco kernel: all checks passed", text)
        sums = [line for line in result.out if line.startswith("sum ")]
        self.assertEqual(len(sums), len(orders))
        self.assertEqual(len(set(sums)), 1)
        self.assertEqual([line[6:] for line in sorted(result.out)
                          if line.startswith("order ")], orders)


if __name__ == "__main__":
    guest.main()
