"""Large transfers between Linux VMs: TCP and NFS over the subnet, with most of
the pages mapped instead of copied.

usage: test_bulk.py DISCO_RUN SOURCE BUILD [--slow]
"""

import hashlib
import os
import struct
import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

# VM 0 serves, VM 1 asks.  Who is who comes from the cards' addresses.
START = """
set -- $(tr : ' ' < /sys/class/net/eth0/address)
me=$((0x$5))
ip addr add 10.0.0.$((me + 1))/24 dev eth0
ip link set eth0 up
ip link set lo up
www=/tmp/www
mkdir $www
peer=10.0.0.$((2 - me))
peer_has() { until wget -q -O - http://$peer/$1 2> /dev/null; do sleep 0.2; done; }
finish() {
    echo > $www/done
    [ $me = 0 ] || httpd -h $www
    peer_has done
    sleep 2
    out end $me
}
"""

TCP = START + """
if [ $me = 0 ]; then
    seq 1 200000 | head -c 1048576 > $www/part
    i=0
    while [ $i -lt %d ]; do
        cat $www/part
        i=$((i + 1))
    done > $www/file
    httpd -h $www
else
    peer_has part > /dev/null
    until wget -q -O /tmp/got http://$peer/file; do sleep 0.5; done
    out got $(md5sum < /tmp/got | cut -c1-32)
fi
finish
"""

# A tree of files of many sizes; what is compared is a sum over names and sums.
NFS = START + """
grep -q nfs4 /proc/filesystems || { out no nfs; out end $me; exit; }
sum_of() { (cd $1 && find . -type f | sort | xargs md5sum | md5sum | cut -c1-32); }
if [ $me = 0 ]; then
    mkdir -p /srv
    mountpoint -q /srv || mount -t tmpfs srv /srv
    sizes="0 1 511 512 4095 4096 4097 8192 20000 65536 100000 300000"
    seq 1 400000 > /tmp/text
    for dir in a a/b a/b/c d; do
        mkdir /srv/$dir
        for n in $sizes; do head -c $n /tmp/text > /srv/$dir/f$n; done
    done
    head -c 2000000 /tmp/text > /srv/large
    cat /srv/large /srv/large /srv/large /srv/large > /srv/a/larger
    ln -s ../large /srv/d/link
    out tree $(sum_of /srv)
    sh /nfs-server /srv $peer || out no server
    echo > $www/ready
    httpd -h $www
    peer_has done > /dev/null
    out back $(sum_of /srv/new)
else
    peer_has ready > /dev/null
    sh /nfs-mount $peer /mnt || out no mount
    out tree $(sum_of /mnt)
    out link $(md5sum < /mnt/d/link | cut -c1-32)
    mkdir /mnt/new
    cp -r /mnt/a /mnt/new/
    sync
    echo 3 > /proc/sys/vm/drop_caches
    out back $(sum_of /mnt/new)
    umount /mnt
fi
finish
"""


def lines(limit):
    """What seq prints, cut."""
    return "".join("%d\n" % i for i in range(1, limit)).encode()


def pcap_sizes(data):
    """The lengths of a capture's packets; checks the form of the file."""
    magic, major, minor, _, _, snap, link = struct.unpack_from("<IHHiIII",
                                                               data)
    assert (magic, major, minor, link) == (0xa1b23c4d, 2, 4, 1)
    sizes = []
    at = 24
    while at < len(data):
        _, nanoseconds, kept, whole = struct.unpack_from("<IIII", data, at)
        assert nanoseconds < 10 ** 9 and kept == min(whole, snap)
        sizes.append(whole)
        at += 16 + kept
    assert at == len(data)
    return sizes


class Bulk(guest.Case):
    def run_pair(self, script, *more, net="subnet", timeout=140):
        rootfs = os.path.join(guest.SOURCE, "guests", "linux", "rootfs")
        files = {}
        for name in "nfs-server", "nfs-mount":
            with open(os.path.join(rootfs, name), "rb") as f:
                files[name] = f.read()
        result = self.boot(script, "--vms", 2, "--net", net, "--memory",
                           "192M", *more, files=files, timeout=timeout)
        for vm in 0, 1:
            self.assertEqual(result.out_of(vm)[-1], "end %d" % vm,
                             result.text[-2000:])
        return result

    def figures(self, result, vm):
        """(remapped bytes, whole pages that were copied) of a VM's card"""
        nic = result.stats["vms"][vm]["nics"][0]
        copied = nic["rx_copied_bytes"]
        self.assertEqual(nic["errors"], 0)
        self.assertEqual(nic["rx_bytes"],
                         nic["rx_remapped_bytes"] + sum(copied.values()))
        return nic["rx_remapped_bytes"], sum(
            copied[why] for why in ("small", "buffer", "untouched", "refused"))

    def check_tcp(self, megabytes, *more):
        with self.subTest(more=more):
            result = self.run_pair(TCP % megabytes, *more)
            data = lines(200001)[:1 << 20] * megabytes
            self.assertEqual(result.out_of(1)[0],
                             "got " + hashlib.md5(data).hexdigest())
            remapped, copied = self.figures(result, 1)
            self.assertGreater(remapped, copied)
            self.assertGreater(2 * remapped, megabytes << 20)
            return result

    def test_tcp(self):
        """64 MiB; at least half of the aligned bytes are mapped."""
        result = self.check_tcp(64, "--pcap", self.path("pcap"))
        sizes = pcap_sizes(self.read("pcap"))
        self.assertGreater(sum(sizes), 64 << 20)
        self.assertGreater(max(sizes), 60000)
        frames = sum(vm["nics"][0]["tx_frames"] for vm in result.stats["vms"])
        self.assertEqual(len(sizes), frames)

    def test_nfs(self):
        """A tree read and copied back, from one VM's memory to the other's."""
        result = self.run_pair(NFS)
        if result.out_of(1)[0] == "no nfs":
            self.skipTest("a kernel without NFS: DISCO_GUESTS")
        out = dict(line.split() for line in result.out_of(1))
        tree = dict(line.split() for line in result.out_of(0))
        self.assertEqual(out["tree"], tree["tree"])
        self.assertEqual(out["back"], tree["back"])
        self.assertEqual(out["link"],
                         hashlib.md5(lines(400001)[:2000000]).hexdigest())
        remapped, copied = self.figures(result, 1)
        self.assertGreater(remapped, copied)

    @guest.slow
    def test_more_tcp(self):
        self.check_tcp(64, "--cpus", 2, "--threads", 2, "--mode", "disco")
        self.check_tcp(32, "--deterministic")
        for net in "subnet,mtu=1500", "subnet,mtu=9000":
            result = self.run_pair(TCP % 32, net=net)
            remapped, copied = self.figures(result, 1)
            self.assertGreater(remapped, copied)

    @guest.slow
    def test_repeats(self):
        """A deterministic pair transfers the same, to the last counter."""
        first, second = (self.check_tcp(8, "--deterministic")
                         for _ in range(2))
        self.assertEqual(first.insns(), second.insns())
        self.assertEqual([vm["nics"] for vm in first.stats["vms"]],
                         [vm["nics"] for vm in second.stats["vms"]])


if __name__ == "__main__":
    guest.main()
