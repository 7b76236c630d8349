import signal
import threading
import time

import disco
import guest_words as g
import pytest
from disco import ExitReason


def test_budget_is_exact(start):
    vcpu = start(g.loop())
    exit = vcpu.run(1001)
    assert exit.reason == ExitReason.BUDGET
    assert exit.ran_insns == exit.insns == 1001
    # Slices of our own do not show.
    exit = vcpu.run(1000, slice_insns=7)
    assert (exit.ran_insns, exit.insns) == (1000, 2001)
    assert vcpu.last_exit is exit
    with pytest.raises(ValueError):
        vcpu.run(10, slice_insns=0)


def test_until_time(start):
    vcpu = start(g.loop())
    exit = vcpu.run(until_ns=1_000_000, slice_insns=1000)
    assert exit.reason == ExitReason.BUDGET
    assert exit.time_ns >= 1_000_000
    assert exit.time_ns - 1_000_000 < 1000


def test_delay_slot(start):
    vcpu = start(g.loop())
    exit = vcpu.run(1)
    assert exit.delay_slot and exit.pc == g.ENTRY + 4
    assert not vcpu.run(1).delay_slot


def test_break(start):
    vcpu = start(g.addiu("v0", "zero", 5), g.BREAK, break_exit=True)
    exit = vcpu.run()
    assert exit.reason == ExitReason.BREAK and exit.pc == g.ENTRY + 4
    assert vcpu.regs["v0"] == 5


def test_kick_is_latched(start):
    vcpu = start(g.loop())
    vcpu.kick()
    vcpu.kick()
    exit = vcpu.run(100)
    assert (exit.reason, exit.ran_insns) == (ExitReason.KICK, 0)
    assert vcpu.run(100).reason == ExitReason.BUDGET


def test_shutdown_and_reset(vm, start):
    vcpu = start(g.loop())
    vm.request_shutdown(42)
    exit = vcpu.run(100)
    assert (exit.reason, exit.code) == (ExitReason.SHUTDOWN, 42)
    vm.reset()
    assert vcpu.run(100).reason == ExitReason.PARKED
    vcpu.start(g.ENTRY)
    vm.request_reset()
    assert vcpu.run(100).reason == ExitReason.RESET


def test_hypercall(start):
    vcpu = start(g.addiu("a0", "zero", 1), g.addiu("a5", "zero", 6),
                 g.hypcall(0x234), g.BREAK, mode=disco.Mode.DISCO,
                 break_exit=True)
    exit = vcpu.run(100)
    assert exit.reason == ExitReason.HYPERCALL
    assert exit.hypercall == (0x234, (1, 0, 0, 0, 0, 6))
    with pytest.raises(disco.StateError):
        vcpu.run(100)
    vcpu.complete(99, status=-5)
    assert vcpu.run(100).reason == ExitReason.BREAK
    assert vcpu.regs["v1"] == 99
    assert vcpu.regs["v0"] == 2 ** 64 - 5


def test_complete_without_reason(vm):
    with pytest.raises(disco.StateError):
        vm.create_vcpu().complete()


def test_mmio_exits(vm, start):
    vm.map_mmio(g.DEVICE, 0x100, "exits", exits=True)
    vcpu = start(g.lui("t0", g.DEVICE_HI), g.lw("t1", 8, "t0"),
                 g.sb("t1", 0x11, "t0"), g.BREAK, break_exit=True)
    exit = vcpu.run(100)
    assert exit.mmio == (g.DEVICE + 8, 0, 4, False)
    vcpu.complete(0x55)
    exit = vcpu.run(100)
    assert exit.mmio == (g.DEVICE + 0x11, 0x55, 1, True)
    vcpu.complete()
    assert vcpu.run(100).reason == ExitReason.BREAK
    assert vcpu.regs["t1"] == 0x55
    with pytest.raises(ValueError):
        vm.map_mmio(0x20000000, 8, "both", exits=True, read=lambda a: 0)


def test_no_memory():
    with disco.Machine(node_bytes=4096) as m:
        vm = m.create_vm()
        vm.map_ram(0, 1 << 20)
        vm.write(g.CODE, g.code(g.lui("t0", 0x8000), g.sw("t0", 0x5000, "t0")))
        vcpu = vm.create_vcpu()
        vcpu.start(g.ENTRY)
        exit = vcpu.run(100)
        assert exit.reason == ExitReason.NO_MEMORY
        assert exit.pc == g.ENTRY + 4
        with pytest.raises(MemoryError):
            vm.write(0x9000, b"x")


def test_bad_cpu(start):
    vcpu = start(g.loop())
    with pytest.raises(disco.InvalidError):
        vcpu.run(1, cpu=4)


@pytest.fixture
def alarm():
    """alarm(seconds) -> KeyboardInterrupt in the main thread."""
    def handler(*_):
        raise KeyboardInterrupt
    before = signal.signal(signal.SIGALRM, handler)
    yield lambda s: signal.setitimer(signal.ITIMER_REAL, s)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_keyboard_interrupt(start, alarm):
    vcpu = start(g.loop())
    alarm(0.05)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        vcpu.run()
    assert time.monotonic() - begin < 2
    # It can go on, and be closed.
    assert vcpu.run(100).ran_insns == 100


def test_keyboard_interrupt_in_a_device(vm, start, alarm):
    vm.map_mmio(g.DEVICE, 0x100, "dev", read=lambda access: 0)
    vcpu = start(g.lui("t0", g.DEVICE_HI), g.lw("t1", 0, "t0"),
                 g.beq("zero", "zero", -2), g.NOP)
    alarm(0.05)
    with pytest.raises(KeyboardInterrupt):
        vcpu.run()
    assert vcpu.run(100).reason == ExitReason.BUDGET


def test_interrupts_lose_no_counts(machine, vm, start, alarm):
    """Ctrl-C at any place leaves everything usable and closable."""
    vm.map_mmio(g.DEVICE, 0x100, "dev", read=lambda access: vm.irq_levels)
    vcpu = start(g.lui("t0", g.DEVICE_HI), g.lw("t1", 0, "t0"),
                 g.beq("zero", "zero", -2), g.NOP)
    sched = machine.create_scheduler()
    other = vm.create_vcpu()
    sched.add(other)
    end = time.monotonic() + 1
    hits = 0
    while time.monotonic() < end:
        try:
            alarm(0.0003)
            while True:
                vcpu.run(50)
                vm.read(0x1000, 4)
                vcpu.regs["pc"]
                sched.run(1)
        except KeyboardInterrupt:
            hits += 1
    alarm(0)
    assert hits > 50
    vcpu.run(100)
    sched.run(1)
    sched.close()
    vm.close()
    machine.close()


def test_signal_from_a_thread(start):
    vcpu = start(g.loop())
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    try:
        main = threading.main_thread().ident
        timer = threading.Timer(
            0.05, lambda: signal.pthread_kill(main, signal.SIGUSR1))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            vcpu.run()
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
