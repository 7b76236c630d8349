"""The block cache under Linux: VMs that boot from one copy-on-write disk read
it once, see the same, and keep what they write to themselves.

usage: test_cache.py DISCO_RUN SOURCE BUILD [--slow]
"""

import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

MIB = 1 << 20

# A file system with programs and data on it.
MAKE = """
mke2fs -F -b 4096 /dev/vda > /dev/null 2>&1 || out bad mke2fs
mkdir /tmp/m
mount -t ext4 /dev/vda /tmp/m || out bad mount
mkdir /tmp/m/bin /tmp/m/data /tmp/m/proc /tmp/m/dev
cp /bin/busybox /tmp/m/bin/busybox
for name in sh md5sum cat find wc seq; do ln -s busybox /tmp/m/bin/$name; done
i=0
while [ $i -lt 24 ]; do
    i=$((i + 1))
    seq $i 30000 > /tmp/m/data/file$i
done
umount /tmp/m
out end
"""

# A system that runs from the disk: programs, data, and changes of its own.
BOOT = """
mkdir /tmp/m
mount -t ext4 /dev/vda /tmp/m || out bad mount
out sum $(chroot /tmp/m /bin/sh -c 'cat /data/*; find /data' | md5sum | \
cut -c1-32)
me=$(head -c 16 /dev/urandom | md5sum | cut -c1-32)
chroot /tmp/m /bin/sh -c "seq 1 20000 > /data/mine; echo $me > /data/me; \
cat /data/file1 >> /data/file2"
sync
echo 3 > /proc/sys/vm/drop_caches
[ "$(cat /tmp/m/data/me)" = $me ] && out own
out mine $(chroot /tmp/m /bin/sh -c 'cat /data/mine /data/file2' | md5sum | \
cut -c1-32)
umount /tmp/m
out end
"""


class Cache(guest.Case):
    def make(self):
        image = self.write("fs", b"\0" * (24 * MIB))
        made = self.boot(MAKE, "--rng", "--disk", image)
        self.assertEqual(made.out, ["end"])
        return image

    def run_vms(self, image, vms, *more):
        result = self.boot(BOOT, "--rng", "--vms", vms, "--memory", "96M",
                           "--disk", image + ",cow", *more)
        outs = [result.out] if vms == 1 else [
            result.out_of(vm) for vm in range(vms)]
        for out in outs:
            self.assertEqual(out, outs[0])
            self.assertEqual(out[1], "own")
            self.assertEqual(out[-1], "end")
        return outs[0], result.stats["cache"]

    def check(self, vms, *more):
        image = self.make()
        before = self.read("fs")
        alone, one = self.run_vms(image, 1, *more)
        together, many = self.run_vms(image, vms, *more)
        self.assertEqual(alone, together)
        self.assertEqual(self.read("fs"), before)
        # What the others needed from the image: nearly nothing.
        self.assertGreater(one["read_blocks"], 1000)
        extra = (many["read_blocks"] - one["read_blocks"]) / (vms - 1)
        self.assertLess(extra, 0.02 * one["read_blocks"])
        # And most of what was read is mapped.
        copied = sum(many[name] for name in many if name.startswith("copied"))
        self.assertGreater(many["mapped_bytes"], copied)
        self.assertGreater(many["private_blocks"], 0)

    def test_boots_from_a_warm_cache(self):
        self.check(2)

    @guest.slow
    def test_more(self):
        self.check(4, "--cpus", "2", "--threads", "2")
        self.check(3, "--cache", "0", "--mode", "disco")


if __name__ == "__main__":
    guest.main()
