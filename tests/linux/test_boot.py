"""Boot Linux with any number of vCPUs on any number of threads.

usage: test_boot.py DISCO_RUN SOURCE BUILD [--slow]
"""

import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

# A system that works: all CPUs are there, computes right, and no interrupt
# came without a cause.
SCRIPT = """
out cpus $(grep -c ^processor /proc/cpuinfo)
out online $(cat /sys/devices/system/cpu/online)
out model $(sed -n 's/^cpu model.*: //p' /proc/cpuinfo | sort -u)
workload 4 20 | while read line; do out $line; done
out errors $(sed -n 's/^ERR: *//p' /proc/interrupts)
out end
"""


# A disk's interrupt is sent to each CPU in turn: who took it?  (The driver may
# number CPUs in another way when it sends than when it takes.)
INTERRUPTS = """
irq=$(sed -n 's/^ *\\([0-9]*\\):.*virtio.*/\\1/p' /proc/interrupts | head -n 1)
cpu=0
while [ -d /sys/devices/system/cpu/cpu$cpu ]; do
    printf %x $((1 << cpu)) > /proc/irq/$irq/smp_affinity
    before=$(grep "^ *$irq:" /proc/interrupts)
    dd if=/dev/vda of=/dev/null bs=4k count=20 skip=$((20 * cpu)) 2> /dev/null
    out $before
    out $(grep "^ *$irq:" /proc/interrupts)
    cpu=$((cpu + 1))
done
"""


class Boot(guest.Case):
    def check(self, cpus, threads, mode, *more):
        name = "%d vCPUs, %d threads, %s" % (cpus, threads, mode)
        with self.subTest(name):
            result = self.boot(SCRIPT, "--cpus", cpus, "--threads", threads,
                               "--mode", mode, *more)
            online = "0-%d" % (cpus - 1) if cpus > 1 else "0"
            self.assertEqual(result.out[:3], [
                "cpus %d" % cpus, "online %s" % online,
                "model R10000 V3.4 FPU V0.0"])
            self.assertTrue(guest.is_workload_right(
                "\n".join(result.out[3:8])), result.out)
            self.assertEqual(result.out[8:], ["errors 0", "end"])
            self.assertTrue(result.text.rstrip().endswith(
                "reboot: Power down"), result.text[-200:])
            self.assertEqual(len(result.stats["vms"][0]["vcpus"]), cpus)

    def test_exact(self):
        for cpus, threads in ((1, 1), (2, 2), (4, 2), (8, 4)):
            self.check(cpus, threads, "exact")

    def test_disco(self):
        for cpus, threads in ((2, 1), (4, 4)):
            self.check(cpus, threads, "disco")

    def test_interrupts_reach_every_cpu(self):
        disk = self.write("disk", bytes(1 << 20))
        # A kernel without this opens its devices' input on the CPU that
        # happens to probe: with threads it may not be the one we boot for.
        with open(guest.KERNEL, "rb") as file:
            opens = b"disco: device interrupts on every CPU" in file.read()
        for threads in (1, 2) if opens else (1,):
            with self.subTest(threads=threads):
                out = self.boot(INTERRUPTS, "--cpus", 4, "--threads", threads,
                                "--disk", disk + ",ro").out
                counts = [[int(n) for n in line.split()[1:5]] for line in out]
                takers = set()
                for before, after in zip(counts[::2], counts[1::2]):
                    grown = [i for i in range(4) if after[i] > before[i]]
                    self.assertEqual(len(grown), 1, out)
                    takers.update(grown)
                self.assertEqual(takers, {0, 1, 2, 3})

    @guest.slow
    def test_all(self):
        for mode in ("exact", "disco"):
            for cpus in (1, 2, 4, 8):
                for threads in (1, 2, 4):
                    self.check(cpus, threads, mode)

    @guest.slow
    def test_more(self):
        self.check(16, 1, "exact")
        self.check(16, 4, "disco")
        self.check(4, 2, "exact", "--memory-order", "tso")
        self.check(2, 2, "exact", "--l2tlb", "on")
        self.check(2, 2, "disco", "--l2tlb", "off")
        self.check(1, 1, "exact", "--memory", "48M")
        # RAM on both sides of the devices.
        self.check(2, 1, "exact", "--memory", "1G")
        self.check(4, 2, "exact", "--nodes", "2")

    @guest.slow
    def test_many_times(self):
        """Races show up now and then only."""
        for _ in range(10):
            self.check(2, 2, "exact")
            self.check(4, 3, "disco")


if __name__ == "__main__":
    guest.main()
