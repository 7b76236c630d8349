"""A virtio driver outside of the guest: rings in guest memory, registers
through VM.mmio_read and mmio_write."""
import struct

SIZE = 64


class Queue:
    def __init__(self, device, index, at):
        self.device, self.index, self.at = device, index, at
        self.avail, self.used = at + 0x1000, at + 0x2000
        self.data = at + 0x4000  # of the driver's buffers
        self.next = self.seen = 0
        for ring in (self.avail, self.used):
            device.vm.write(ring, bytes(4096))
        reg = device.write
        reg(0x30, index)
        assert device.read(0x34) >= SIZE
        reg(0x38, SIZE)
        for offset, gpa in ((0x80, at), (0x90, self.avail), (0xa0, self.used)):
            reg(offset, gpa)
            reg(offset + 4, 0)
        reg(0x44, 1)

    def put(self, *buffers, slot=0):
        """A chain of (gpa, size, device writes) that starts at descriptor
        `slot`; not yet notified."""
        vm = self.device.vm
        for i, (gpa, size, write) in enumerate(buffers):
            flags = (1 if i + 1 < len(buffers) else 0) | (2 if write else 0)
            vm.write(self.at + 16 * (slot + i), struct.pack(
                "<QIHH", gpa, size, flags, slot + i + 1))
        vm.write(self.avail + 4 + 2 * (self.next % SIZE),
                 struct.pack("<H", slot))
        self.next += 1
        vm.write(self.avail + 2, struct.pack("<H", self.next & 0xffff))

    def notify(self):
        self.device.write(0x50, self.index)

    def take(self):
        """(slot, bytes written) of what came back since the last time."""
        vm = self.device.vm
        end, = struct.unpack("<H", vm.read(self.used + 2, 2))
        got = []
        while self.seen != end:
            got.append(struct.unpack("<II", vm.read(
                self.used + 4 + 8 * (self.seen % SIZE), 8)))
            self.seen += 1
        return got


class Device:
    def __init__(self, vm, gpa, queues, at=0x40000, features=0):
        self.vm, self.gpa = vm, gpa
        assert self.read(0) == 0x74726976 and self.read(4) == 2
        self.write(0x70, 0)
        self.write(0x70, 3)
        for word, value in ((0, features), (1, 1)):  # VERSION_1
            self.write(0x24, word)
            self.write(0x20, value)
        self.write(0x70, 11)
        assert self.read(0x70) == 11
        self.queues = [Queue(self, i, at + i * 0x20000) for i in range(queues)]
        self.write(0x70, 15)

    def read(self, offset):
        return self.vm.mmio_read(self.gpa + offset, 4)

    def write(self, offset, value):
        self.vm.mmio_write(self.gpa + offset, 4, value)


class Disk(Device):
    """Requests one at a time, or started with put_request."""

    def __init__(self, vm, gpa, **more):
        super().__init__(vm, gpa, 1, features=1 << 9, **more)  # FLUSH
        assert self.read(8) == 2

    def put_request(self, kind, sector, data=b"", size=0, slot=0):
        queue = self.queues[0]
        head = queue.data + slot * 0x800
        self.vm.write(head, struct.pack("<IIQ", kind, 0, sector))
        self.vm.write(head + 16, b"\xff")
        if data:
            self.vm.write(head + 512, data)
        chain = [(head, 16, False)]
        if data or size:
            chain.append((head + 512, len(data) or size, kind == 0))
        chain.append((head + 16, 1, True))
        queue.put(*chain, slot=slot)

    def status(self, slot=0):
        return self.vm.read(self.queues[0].data + slot * 0x800 + 16, 1)[0]

    def content(self, size, slot=0):
        return self.vm.read(self.queues[0].data + slot * 0x800 + 512, size)

    def request(self, *args, **more):
        self.put_request(*args, **more)
        self.queues[0].notify()
        assert len(self.queues[0].take()) == 1
        return self.status()


READ, WRITE, FLUSH = 0, 1, 4
OK, IOERR = 0, 1
