import disco
import guest_words as g
import pytest
from disco import ExitReason


def test_names_and_numbers(machine):
    vm = machine.create_vm("first")
    other = machine.create_vm()
    assert vm.name == "first" and other.name and vm.machine is machine
    assert "first" in repr(vm)
    assert disco.raw.lib.disco_vm_machine(vm.ptr) == machine.ptr
    assert machine.vms == [vm, other]
    with pytest.raises(disco.InvalidError):
        machine.create_vm(memory_order=9)
    vm.close()
    assert "closed" in repr(vm)
    with pytest.raises(disco.ClosedError):
        vm.name


def test_stats(vm):
    vm.write(0x1000, b"x")
    stats = vm.stats()
    assert stats.ram_bytes == 1 << 20
    assert stats.frames == stats.demand_zero == 1


def test_share_group(vm):
    vm.set_share_group(7)
    vm.set_share_group(0)


def test_lines(vm):
    vm.set_irq(5)
    vm.set_irq(63)
    assert vm.irq_levels == 1 << 5 | 1 << 63
    told = []
    vm.set_irq_route(lambda line, level: told.append((line, level)))
    vm.set_irq(5, False)
    vm.set_irq(6, True)
    vm.set_irq(6, True)
    assert told == [(5, False), (6, True)]
    vm.set_irq_route(None)
    vm.set_irq(7)
    assert len(told) == 2
    with pytest.raises(disco.InvalidError):
        vm.set_irq(disco.IRQ_LINES)


def test_timers(vm):
    fired = []
    timer = vm.create_timer(fired.append)
    assert vm.next_event_ns is None
    timer.set(5000)
    assert vm.next_event_ns == 5000
    vm.advance(4000)
    assert fired == []
    vm.advance(6000)
    assert fired == [5000] and vm.time_ns == 6000
    timer.after(1000)
    timer.cancel()
    vm.advance(10000)
    assert len(fired) == 1
    timer.close()
    timer.close()
    with pytest.raises(disco.ClosedError):
        timer.set(1)


def test_timer_while_running(vm, start):
    vcpu = start(g.loop())
    seen = []

    def fire(now):
        seen.append(now)
        with pytest.raises(disco.BusyError):
            timer.close()
        if len(seen) < 3:
            timer.set(now + 1000)
        else:
            vm.request_shutdown(9)

    timer = vm.create_timer(fire)
    timer.set(1000)
    exit = vcpu.run(10 ** 6)
    assert (exit.reason, exit.code) == (ExitReason.SHUTDOWN, 9)
    assert seen == [1000, 2000, 3000]
    timer.close()


def test_timer_that_raises(vm, start):
    def fire(now):
        raise ArithmeticError(now)
    timer = vm.create_timer(fire)
    timer.set(1000)
    with pytest.raises(ArithmeticError):
        vm.advance(2000)
    vcpu = start(g.loop())
    timer.after(1000)
    with pytest.raises(ArithmeticError):
        vcpu.run(10 ** 6)
    assert vcpu.run(10).reason == ExitReason.BUDGET


def test_dropped_timer_still_fires(vm):
    fired = []
    vm.create_timer(fired.append).set(10)
    vm.advance(20)
    assert fired == [10]


def test_wake():
    woken = []
    with disco.Machine(wake=woken.append) as m:
        vm = m.create_vm()
        vcpu = vm.create_vcpu()
        vcpu.start(g.ENTRY)
        assert woken == [vcpu]


def test_console(vm, start):
    out = []
    keys = [ord("k"), b"e", None]
    vm.set_console(out.append, lambda: keys.pop(0))
    vm.write(0x3000, b"hello")
    vcpu = start(
        g.li("a0", 0x3000), g.addiu("a1", "zero", 5), g.hypcall(3),
        g.hypcall(4), g.daddu("s0", "v1", "zero"),
        g.hypcall(4), g.daddu("s1", "v1", "zero"),
        g.hypcall(4), g.daddu("s2", "v1", "zero"), g.BREAK,
        mode=disco.Mode.DISCO, break_exit=True)
    assert vcpu.run(100).reason == ExitReason.BREAK
    assert out == [b"hello"]
    assert vcpu.regs.read(["s0", "s1", "s2"]) == [
        ord("k"), ord("e"), 2 ** 64 - 1]


def call(number, *args):
    """Guest code that calls a host function; a1.. from args."""
    words = [g.addiu("a0", "zero", number)]
    for i, value in enumerate(args, 1):
        words += g.li(f"a{i}", value)
    return words + [g.hypcall(0x10)]


def test_host_functions(vm, start):
    def fill(data, n):
        assert isinstance(data, bytearray)
        data[:] = bytes(reversed(data))
        return len(data) + n

    add = vm.add_host_function("i32 add(i32, u8)", lambda a, b: a + b)
    buf = vm.add_host_function("u64 fill(buf, u32)", fill)

    def poke(page):
        assert len(page) == 4096
        page[3] = 0xee

    ptr = vm.add_host_function("void poke(ptr)", poke)
    vm.write(0x3000, b"abcdef")
    vcpu = start(
        call(add, -5, 0x103), g.daddu("s0", "v1", "zero"),
        call(buf, 0x80003000, 4, 10), g.daddu("s1", "v1", "zero"),
        call(ptr, 0x80003001), g.daddu("s2", "v0", "zero"), g.BREAK,
        mode=disco.Mode.DISCO, break_exit=True)
    assert vcpu.run(200).reason == ExitReason.BREAK
    assert vcpu.regs["s0"] == 2 ** 64 - 2
    assert vcpu.regs["s1"] == 14
    assert vcpu.regs["s2"] == 0
    assert vm.read(0x3000, 6) == b"dcba\xeef"
    assert vm.stats().host_calls == 3


@pytest.mark.skipif(not disco.capability(disco.Capability.HOST_FUNCTIONS),
                    reason="no libffi")
def test_floating_point_host_function(vm, start):
    half = vm.add_host_function("f64 half(f32, u16)", lambda x, n: x / 2 + n)
    vcpu = start(call(half, 0x40400000, 1), g.BREAK,  # 3.0f
                 mode=disco.Mode.DISCO, break_exit=True)
    vcpu.run(100)
    assert vcpu.regs["v1"] == 0x4004000000000000  # 2.5


def test_host_function_that_raises(vm, start):
    def bad():
        raise RuntimeError("host")
    n = vm.add_host_function("u32 bad()", bad)
    vcpu = start(call(n), g.loop(), mode=disco.Mode.DISCO)
    with pytest.raises(RuntimeError, match="host"):
        vcpu.run(10 ** 9)
    assert vcpu.regs["v1"] == 0
    assert vcpu.last_exit.insns < 1000
    assert vcpu.run(100).reason == ExitReason.BUDGET


@pytest.mark.parametrize("signature", [
    "", "u32", "u32 f", "u32 f(", "u32 f(long)", "ptr f()", "buf f()",
    "u32 f(u32) x", "u32 f(u8,u8,u8,u8,u8,u8,u8)", "(u32)", "u32 f(void, u8)"])
def test_bad_signatures(vm, signature):
    with pytest.raises(disco.InvalidError) as info:
        vm.add_host_function(signature, lambda *a: 0)
    assert info.value.text


def test_reset_keeps_memory(vm):
    vm.write(0x1000, b"stays")
    vm.reset()
    assert vm.read(0x1000, 5) == b"stays"
