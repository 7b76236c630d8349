"""VM.fork: what a child has of its parent, and devices in Python."""
import gc

import disco
import guest_words as g
import pytest
from disco import ExitReason, guest
from test_board import kernel, power, put


class Counter(disco.MmioDevice):
    def __init__(self, value=0):
        self.value = value
        self.log = []

    def read(self, access):
        self.value += 1
        return self.value

    def fork(self, child):
        copy = type(self)(self.value)
        copy.log.append(child)
        return copy

    def release(self):
        self.log.append("release")


def test_both_go_on(vm, start):
    vcpu = start(g.li("t1", 0x80000100), g.addiu("t2", "zero", 0),
                 g.addiu("t2", "t2", 1), g.sw("t2", 0, "t1"), *g.loop())
    vcpu.run(20)
    before = vm.read(0x100, 4)
    child = vm.fork("child")
    assert child.name == "child" and vm.fork().name != "child"
    assert child.read(0x100, 4) == before
    child.write(0x100, b"mine")
    assert vm.read(0x100, 4) == before
    [twin] = child.vcpus
    assert twin.regs["t2"] == vcpu.regs["t2"] and twin.pc == vcpu.pc
    assert child.time_ns == vm.time_ns
    vm.close()
    assert twin.run(10).reason == ExitReason.BUDGET
    child.close()
    with pytest.raises(disco.ClosedError):
        child.fork()


def test_devices(vm):
    counter = Counter(6)
    vm.map_mmio(g.DEVICE, 16, "counter", counter)
    assert vm.device("counter") is counter
    assert vm.device("other") is None
    child = vm.fork()
    copy = child.device("counter")
    assert isinstance(copy, Counter) and copy is not counter
    assert copy.log == [child]
    assert child.mmio_read(g.DEVICE, 4) == 7
    assert child.mmio_read(g.DEVICE, 4) == 8
    assert vm.mmio_read(g.DEVICE, 4) == 7
    grandchild = child.fork()
    assert grandchild.mmio_read(g.DEVICE, 4) == 9
    child.close()
    assert copy.log[-1] == "release" and counter.log == []


def test_refusals(vm):
    class Deaf(disco.MmioDevice):
        def read(self, access):
            return 0

    class Broken(Counter):
        def fork(self, child):
            raise KeyError("no copy")

    class Partial(Counter):
        def fork(self, child):
            return object()

    region = vm.map_mmio(g.DEVICE, 16, "deaf", Deaf())
    with pytest.raises(disco.UnsupportedError, match="deaf"):
        vm.fork()
    region.unmap()
    region = vm.map_mmio(g.DEVICE, 16, "broken", Broken())
    with pytest.raises(KeyError):
        vm.fork()
    region.unmap()
    region = vm.map_mmio(g.DEVICE, 16, "partial", Partial())
    with pytest.raises(TypeError, match="read"):
        vm.fork()
    region.unmap()
    child = vm.fork()
    assert vm.machine.stats().vms == 2
    child.close()


def test_functions_and_exits(vm):
    vm.map_mmio(g.DEVICE, 16, "exits", exits=True)
    log = []
    vm.map_mmio(g.DEVICE + 0x1000, 16, "dev", read=lambda a: 1,
                release=lambda: log.append(1))
    with pytest.raises(disco.UnsupportedError, match="dev"):
        vm.fork()


def test_exit_region_is_released_once(vm):
    class Exits:
        released = 0

        def release(self):
            self.released += 1

    device = Exits()
    vm.map_mmio(g.DEVICE, 16, "exits", device, exits=True)
    child = vm.fork()
    child.close()
    assert device.released == 0
    vm.close()
    assert device.released == 1


