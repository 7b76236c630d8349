"""Linux VMs on one subnet reach each other.

usage: test_net.py DISCO_RUN SOURCE BUILD [--slow]
"""

import hashlib
import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

# Every VM gives its file to whoever asks and fetches the next one's.
SCRIPT = """
vms=%d
times=%d
set -- $(tr : ' ' < /sys/class/net/eth0/address)
me=$((0x$5))
next=$(((me + 1) %% vms))
from=http://10.0.0.$((next + 1))
ifconfig eth0 10.0.0.$((me + 1)) up
mkdir /tmp/www
seq $((me + 1)) 100000 > /tmp/part
while [ $times -gt 0 ]; do
    times=$((times - 1))
    cat /tmp/part
done > /tmp/www/file
httpd -h /tmp/www
until ping -c 1 -W 1 10.0.0.$((next + 1)) > /dev/null 2>&1; do sleep 0.1; done
out ping $(ping -c 5 -s 1400 10.0.0.$((next + 1)) | grep -o '. packets rec.*')
for i in 1 2; do
    until wget -q -O /tmp/got $from/file; do sleep 0.1; done
    out got $next $(md5sum < /tmp/got | cut -c1-32)
done
touch /tmp/www/done
until wget -q -O - $from/done; do sleep 0.1; done
sleep 2
out end $me
"""


class Net(guest.Case):
    def check(self, vms, times, *more):
        with self.subTest(vms=vms, more=more):
            result = self.boot(SCRIPT % (vms, times), "--vms", vms, "--net",
                               "subnet", "--memory", "64M", *more)
            ends = set()
            for vm in range(vms):
                out = result.out_of(vm)
                self.assertEqual(len(out), 4, result.text[-2000:])
                me = int(out[3].split()[1])
                ends.add(me)
                after = (me + 1) % vms
                data = "".join("%d\n" % i
                               for i in range(after + 1, 100001)) * times
                md5 = hashlib.md5(data.encode()).hexdigest()
                self.assertEqual(out[0],
                                 "ping 5 packets received, 0% packet loss")
                self.assertEqual(out[1:3], ["got %d %s" % (after, md5)] * 2)
            self.assertEqual(ends, set(range(vms)))

    def test_two(self):
        self.check(2, 2, "--cpus", 2, "--threads", 2, "--mode", "disco")

    @guest.slow
    def test_megabytes(self):
        """10 MB each way, twice."""
        self.check(2, 17)
        self.check(2, 17, "--cpus", 2, "--threads", 4)

    @guest.slow
    def test_more(self):
        self.check(4, 2, "--threads", 2)
        self.check(3, 2, "--cpus", 2, "--threads", 3, "--mode", "disco")
        self.check(2, 2)
        self.check(2, 2, "--deterministic")


if __name__ == "__main__":
    guest.main()
