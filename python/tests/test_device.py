import gc
import weakref

import disco
import guest_words as g
import pytest
from disco import ExitReason

READ_FIRST = [g.lui("t0", g.DEVICE_HI), g.lw("t1", 0, "t0"), g.BREAK]


def test_callbacks(vm, start):
    seen = []

    def read(access):
        seen.append((access.offset, access.size, access.vcpu))
        return 0x1122334455667788

    def write(access, value):
        seen.append((access.offset, access.size, value))

    vm.map_mmio(g.DEVICE, 0x100, "dev", read=read, write=write)
    vcpu = start(g.lui("t0", g.DEVICE_HI), g.lw("t1", 4, "t0"),
                 g.lbu("t2", 9, "t0"), g.sw("t1", 0x10, "t0"),
                 g.sb("t1", 0x21, "t0"), g.BREAK, break_exit=True)
    assert vcpu.run(100).reason == ExitReason.BREAK
    assert seen == [(4, 4, vcpu), (9, 1, vcpu), (0x10, 4, 0x55667788),
                    (0x21, 1, 0x88)]
    assert vcpu.regs["t1"] == 0x55667788 and vcpu.regs["t2"] == 0x88
    stats = vcpu.stats()
    assert (stats.mmio_reads, stats.mmio_writes) == (2, 2)


def test_device_object(vm):
    class Counter(disco.MmioDevice):
        def __init__(self):
            self.value = 0
            self.events = []

        def read(self, access):
            assert access.vcpu is None
            self.value += 1
            return self.value

        def reset(self):
            self.events.append("reset")

        def release(self):
            self.events.append("release")

    counter = Counter()
    region = vm.map_mmio(g.DEVICE, 16, "counter", counter,
                         order=disco.Order.LITTLE)
    assert vm.mmio_read(g.DEVICE, 4) == 1
    assert vm.mmio_read(g.DEVICE + 8, 8) == 2
    with pytest.raises(disco.FaultError):
        vm.mmio_write(g.DEVICE, 4, 5)  # write is not overridden
    with pytest.raises(disco.InvalidError):
        vm.mmio_read(g.DEVICE + 1, 4)
    assert vm.regions()[-1].key == "counter"
    vm.reset()
    region.unmap()
    assert counter.events == ["reset", "release"]
    with pytest.raises(disco.FaultError):
        vm.mmio_read(g.DEVICE, 4)
    died = weakref.ref(counter)
    del counter, region
    gc.collect()
    assert died() is None


def test_byte_order(vm, start):
    vm.map_mmio(g.DEVICE, 16, "little", read=lambda a: 0x11223344,
                order=disco.Order.LITTLE)
    vcpu = start(READ_FIRST, break_exit=True)
    vcpu.run(100)
    assert vcpu.regs["t1"] == 0x44332211


def test_registers_that_stand_for_memory(vm, start):
    with pytest.raises(disco.InvalidError):
        vm.map_mmio(g.DEVICE, 16, "dev", read=lambda a: 7, untrapped=True)
    vm.map_mmio(g.DEVICE, 4096, "dev", read=lambda a: 7, untrapped=True)
    vcpu = start(READ_FIRST, break_exit=True, mode=disco.Mode.DISCO)
    vcpu.run(100)
    assert vcpu.regs["t1"] == 7
    traps = vcpu.stats().traps
    assert traps["cp0_page"] == 1 and traps["mmio"] == 0


def test_negative_values(vm):
    vm.map_mmio(g.DEVICE, 16, "dev", read=lambda a: -1)
    assert vm.mmio_read(g.DEVICE, 2) == 0xffff


def test_bus_error(vm, start):
    def read(access):
        raise disco.BusError
    vm.map_mmio(g.DEVICE, 0x100, "dev", read=read)
    vcpu = start(READ_FIRST)
    vcpu.run(10)
    assert vcpu.stats().exceptions[7] == 1  # DBE


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(3),
                                   KeyboardInterrupt(), disco.FaultError()])
def test_exceptions_surface_from_run(vm, start, error):
    def read(access):
        raise error
    vm.map_mmio(g.DEVICE, 0x100, "dev", read=read)
    vcpu = start(READ_FIRST)
    with pytest.raises(type(error)) as info:
        vcpu.run(100)
    assert info.value is error
    assert info.traceback[-1].name == "read"
    exit = vcpu.last_exit
    assert exit.reason == ExitReason.CALLBACK
    assert exit.failure == (disco.Status.CALLBACK, False, g.DEVICE)
    assert exit.pc == g.ENTRY + 4


def test_wrong_results_surface(vm, start):
    vm.map_mmio(g.DEVICE, 0x100, "dev", read=lambda access: "text")
    vcpu = start(READ_FIRST)
    with pytest.raises(TypeError):
        vcpu.run(100)