def test_board(machine):
    first, second = [], []
    board = disco.Board.create(machine, ram_bytes=1 << 24,
                               console=first.append)
    board.load(kernel(put("abc"), power(3)))
    vcpu = board.vcpus[0]
    vcpu.run(7)
    child = board.fork("twin", console=second.append)
    assert disco.Board.of(board.vm) is not None
    assert child.vm.name == "twin"
    seen = b"".join(first)
    exit = child.vcpus[0].run(10000)
    assert (exit.reason, exit.code) == (ExitReason.SHUTDOWN, 3)
    assert seen + b"".join(second) == b"abc"
    assert b"".join(first) == seen
    assert vcpu.run(10000).code == 3
    assert b"".join(first) == b"abc"
    assert child.dtb() == board.dtb()
    child.close()
    board.close()


class Sink:
    def __init__(self, copies):
        self.data = b""
        self.copies = copies

    def __call__(self, data):
        self.data += data

    def fork(self, child):
        self.copies.append(Sink(self.copies))
        return self.copies[-1]


def test_console_with_fork(machine):
    copies = []
    sink = Sink(copies)
    with disco.Board.create(machine, ram_bytes=1 << 24, console=sink) as board:
        console = board.add_console(sink)
        board.load(kernel(put("abc"), power(0)))
        child = board.vm.fork()
        assert len(copies) == 2
        assert disco.Board.of(child).vcpus[0].run(1000).code == 0
        assert sink.data == b"" and copies[0].data == b"abc"
        twin = disco.VirtioConsole.of(child, guest.BOARD_VIRTIO)
        assert twin.input(b"x") == 1
        assert console.input(b"xy") == 2
        assert disco.Uart.of(child, 0) is None
        assert disco.Uart.of(child, guest.BOARD_UART).input(b"z") == 1
    child.close()


class RamDisk(disco.BlockBackend):
    def __init__(self, data):
        super().__init__(len(data))
        self.data = bytearray(data)
        self.copies = []

    def read(self, offset, size):
        return bytes(self.data[offset:offset + size])

    def fork(self, child):
        self.copies.append(RamDisk(self.data))
        return self.copies[-1]


class Hub(disco.NetBackend):
    copy = None

    def fork(self, child):
        self.copy = Hub()
        self.copy.mac = b"\x02\x00\x00\x00\x00\x77"
        return self.copy


def test_back_ends(machine):
    disk, hub = RamDisk(bytes(4096)), Hub()
    with disco.Subnet(machine) as subnet:
        board = disco.Board.create(machine, ram_bytes=1 << 24)
        board.add_disk(disk)
        nic = board.add_net(hub)
        board.add_net(subnet)
        board.add_net()
        board.add_rng()
        child = board.vm.fork()
        assert len(disk.copies) == 1
        at = guest.BOARD_VIRTIO + guest.BOARD_VIRTIO_STRIDE
        assert disco.Nic.of(child, at) is hub.copy.nic
        assert disco.Nic.of(child, at).ptr != nic.ptr
        assert disco.Nic.of(child, 0) is None
        mac = [child.mmio_read(at + 0x100 + i, 1) for i in range(6)]
        assert bytes(mac) == hub.copy.mac
        assert subnet.stats().ports == 2
        board.close()
        gc.collect()
        assert subnet.stats().ports == 1
        child.close()


def test_disk_without_fork(machine):
    class Disk(disco.BlockBackend):
        pass

    with disco.Board.create(machine, ram_bytes=1 << 24) as board:
        board.add_disk(Disk(4096))
        with pytest.raises(disco.UnsupportedError, match="virtio-blk"):
            board.fork()


def test_wake_knows_the_childs_vcpus():
    woken = []
    with disco.Machine(wake=woken.append) as machine:
        board = disco.Board.create(machine, ram_bytes=1 << 24)
        board.load(kernel(g.lui("t0", 0xbc01), g.sw("zero", 0x1000, "t0"),
                          g.loop()))
        child = board.fork()
        assert child.vcpus[0].run(1000).reason == ExitReason.IDLE
        woken.clear()
        child.vm.request_shutdown()
        assert woken == [child.vcpus[0]]
