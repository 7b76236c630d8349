import threading

import disco
import guest_words as g
import pytest
from disco import ExitReason


@pytest.fixture
def make(machine):
    def make_vcpu(*words, vm=None, at=g.CODE, **config):
        if vm is None:
            vm = machine.create_vm()
            vm.map_ram(0, 1 << 20)
        vm.write(at, g.code(*words))
        vcpu = vm.create_vcpu(**config)
        vcpu.start(g.ENTRY - g.CODE + at)
        return vcpu
    return make_vcpu


def test_rounds(machine, make):
    """A round is one slice on each CPU."""
    sched = machine.create_scheduler(quantum=100, first_cpu=1, cpus=2,
                                     static=True)
    vcpus = [make(g.loop()) for _ in range(3)]
    for vcpu in vcpus:
        sched.add(vcpu)
    assert sched.vcpus == vcpus
    assert sched.run(20)[1].reason == ExitReason.BUDGET
    assert sched.run(1)[0] is None
    insns = [vcpu.stats().insns for vcpu in vcpus]
    assert insns == [1100, 2100, 1000]
    assert [vcpu.stats().cpu for vcpu in vcpus] == [1, 2, 1]
    assert [sched.vcpu_stats(v).cpu for v in vcpus] == [1, 2, 1]
    assert sched.cpu_stats(1).slices == 21
    with pytest.raises(disco.InvalidError):
        sched.cpu_stats(0)


def test_wishes(machine, make):
    sched = machine.create_scheduler(quantum=100, balance_rounds=8,
                                     balance_moves=4)
    a, b = make(g.loop()), make(g.loop())
    for vcpu in (a, b):
        sched.add(vcpu)
        sched.pin(vcpu, 1)
    sched.set_vm(a.vm, weight=300, gang=True, skew_insns=1000)
    sched.run(400)
    assert sched.vcpu_stats(a).run_insns == pytest.approx(30000, rel=0.02)
    assert sched.vcpu_stats(b).waited > 200
    with pytest.raises(disco.InvalidError):
        sched.set_vm(a.vm, cpus=[0, 2])  # leaves it no CPU
    sched.set_cpus(a, None)
    sched.set_vm(a.vm, cpus=[0, 2])
    assert sched.vcpu_stats(a).cpu == 0


def test_masks_and_limits(machine, make):
    sched = machine.create_scheduler(quantum=100)
    vcpu = make(g.loop())
    sched.add(vcpu)
    sched.set_vm(vcpu.vm, cpus=[2, 3])
    with pytest.raises(disco.InvalidError):
        sched.pin(vcpu, 1)
    sched.set_cpus(vcpu, [3])
    sched.set_limit(vcpu, 250)
    who, exit = sched.run()
    assert who is vcpu and exit.reason == ExitReason.BUDGET
    assert vcpu.stats().insns == 250 and vcpu.stats().cpu == 3
    sched.set_limit(vcpu, None)
    assert sched.next_ns == 0
    assert sched.hold(vcpu) is True
    assert sched.run(2)[1].reason == ExitReason.IDLE
    sched.release(vcpu)
    assert sched.run(1)[1].reason == ExitReason.BUDGET


