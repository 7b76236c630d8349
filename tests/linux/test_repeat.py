"""A deterministic machine repeats Linux to the bit.

usage: test_repeat.py DISCO_RUN SOURCE BUILD [--slow]
"""

import hashlib
import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

# Time, scheduling, process numbers and randomness: all of it has to repeat.
SCRIPT = """
workload 3 5 | while read line; do out $line; done
for i in 1 2 3 4 5 6 7 8; do (sleep 0.0$i; out $i $(cut -d' ' -f1 \
/proc/uptime)) & done
wait
out random $(head -c 16 /dev/urandom | hexdump -e '/1 "%02x"')
out time $(date +%s.%N) $(cat /proc/interrupts /proc/stat | md5sum)
"""

RANDOM = """
out $(head -c 16 /dev/urandom | hexdump -e '/1 "%02x"')
"""


class Repeat(guest.Case):
    def once(self, cpus, mode, seed, *more):
        return self.boot(SCRIPT, "--deterministic", "--seed", seed, "--cpus",
                         cpus, "--mode", mode, *more)

    def twice(self, cpus, mode, *more, vms=1):
        with self.subTest(cpus=cpus, mode=mode, more=more):
            first = self.once(cpus, mode, 1, *more)
            second = self.once(cpus, mode, 1, *more)
            self.assertEqual(len(first.out), 14 * vms)
            self.assertEqual(first.text.splitlines(),
                             second.text.splitlines())
            self.assertEqual(hashlib.sha256(first.raw).digest(),
                             hashlib.sha256(second.raw).digest())
            self.assertEqual(first.insns(), second.insns())
            self.assertEqual(len(first.insns()[0]), cpus)
            return first

    def test_repeats(self):
        self.twice(2, "exact")
        self.twice(4, "disco")

    def test_seeds_differ(self):
        """The seed reaches the guest, which boots with any."""
        randoms = {
            self.boot(RANDOM, "--deterministic", "--rng", "--seed",
                      seed).out[0] for seed in (2, 3)}
        self.assertEqual(len(randoms), 2)

    @guest.slow
    def test_repeats_in_all_modes(self):
        for cpus in (1, 2, 4, 8):
            for mode in ("exact", "disco"):
                self.twice(cpus, mode)
        self.twice(2, "exact", "--l2tlb", "on", "--rng")
        self.twice(1, "exact", "--vms", 2, "--net", "subnet", vms=2)

    @guest.slow
    def test_repeats_often(self):
        """Every process has its memory elsewhere."""
        runs = [self.once(4, "exact", 1) for _ in range(8)]
        for run in runs[1:]:
            self.assertEqual(run.raw, runs[0].raw)
            self.assertEqual(run.insns(), runs[0].insns())

    @guest.slow
    def test_any_seed(self):
        for seed in range(5, 11):
            self.once(4, "disco", seed, "--rng")


if __name__ == "__main__":
    guest.main()
