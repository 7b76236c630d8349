"""Disks of Linux: what the guest writes is in the image, and the reverse.

usage: test_disk.py DISCO_RUN SOURCE BUILD [--slow]
"""

import hashlib
import random
import subprocess
import sys

sys.dont_write_bytecode = True
import guest  # noqa: E402

MIB = 1 << 20

RAW = """
out size $(blockdev --getsize64 /dev/vda) $(cat /sys/block/vda/ro)
out read $(md5sum < /dev/vda | cut -c1-32)
seq 1 100000 | dd of=/dev/vda bs=4096 seek=16 conv=notrunc,fsync 2>/dev/null
dd if=/dev/vda bs=1000 skip=3 count=900 2>/dev/null | dd of=/dev/vda bs=512 \
seek=8192 conv=notrunc,fsync 2>/dev/null
out second $(blockdev --getsize64 /dev/vdb) $(cat /sys/block/vdb/ro)
out copy $(md5sum < /dev/vdb | cut -c1-32)
dd if=/dev/zero of=/dev/vdb count=1 2>/dev/null && out wrote
out end
"""

MAKE_FS = """
mke2fs -F /dev/vda > /dev/null 2>&1 || out bad mke2fs
mkdir /tmp/m
mount -t ext4 /dev/vda /tmp/m || out bad mount
i=0
while [ $i -lt 20 ]; do
    i=$((i + 1))
    mkdir /tmp/m/d$i
    seq $i 3000 > /tmp/m/d$i/file
done
out sum $(cat /tmp/m/d*/file | md5sum | cut -c1-32)
umount /tmp/m
out end
"""

READ_FS = """
mkdir /tmp/m
mount -t ext4 -o ro /dev/vda /tmp/m || out bad mount
out sum $(cat /tmp/m/d*/file | md5sum | cut -c1-32)
out files $(find /tmp/m -name file | wc -l)
umount /tmp/m
out end
"""


def md5(data):
    return hashlib.md5(data).hexdigest()


class Disk(guest.Case):
    def image(self, name, mib, seed=1):
        return self.write(name, random.Random(seed).randbytes(mib * MIB))

    def check_raw(self, *more):
        first = self.image("one", 6)
        second = self.image("two", 3, 2)
        before = self.read("one")
        other = self.read("two")
        result = self.boot(RAW, "--disk", first, "--disk", second + ",ro",
                           *more)
        self.assertEqual(result.out, [
            "size %d 0" % (6 * MIB), "read " + md5(before),
            "second %d 1" % (3 * MIB), "copy " + md5(other), "end"])
        expected = bytearray(before)
        numbers = "".join("%d\n" % i for i in range(1, 100001)).encode()
        expected[65536:65536 + len(numbers)] = numbers
        expected[8192 * 512:8192 * 512 + 900000] = expected[3000:903000]
        self.assertEqual(md5(self.read("one")), md5(bytes(expected)))
        self.assertEqual(self.read("two"), other)

    def check_fs(self, *more):
        first = self.write("fs", b"\0" * (16 * MIB))
        # mke2fs waits for randomness, of which virtual time has little.
        made = self.boot(MAKE_FS, "--rng", "--disk", first, *more)
        self.assertEqual(made.out[1:], ["end"])
        image = self.read("fs")
        read = self.boot(READ_FS, "--disk", first + ",ro", *more)
        self.assertEqual(read.out, [made.out[0], "files 20", "end"])
        self.assertEqual(self.read("fs"), image)

    def test_raw(self):
        self.check_raw()

    def test_raw_threads(self):
        self.check_raw("--cpus", 4, "--threads", 2, "--mode", "disco")

    def test_file_system(self):
        self.check_fs("--cpus", 2)

    def test_one_disk_a_vm(self):
        for vm in (0, 1):
            self.image("disk%d" % vm, 1, vm)
        result = self.boot(
            "out sum $(md5sum < /dev/vda | cut -c1-32)\n"
            "dd if=/bin/busybox of=/dev/vda count=100 conv=fsync 2>/dev/null",
            "--vms", 2, "--disk", self.path("disk%v"), "--memory", "64M")
        busybox = None
        for vm in (0, 1):
            before = random.Random(vm).randbytes(MIB)
            after = self.read("disk%d" % vm)
            self.assertEqual(result.out_of(vm), ["sum " + md5(before)])
            self.assertEqual(after[51200:], before[51200:])
            self.assertEqual(after[:4], b"\x7fELF")
            busybox = busybox or after[:51200]
            self.assertEqual(after[:51200], busybox)

    def test_shared_writable_disk_is_refused(self):
        got = subprocess.run(
            self.command("out no", ["--vms", "2", "--disk",
                                    self.image("one", 1)]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual((got.returncode, got.stdout), (125, b""))
        self.assertEqual(got.stderr.count(b"\n"), 1, got.stderr)
        result = self.boot(
            "out sum $(md5sum < /dev/vda | cut -c1-32)", "--vms", 2, "--disk",
            self.path("one") + ",ro", "--memory", "64M")
        for vm in (0, 1):
            self.assertEqual(result.out_of(vm), ["sum " + md5(
                self.read("one"))])

    @guest.slow
    def test_more(self):
        for cpus, threads in ((1, 1), (2, 2), (8, 4)):
            for mode in ("exact", "disco"):
                args = ("--cpus", cpus, "--threads", threads, "--mode", mode)
                self.check_raw(*args)
                self.check_fs(*args)


if __name__ == "__main__":
    guest.main()
