import threading

import disco
import guest_words as g
from disco import ExitReason

COUNTER = 0x2000
# Count to `n` in a shared word with LL and SC, then BREAK.
COUNT = [g.lui("t1", 0x8000), g.ll("t3", COUNTER, "t1"),
         g.addiu("t3", "t3", 1), g.sc("t3", COUNTER, "t1"),
         g.beq("t3", "zero", -4), g.NOP, g.addiu("t2", "t2", -1),
         g.bne("t2", "zero", -7), g.NOP, g.BREAK]


def in_threads(*functions):
    errors = []

    def call(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)
    threads = [threading.Thread(target=call, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_two_vcpus_on_two_threads(vm):
    vm.write(g.CODE, g.code(COUNT))
    exits = []
    vcpus = [vm.create_vcpu(break_exit=True) for _ in range(2)]
    for vcpu in vcpus:
        vcpu.regs["t2"] = 20000
        vcpu.start(g.ENTRY)

    def run(vcpu):
        while True:
            exit = vcpu.run(10000)
            if exit.reason != ExitReason.BUDGET:
                exits.append(exit.reason)
                return

    in_threads(*[lambda v=v: run(v) for v in vcpus])
    assert exits == [ExitReason.BREAK] * 2
    assert vm.read_int(COUNTER, 4) == 40000


def test_devices_on_two_threads(vm):
    """Both vCPUs in one Python device, and each exception to its own run."""
    calls = []

    def read(access):
        calls.append(access.vcpu.index)
        if len(calls) > 2000:
            raise RuntimeError(access.vcpu.index)
        return 0

    vm.map_mmio(g.DEVICE, 16, "dev", read=read)
    vm.write(g.CODE, g.code(g.lui("t0", g.DEVICE_HI), g.lw("t1", 0, "t0"),
                            g.beq("zero", "zero", -2), g.NOP))
    got = {}

    def run(vcpu):
        try:
            vcpu.run()
        except RuntimeError as error:
            got[vcpu.index] = error.args[0]

    vcpus = [vm.create_vcpu() for _ in range(2)]
    for vcpu in vcpus:
        vcpu.start(g.ENTRY)
    in_threads(*[lambda v=v: run(v) for v in vcpus])
    assert got == {0: 0, 1: 1}
    assert set(calls) == {0, 1}


def test_other_threads_go_on(vm, start):
    """A run holds no interpreter lock."""
    vcpu = start(g.loop())
    thread = threading.Thread(target=vcpu.run)
    thread.start()
    n = 0
    while n < 100 or vcpu.stats().insns < 3_000_000:
        n += 1
    assert thread.is_alive()
    vcpu.kick()
    thread.join()
    assert vcpu.last_exit.reason == ExitReason.KICK


def test_kicks_from_threads_are_not_lost(start):
    vcpu = start(g.loop())
    kicks = 200
    ready = threading.Semaphore(0)

    def kicker():
        for _ in range(kicks):
            ready.acquire()
            vcpu.kick()

    def runner():
        for _ in range(kicks):
            ready.release()
            assert vcpu.run().reason == ExitReason.KICK

    in_threads(kicker, runner)


def test_one_vcpu_is_run_once(start):
    vcpu = start(g.loop())
    thread = threading.Thread(target=vcpu.run)
    thread.start()
    while vcpu.stats().insns == 0:
        pass
    try:
        vcpu.run(1)
        raise AssertionError("it ran twice")
    except disco.BusyError:
        pass
    finally:
        vcpu.kick()
        thread.join()
    assert vcpu.run(10).ran_insns == 10


def test_machines_on_threads():
    def work():
        for _ in range(20):
            with disco.Machine() as machine:
                vm = machine.create_vm()
                vm.map_ram(0, 1 << 20)
                vm.write(g.CODE, g.code(COUNT))
                vcpu = vm.create_vcpu(break_exit=True)
                vcpu.regs["t2"] = 100
                vcpu.start(g.ENTRY)
                assert vcpu.run().reason == ExitReason.BREAK
                assert vm.read_int(COUNTER, 4) == 100
    in_threads(*[work] * 4)


def test_migration_under_running_vcpus():
    todo = 10 ** 9
    with disco.Machine(nodes=2) as machine:
        vm = machine.create_vm()
        vm.map_ram(0, 1 << 20)
        vm.write(g.CODE, g.code(COUNT))
        vcpu = vm.create_vcpu(break_exit=True)
        vcpu.regs["t2"] = todo
        vcpu.start(g.ENTRY)
        vcpu.run(1000)
        thread = threading.Thread(target=vcpu.run)
        thread.start()
        for move in range(30):
            vm.migrate_page(COUNTER, move & 1)
            seen = vm.read_int(COUNTER, 4)
            while vm.read_int(COUNTER, 4) == seen:
                pass  # it counts on, from where it was
        vcpu.kick()
        thread.join()
        done = todo - vcpu.regs["t2"]
        assert vm.read_int(COUNTER, 4) - done in (0, 1)
        assert vm.stats().migrated >= 29
        machine.verify()
