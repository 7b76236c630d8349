"""Linux under the ccNUMA cost model.

usage: test_model.py DISCO_RUN SOURCE BUILD [--slow]
"""

import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

SCRIPT = """
workload 4 20 | while read line; do out $line; done
out time $(cut -d' ' -f1 /proc/uptime)
"""


class Model(guest.Case):
    def under(self, *options):
        return self.boot(SCRIPT, "--deterministic", "--cpus", 2, "--nodes", 2,
                         "--model", "ccnuma", *options, timeout=600)

    @guest.slow
    def test_boots_and_repeats(self):
        for mode in ("exact", "disco"):
            with self.subTest(mode=mode):
                first = self.under("--mode", mode)
                second = self.under("--mode", mode)
                self.assertTrue(guest.is_workload_right(first.text))
                self.assertEqual(first.out, second.out)
                self.assertEqual(first.insns(), second.insns())
                self.assertEqual(first.stats["model"], second.stats["model"])
                for cpu in first.stats["model"]["cpus"]:
                    self.assertEqual(sum(cpu["ledger"].values()),
                                     cpu["cycles"])


if __name__ == "__main__":
    guest.main()
