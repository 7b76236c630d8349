import gc
import queue
import threading
import weakref

import disco
import pytest
from virtio_driver import FLUSH, IOERR, OK, READ, WRITE, Device, Disk

SLOT = 0x1c100000


class MemoryDisk(disco.BlockBackend):
    def __init__(self, size=1 << 20, **more):
        super().__init__(size, **more)
        self.data = bytearray(size)
        self.log = []

    def read(self, offset, size):
        self.log.append(("read", offset, size))
        return self.data[offset:offset + size]

    def write(self, offset, data):
        self.log.append(("write", offset, len(data)))
        self.data[offset:offset + len(data)] = data

    def flush(self):
        self.log.append(("flush",))

    def release(self):
        self.log.append(("release",))


@pytest.fixture
def disk_vm(vm):
    disco.create_intc(vm, 0x1c000000, 1)
    return vm


def attach(vm, backend, **more):
    disco.create_virtio_blk(vm, SLOT, 8, backend, **more)
    return Disk(vm, SLOT)


def test_disk_in_python(disk_vm):
    backend = MemoryDisk()
    disk = attach(disk_vm, backend)
    assert disk.request(WRITE, 3, b"\xab" * 1024) == OK
    assert backend.data[3 * 512:5 * 512] == b"\xab" * 1024
    assert disk.request(READ, 4, size=512) == OK
    assert disk.content(512) == b"\xab" * 512
    assert disk.request(FLUSH, 0) == OK
    assert backend.log == [("write", 1536, 1024), ("read", 2048, 512),
                           ("flush",)]
    assert disk.request(READ, 1 << 20, size=512) == IOERR  # outside
    disk_vm.close()
    assert backend.log[-1] == ("release",) and len(backend.log) == 4


def test_errors_of_a_disk(disk_vm):
    class Bad(MemoryDisk):
        def read(self, offset, size):
            if offset == 0:
                raise OSError("scratch")
            if offset == 512:
                return b"short"
            raise RuntimeError("a bug")

    disk = attach(disk_vm, Bad())
    assert disk.request(READ, 0, size=512) == IOERR
    assert disk.request(READ, 1, size=512) == IOERR
    disk.put_request(READ, 2, size=512)
    with pytest.raises(RuntimeError, match="a bug"):
        disk.queues[0].notify()
    assert disk.status() == IOERR and len(disk.queues[0].take()) == 1
    assert disk.request(WRITE, 5, b"x" * 512) == OK


def test_read_only_disk(disk_vm):
    backend = MemoryDisk(readonly=True)
    disk = attach(disk_vm, backend)
    assert disk.request(WRITE, 0, b"x" * 512) == IOERR
    assert backend.log == []


class LaterDisk(disco.BlockBackend):
    """Keeps its requests until somebody completes them."""

    def __init__(self):
        super().__init__(1 << 20)
        self.requests = queue.Queue()
        self.released = 0

    def submit(self, request):
        self.requests.put(request)

    def release(self):
        self.released += 1


def test_completion_from_another_thread(disk_vm):
    backend = LaterDisk()
    disk = attach(disk_vm, backend)

    def work():
        while True:
            request = backend.requests.get()
            if request is None:
                return
            request.complete(bytes([request.offset >> 9]) * request.size
                             if request.op == disco.BlockOp.READ else b"")

    thread = threading.Thread(target=work)
    thread.start()
    done = 0
    for i in range(200):
        disk.put_request(READ, i, size=512, slot=i % 16 * 4)
        disk.queues[0].notify()
        if i % 16 == 15:
            while done < i + 1:
                done += len(disk.queues[0].take())
            assert disk.content(512, slot=60) == bytes([i]) * 512
    backend.requests.put(None)
    thread.join()
    assert disk_vm.irq_levels == 1 << 8
    disk_vm.close()
    assert backend.released == 1


def test_request_rules(disk_vm):
    backend = LaterDisk()
    disk = attach(disk_vm, backend)
    disk.put_request(READ, 1, size=512)
    disk.queues[0].notify()
    request = backend.requests.get()
    assert (request.op, request.offset, request.size) == \
        (disco.BlockOp.READ, 512, 512)
    with pytest.raises(ValueError):
        request.complete(b"short")
    assert not request.completed
    request.complete(b"y" * 512)
    assert request.completed and disk.status() == OK
    with pytest.raises(disco.StateError):
        request.complete(b"y" * 512)
    with pytest.raises(disco.StateError):
        request.fail()


