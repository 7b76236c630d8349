"""Linux, forked at its shell; fork.c does it.

usage: test_fork.py DISCO_RUN SOURCE BUILD [--slow]
"""

import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

PROGRAM = os.environ.get("DISCO_FORK", "")


class Fork(guest.Case):
    def test_fork(self):
        data = random.Random(1).randbytes(1 << 20)
        image = self.write("image", data)
        got = subprocess.run([PROGRAM, guest.KERNEL, guest.INITRD, image],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, timeout=280, check=False)
        self.assertEqual((got.returncode, got.stderr), (0, ""))
        self.assertIn("fork: ", got.stdout)
        self.assertEqual(self.read("image"), data)


if __name__ == "__main__":
    guest.main()