def test_threads_drive_cpus():
    with disco.Machine(cpus_per_node=4) as m:
        sched = m.create_scheduler(quantum=1000)
        for _ in range(4):
            vm = m.create_vm()
            vm.map_ram(0, 1 << 20)
            vm.write(g.CODE, g.code(g.loop()))
            vcpu = vm.create_vcpu()
            vcpu.start(g.ENTRY)
            sched.add(vcpu)
        failed = []

        def drive():
            try:
                for _ in range(50):
                    who, exit = sched.run_cpu(max_slices=4)
                    assert who is None and exit.reason == ExitReason.BUDGET
            except BaseException as error:  # for the main thread
                failed.append(error)

        threads = [threading.Thread(target=drive) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert sum(sched.vcpu_stats(v).slices for v in sched.vcpus) == 400
        assert sched.run_cpu(2, 3)[0] is None


def test_reasons(machine, make):
    sched = machine.create_scheduler()
    looping = make(g.loop())
    breaking = make(g.BREAK, break_exit=True)
    sched.add(looping)
    sched.add(breaking)
    vcpu, exit = sched.run()
    assert vcpu is breaking and exit.reason == ExitReason.BREAK
    assert breaking.last_exit is exit
    vcpu, exit = sched.run(5)
    assert exit.reason == ExitReason.BREAK
    sched.remove(breaking)
    with pytest.raises(disco.NotFoundError):
        sched.remove(breaking)
    with pytest.raises(disco.ExistsError):
        sched.add(looping)
    vcpu, exit = sched.run(5)
    assert vcpu is None and exit.reason == ExitReason.BUDGET


def test_idle_and_time(machine, make):
    sched = machine.create_scheduler()
    vcpu = make(g.lui("t0", g.DEVICE_HI), g.sw("zero", 0, "t0"), g.BREAK,
                break_exit=True)
    vm = vcpu.vm
    vm.map_mmio(g.DEVICE, 16, "idle",
                write=lambda access, value: access.vcpu.idle())
    vcpu.regs["status"] = 0x400
    sched.add(vcpu)
    who, exit = sched.run()
    assert who is None and exit.reason == ExitReason.IDLE
    assert exit.until_ns is None
    timer = vm.create_timer(lambda now: vcpu.set_irq(0))
    timer.after(1_000_000)
    who, exit = sched.run()
    assert exit.reason == ExitReason.IDLE
    assert 0 < exit.until_ns <= 1_000_000
    sched.pass_time(exit.until_ns)
    who, exit = sched.run()
    assert who is vcpu and exit.reason == ExitReason.BREAK


def test_loop(machine, make):
    sched = machine.create_scheduler()
    vcpu = make(g.lui("t0", g.DEVICE_HI), g.sw("zero", 0, "t0"), g.BREAK,
                break_exit=True)
    vm = vcpu.vm
    vm.map_mmio(g.DEVICE, 16, "idle",
                write=lambda access, value: access.vcpu.idle())
    vcpu.regs["status"] = 0x400
    sched.add(vcpu)
    assert sched.loop()[1].reason == ExitReason.IDLE
    assert sched.loop(lambda seconds: False)[1].reason == ExitReason.IDLE
    asked = []

    def idle(seconds):
        asked.append(seconds)
        if len(asked) == 2:
            vm.create_timer(lambda now: vcpu.set_irq(0)).after(10 ** 9)
        return True

    rounds = []
    who, exit = sched.loop(idle, lambda: rounds.append(1))
    assert who is vcpu and exit.reason == ExitReason.BREAK
    assert asked[:2] == [None, None] and 0.9 < asked[2] <= 1
    assert len(asked) == 3 and len(rounds) >= 4
    assert vm.time_ns >= 10 ** 9


def test_exceptions_surface(machine, make):
    def write(access, value):
        raise RuntimeError("device")
    vcpu = make(g.lui("t0", g.DEVICE_HI), g.sw("zero", 0, "t0"))
    vcpu.vm.map_mmio(g.DEVICE, 16, "dev", write=write)
    sched = machine.create_scheduler()
    sched.add(vcpu)
    with pytest.raises(RuntimeError, match="device"):
        sched.run()


def test_closing_leaves_the_scheduler(machine, make):
    sched = machine.create_scheduler()
    a, b = make(g.loop()), make(g.loop())
    for vcpu in (a, b):
        sched.add(vcpu)
    a.close()
    assert sched.vcpus == [b]
    b.vm.close()
    assert sched.vcpus == []
    assert sched.run()[1].reason == ExitReason.IDLE
    with pytest.raises(disco.ClosedError):
        sched.add(a)
    c = make(g.loop())
    sched.add(c)
    sched.close()
    c.vm.close()


def test_changes_inside_a_callback(machine, make):
    errors = []

    def write(access, value):
        for call in (lambda: sched.remove(vcpu), lambda: sched.add(other),
                     sched.close, vcpu.close, other.vm.close, idle_vm.close,
                     lambda: sched.run(1)):
            try:
                call()
            except (disco.BusyError, disco.ReentrantError) as error:
                errors.append(error)

    vcpu = make(g.lui("t0", g.DEVICE_HI), g.sw("zero", 0, "t0"), g.BREAK,
                break_exit=True)
    other = make(g.loop())
    idle_vm = other.vm
    vcpu.vm.map_mmio(g.DEVICE, 16, "dev", write=write)
    sched = machine.create_scheduler()
    sched.add(vcpu)
    sched.add(other)
    assert sched.run()[0] is vcpu
    assert len(errors) == 7
    assert sched.vcpus == [vcpu, other]


def test_of_another_machine(make):
    with disco.Machine() as other:
        sched = other.create_scheduler()
        with pytest.raises(disco.MismatchError):
            sched.add(make(g.loop()))


def test_deterministic_machine_repeats():
    def once():
        with disco.Machine(deterministic=True, seed=7, nodes=2,
                           cpus_per_node=2) as m:
            vm = m.create_vm()
            vm.map_ram(0, 1 << 20)
            # Both count in one word, without locks: the order shows.
            vm.write(g.CODE, g.code(
                g.lui("t0", 0x8000), g.lw("t1", 0x2000, "t0"),
                g.addiu("t1", "t1", 1), g.sw("t1", 0x2000, "t0"),
                g.beq("zero", "zero", -4), g.NOP))
            sched = m.create_scheduler(quantum=37)
            for _ in range(2):
                vcpu = vm.create_vcpu()
                vcpu.start(g.ENTRY)
                sched.add(vcpu)
            sched.run(500)
            return vm.read_int(0x2000, 4), vm.time_ns
    first = once()
    assert first[0] > 1000 and once() == first
