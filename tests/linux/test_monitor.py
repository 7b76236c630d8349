"""Linux that calls the monitor: pages cleared, copied and given back by it, and
memory that two VMs write together.  Kernels without the driver skip this.

usage: test_monitor.py DISCO_RUN SOURCE BUILD [--slow]
"""

import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

START = """
[ -d /sys/kernel/disco ] || { out no driver; exit; }
counts() {
    cd /sys/kernel/disco
    out $1 $(cat zeroed released remapped copied shared)
    cd /
}
"""

# New pages, pages copied by a fork, memory given back two seconds later.
PAGES = START + """
mount -o remount,size=100% /tmp
counts begin
dd if=/dev/zero of=/tmp/large bs=1M count=32 2> /dev/null
dd if=/dev/zero of=/dev/null bs=16M count=1 2> /dev/null
counts filled
workload 2 4 > /dev/null
counts forked
rm /tmp/large
sleep 5
counts freed
"""

SHARED = START + """
shared 0x7700 2 20000 | while read line; do out $line; done
counts end
"""

NAMES = ["zeroed", "released", "remapped", "copied", "shared"]
MIB = 256  # pages


class Monitor(guest.Case):
    def boot_calling(self, script, *args, **more):
        result = self.boot(script, "--mode", "disco", *args, **more)
        if result.out and result.out[0] == "no driver":
            self.skipTest("a kernel without the driver: guests/linux/build.sh")
        return result

    def counts(self, lines):
        """{when: {name: count}}"""
        return {line.split()[0]: dict(zip(NAMES, map(int, line.split()[1:])))
                for line in lines if len(line.split()) == 6}

    def check_pages(self, *args):
        result = self.boot_calling(PAGES, "--memory", "96M", *args)
        at = self.counts(result.out)
        self.assertGreater(at["begin"]["zeroed"], 0)
        self.assertGreaterEqual(at["filled"]["zeroed"] - at["begin"]["zeroed"],
                                16 * MIB)
        self.assertGreater(at["forked"]["remapped"], at["begin"]["remapped"])
        self.assertGreaterEqual(
            at["freed"]["released"] - at["forked"]["released"], 24 * MIB)
        # What the kernel counted is what the monitor did.
        did = result.stats["vms"][0]
        for name in "zeroed", "remapped":
            self.assertGreaterEqual(did[name], at["freed"][name])
        self.assertGreaterEqual(did["released"], 24 * MIB)
        self.assertLess(did["frames"], 64 * MIB)
        return did

    def test_pages(self):
        self.check_pages()

    def test_pages_of_two_cpus(self):
        self.check_pages("--cpus", 2, "--threads", 2)

    def test_off(self):
        """Each use can be switched off by itself."""
        result = self.boot_calling(
            PAGES, "--memory", "96M",
            append="disco.zero=0 disco.remap=0 disco.release=0")
        self.assertEqual(self.counts(result.out)["freed"],
                         dict.fromkeys(NAMES, 0))
        did = result.stats["vms"][0]
        self.assertEqual((did["zeroed"], did["remapped"], did["released"]),
                         (0, 0, 0))

    def test_no_calls(self):
        """Where the call is a reserved instruction, all goes on without."""
        result = self.boot(START + "out calls", "--mode", "exact")
        self.assertEqual(result.out, ["no driver"])

    def check_shared(self, *args):
        result = self.boot_calling(SHARED, "--vms", 2, *args)
        sums = ["page %d %d" % (n, n * 1000003 * 512 + 511 * 512 // 2)
                for n in range(2)]
        for vm in range(2):
            lines = result.out_of(vm)
            self.assertEqual(lines[:3], ["counter 40000"] + sums)
            self.assertEqual(self.counts(lines)["end"]["shared"], 1)
            self.assertEqual(result.stats["vms"][vm]["joined"], 1)

    def test_shared(self):
        self.check_shared()

    def test_shared_by_two_threads(self):
        self.check_shared("--threads", 2)

    @guest.slow
    def test_everything_goes_on(self):
        """The programs that stress a kernel, with calls, on several CPUs."""
        for cpus, threads in (1, 1), (4, 1), (4, 2):
            with self.subTest(cpus=cpus, threads=threads):
                result = self.boot_calling(
                    START + "stress 2 > /tmp/log || out bad $?\n"
                    "workload 4 20 > /tmp/log; cat /tmp/log\ncounts end",
                    "--cpus", cpus, "--threads", threads, timeout=600)
                self.assertTrue(guest.is_workload_right(result.text),
                                result.text[-1500:])
                self.assertEqual(len(result.out), 1)
                self.assertGreater(self.counts(result.out)["end"]["remapped"],
                                   100)


if __name__ == "__main__":
    guest.main()