def test_dropped_request_fails(disk_vm):
    backend = LaterDisk()
    disk = attach(disk_vm, backend)
    disk.put_request(READ, 1, size=512)
    disk.queues[0].notify()
    backend.requests.get()
    gc.collect()
    assert disk.status() == IOERR


def test_submit_that_raises_fails_the_request(disk_vm):
    class Bad(LaterDisk):
        def submit(self, request):
            self.kept = request
            raise KeyError("submit")
    backend = Bad()
    disk = attach(disk_vm, backend)
    disk.put_request(READ, 1, size=512)
    with pytest.raises(KeyError):
        disk.queues[0].notify()
    assert disk.status() == IOERR and backend.kept.completed


def test_request_that_outlives_the_vm():
    machine = disco.Machine()
    vm = machine.create_vm()
    vm.map_ram(0, 1 << 20)
    disco.create_intc(vm, 0x1c000000, 1)
    backend = LaterDisk()
    disk = attach(vm, backend)
    disk.put_request(READ, 1, size=512)
    disk.queues[0].notify()
    request = backend.requests.get()
    vm.close()
    assert backend.released == 0
    with pytest.raises(disco.BusyError):
        machine.close()
    request.complete(b"z" * 512)
    assert backend.released == 1
    machine.close()


def test_request_keeps_the_machine():
    backend = LaterDisk()

    def make():
        machine = disco.Machine()
        vm = machine.create_vm()
        vm.map_ram(0, 1 << 20)
        disk = attach(vm, backend)
        disk.put_request(READ, 1, size=512)
        disk.queues[0].notify()
        return weakref.ref(vm), weakref.ref(machine)

    vm, machine = make()
    gc.collect()
    assert vm() is None and machine() is not None
    request = backend.requests.get()
    request.complete(b"z" * 512)
    assert backend.released == 1
    del request
    gc.collect()
    assert machine() is None


def test_many_requests_at_once(disk_vm):
    """A synchronous disk completes inside submit; no depth is lost."""
    backend = MemoryDisk()
    disk = attach(disk_vm, backend)
    for i in range(21):
        disk.put_request(WRITE, i, bytes([i]) * 512, slot=3 * i)
    disk.queues[0].notify()
    assert len(disk.queues[0].take()) == 21
    assert backend.data[20 * 512] == 20


def test_file_disk(disk_vm, tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1 << 16))
    machine = disk_vm.machine
    with machine.open_disk(path) as file:
        assert file.size == 1 << 16
        with pytest.raises(disco.BusyError):
            machine.open_disk(path)
    with pytest.raises(disco.ClosedError):
        attach(disk_vm, file)
    disk = attach(disk_vm, path)
    assert disk.request(WRITE, 7, b"file" * 128) == OK
    assert disk.request(FLUSH, 0) == OK
    assert path.read_bytes()[7 * 512:8 * 512] == b"file" * 128
    disk_vm.close()
    machine.open_disk(str(path), readonly=True).close()
    with pytest.raises(disco.NotFoundError):
        machine.open_disk(tmp_path / "none")


def test_refused_backends_stay_ours(disk_vm, tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1 << 16))
    attach(disk_vm, MemoryDisk())
    again = MemoryDisk()
    with pytest.raises(disco.ExistsError):
        disco.create_virtio_blk(disk_vm, SLOT, 8, again)
    assert again.log == []
    file = disk_vm.machine.open_disk(path)
    with pytest.raises(disco.ExistsError):
        disco.create_virtio_blk(disk_vm, SLOT, 8, file)
    assert not file.closed
    disco.create_virtio_blk(disk_vm, SLOT + 0x1000, 9, file)
    assert file.closed
    with disco.Machine() as other:
        foreign = other.create_subnet().port()
        with pytest.raises(ValueError):
            disco.create_virtio_net(disk_vm, SLOT + 0x2000, 10, foreign)


# --- Network ----------------------------------------------------------------

FRAME = bytes.fromhex("020000000002 020000000001 88b5") + bytes(50)


class Net(Device):
    """Queue 0 receives, 1 sends; each frame has a header of 12 bytes."""

    def __init__(self, vm, gpa):
        super().__init__(vm, gpa, 2)
        assert self.read(8) == 1
        for i in range(8):
            self.queues[0].put((self.queues[0].data + i * 2048, 2048, True),
                               slot=i)
        self.queues[0].notify()

    def send(self, frame):
        queue = self.queues[1]
        self.vm.write(queue.data, bytes(12) + frame)
        queue.put((queue.data, 12 + len(frame), False))
        queue.notify()

    def received(self):
        return [self.vm.read(self.queues[0].data + slot * 2048 + 12, size - 12)
                for slot, size in self.queues[0].take()]