def test_exception_from_the_host_side(vm):
    def write(access, value):
        raise LookupError(value)
    vm.map_mmio(g.DEVICE, 0x100, "dev", write=write)
    with pytest.raises(LookupError):
        vm.mmio_write(g.DEVICE, 4, 1)
    assert vm.read(0, 1) == b"\0"  # nothing is left over


def test_exception_of_a_void_callback_ends_the_run(vm, start):
    """The interrupt route cannot fail in C; the run ends all the same."""
    def route(line, level):
        raise RuntimeError(f"line {line}")
    vm.set_irq_route(route)
    vm.map_mmio(g.DEVICE, 0x100, "dev",
                write=lambda access, value: vm.set_irq(3, value))
    vcpu = start(g.lui("t0", g.DEVICE_HI), g.sw("t0", 0, "t0"), g.loop())
    with pytest.raises(RuntimeError, match="line 3"):
        vcpu.run(max_insns=10 ** 9)
    assert vcpu.last_exit.insns < 1000
    # No kick is left behind.
    assert vcpu.run(100).reason == ExitReason.BUDGET
    with pytest.raises(RuntimeError, match="line 5"):
        vm.set_irq(5)


def test_what_is_allowed_inside(vm, start):
    other = vm.create_vcpu()
    vm.write(0x2000, g.code(g.loop()))

    def read(access):
        vcpu = access.vcpu
        vcpu.regs["s0"] = vcpu.regs["t0"] + 1
        vm.write(0x3000, b"dma")
        other.start(0xffffffff80002000)
        vcpu.kick()
        return 0

    vm.map_mmio(g.DEVICE, 0x100, "dev", read=read)
    vcpu = start(READ_FIRST)
    assert vcpu.run(100).reason == ExitReason.KICK
    assert vcpu.regs["s0"] == 0xffffffffb0000001
    assert vm.read(0x3000, 3) == b"dma"
    assert other.run(10).reason == ExitReason.BUDGET


@pytest.mark.parametrize("what", [
    lambda vm, v: v.run(1), lambda vm, v: vm.close(),
    lambda vm, v: v.close(), lambda vm, v: vm.machine.close(),
    lambda vm, v: vm.advance(10 ** 9), lambda vm, v: vm.reset(),
    lambda vm, v: vm.map_ram(1 << 30, 4096), lambda vm, v: vm.create_vcpu(),
])
def test_what_is_not(vm, start, what):
    errors = []

    def read(access):
        try:
            what(vm, access.vcpu)
        except (disco.BusyError, disco.ReentrantError) as error:
            errors.append(error)
        return 0
    vm.map_mmio(g.DEVICE, 0x100, "dev", read=read)
    vcpu = start(READ_FIRST, break_exit=True)
    assert vcpu.run(100).reason == ExitReason.BREAK
    assert len(errors) == 1


def test_idle_in_a_device(vm, start):
    vm.map_mmio(g.DEVICE, 0x100, "idle",
                write=lambda access, value: access.vcpu.idle())
    vcpu = start(g.li("t1", 0x00000401), g.mtc0("t1", 12),
                 g.lui("t0", g.DEVICE_HI), g.sw("zero", 0, "t0"), g.BREAK,
                 break_exit=True)
    exit = vcpu.run(100)
    assert exit.reason == ExitReason.IDLE and exit.until_ns is None
    assert not vcpu.runnable
    vcpu.set_irq(0)
    assert vcpu.runnable
    with pytest.raises(disco.StateError):
        vcpu.idle()
    with pytest.raises(disco.InvalidError):
        vcpu.set_irq(77)


def test_state_of_a_device(vm):
    class Stateful(disco.MmioDevice):
        state = b"what it knows"

        def save(self):
            return self.state

        def load(self, data):
            self.state = data

    device = Stateful()
    region = vm.map_mmio(g.DEVICE, 16, "dev", device)
    ffi, lib = disco.raw.ffi, disco.raw.lib
    stream = bytearray()

    @ffi.callback("int32_t(void *, const void *, uint64_t)")
    def write(_opaque, data, size):
        stream.extend(ffi.buffer(data, size)[:])
        return 0

    @ffi.callback("int32_t(void *, void *, uint64_t)")
    def read(_opaque, data, size):
        ffi.memmove(data, bytes(stream[:size]), size)
        del stream[:size]
        return 0

    s = ffi.new("disco_stream *", {"write": write, "read": read})
    assert lib.disco_py_mmio_ops_save(region._kept, s) == 0
    device.state = b""
    assert lib.disco_py_mmio_ops_load(region._kept, s) == 0
    assert device.state == b"what it knows" and not stream