class PythonNet(disco.NetBackend):
    def __init__(self):
        self.frames, self.events = [], []

    def send(self, frame):
        self.frames.append(frame)

    def attached(self, nic):
        self.events.append("attached")

    def detached(self):
        self.events.append("detached")

    def release(self):
        self.events.append("release")


def test_network_in_python(disk_vm):
    net = PythonNet()
    assert not net.deliver(FRAME)
    nic = disco.create_virtio_net(disk_vm, SLOT, 8, net, mac=b"\2\0\0\0\0\1")
    assert net.nic is nic and net.events == ["attached"]
    assert not nic.deliver(FRAME)  # no driver yet
    device = Net(disk_vm, SLOT)
    device.send(FRAME)
    assert net.frames == [FRAME]
    threads = [threading.Thread(target=net.deliver, args=(FRAME,))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert device.received() == [FRAME] * 3
    stats = nic.stats()
    assert (stats.tx_frames, stats.rx_frames, stats.rx_dropped) == (1, 3, 1)
    with pytest.raises(disco.InvalidError):
        nic.deliver(b"short")
    with pytest.raises(ValueError):
        disco.create_virtio_net(disk_vm, SLOT + 0x1000, 9, mac=b"short")
    disk_vm.close()
    assert net.events == ["attached", "detached", "release"]
    assert net.nic is None and not net.deliver(FRAME)
    with pytest.raises(disco.ClosedError):
        nic.stats()


def test_exception_in_send(disk_vm):
    class Bad(disco.NetBackend):
        def send(self, frame):
            raise ConnectionError("cable")
    disco.create_virtio_net(disk_vm, SLOT, 8, Bad())
    device = Net(disk_vm, SLOT)
    with pytest.raises(ConnectionError):
        device.send(FRAME)


def test_subnet(machine):
    subnet = machine.create_subnet()
    nets = []
    for i in range(2):
        vm = machine.create_vm()
        vm.map_ram(0, 1 << 20)
        disco.create_virtio_net(vm, SLOT, 8, subnet if i else subnet.port())
        nets.append(Net(vm, SLOT))
    nets[0].send(FRAME)
    assert nets[1].received() == [FRAME] and nets[0].received() == []
    stats = subnet.stats()
    assert (stats.ports, stats.frames) == (2, 1)
    with pytest.raises(disco.BusyError):
        subnet.close()
    spare = subnet.port()
    assert subnet.stats().ports == 3
    spare.close()
    for net in nets:
        net.vm.close()
    subnet.close()
    with pytest.raises(disco.ClosedError):
        subnet.port()


def test_ports(machine, disk_vm):
    subnet = machine.create_subnet()
    mac = bytes.fromhex("020000000001")
    port = subnet.port(mac=mac, locked=True, mtu=9000, rate_bytes=1000)
    assert subnet.port_stats(port.number).mac == mac
    with pytest.raises(KeyError):
        subnet.port_stats(port.number + 1)
    with pytest.raises(disco.ExistsError):
        subnet.port(mac=mac)
    with pytest.raises(ValueError):
        subnet.port(mac=b"short")
    number = port.number
    records = []
    subnet.capture(records.append, snap=20)
    with pytest.raises(disco.ExistsError):
        subnet.capture(records.append)
    nic = disco.create_virtio_net(disk_vm, SLOT, 8, port)
    device = Net(disk_vm, SLOT)
    device.send(FRAME)
    device.send(b"\2" * 64)  # a foreign address
    subnet.capture(None)
    device.send(FRAME)
    stats = subnet.port_stats(number)
    assert (stats.sent_frames, stats.refused) == (2, 1)
    assert records[0][:4] == bytes.fromhex("4d3cb2a1")
    assert records[1][16:] == FRAME[:20] and len(records) == 2
    assert nic.stats().rx_copied_bytes["host"] == 0


def test_failing_capture(machine, disk_vm):
    subnet = machine.create_subnet()

    def write(data):
        raise OSError("disk full")

    with pytest.raises(OSError):
        subnet.capture(write)
    device = disco.create_virtio_net(disk_vm, SLOT, 8, subnet)
    assert device.stats().errors == 0
    Net(disk_vm, SLOT).send(FRAME)


def test_dropped_subnet_lives_with_its_ports(machine, disk_vm):
    disco.create_virtio_net(disk_vm, SLOT, 8, machine.create_subnet())
    gc.collect()
    device = Net(disk_vm, SLOT)
    device.send(FRAME)
    disk_vm.close()
    gc.collect()
    assert machine.stats().vms == 0
