import gc
import subprocess
import sys
import threading
import time
import weakref

import disco
import guest_words as g
import pytest


def test_references_alone_close_everything():
    released = []
    machine = disco.Machine()
    vm = machine.create_vm()
    vm.map_ram(0, 1 << 20)
    vm.map_mmio(g.DEVICE, 16, "dev", release=lambda: released.append(1))
    vcpu = vm.create_vcpu()
    cores = machine._core, vm._core
    del machine, vm
    gc.collect()
    assert cores[0].cell and cores[1].cell  # the vCPU keeps them
    assert vcpu.index == 0
    del vcpu
    gc.collect()
    assert not cores[0].cell and not cores[1].cell
    assert released == [1]


def test_without_the_cycle_collector():
    """No cycle of our own: reference counts are enough."""
    gc.disable()
    try:
        machine = disco.Machine()
        vm = machine.create_vm()
        vm.map_ram(0, 4096)
        vm.map_mmio(g.DEVICE, 16, "dev", read=lambda access: 0)
        vm.create_timer(lambda now: None)
        vm.create_vcpu().start(g.ENTRY)
        disco.create_virtio_net(vm, 0x1c100000, 8, machine.create_subnet())
        cores = machine._core, vm._core
        del vm, machine
        assert not cores[0].cell and not cores[1].cell
    finally:
        gc.enable()


def test_cycles_through_callbacks():
    """Devices, timers, routes, back ends and host functions that know their VM,
    scheduler and machine."""
    class Disk(disco.BlockBackend):
        owner = None

        def release(self):
            released.append(self.owner.name is not None
                            if not self.owner.closed else None)

    class Device:
        def __init__(self, vm):
            self.vm = vm

        def read(self, access):
            return self.vm.irq_levels

        def release(self):
            released.append("device")

    def make():
        machine = disco.Machine(log=lambda *a: machine.stats(),
                                wake=lambda vcpu: machine.stats())
        vm = machine.create_vm()
        vm.map_ram(0, 4096)
        vm.map_mmio(g.DEVICE, 16, "dev", Device(vm))
        vm.create_timer(lambda now: vm.close())
        vm.set_irq_route(lambda line, level: vm.name)
        vm.set_console(write=lambda data: vm.name)
        vm.add_host_function("void f()", lambda: vm.name)
        disk = Disk(4096)
        disk.owner = vm
        disco.create_virtio_blk(vm, 0x1c100000, 8, disk)
        sched = machine.create_scheduler()
        sched.add(vm.create_vcpu())
        vm.map_mmio(0x20000000, 16, "dev2", read=lambda a: sched.run(1))
        return [weakref.ref(x) for x in (machine, vm, sched)], \
            [machine._core, vm._core, sched._core]

    released = []
    refs, cores = make()
    gc.collect()
    gc.collect()
    assert [ref() for ref in refs] == [None] * 3
    assert [core.cell for core in cores] == [[]] * 3
    assert sorted(released, key=str) == [None, "device"]


def test_many_machines():
    cores = []
    for i in range(300):
        machine = disco.Machine(nodes=1 + i % 3)
        vm = machine.create_vm()
        vm.map_ram(0, 1 << 20)
        vm.write(g.CODE, g.code(g.loop()))
        vcpu = vm.create_vcpu()
        vcpu.start(g.ENTRY)
        vcpu.run(100)
        cores.append(machine._core)
    del machine, vm, vcpu
    gc.collect()
    assert not any(core.cell for core in cores)


def test_many_machines_alive():
    machines = [disco.Machine() for _ in range(100)]
    for machine in machines:
        machine.create_vm().map_ram(0, 1 << 30)
    for machine in machines:
        machine.close()


def test_closed_objects_raise(machine):
    vm = machine.create_vm()
    ram = vm.map_ram(0, 1 << 20)
    vcpu = vm.create_vcpu()
    timer = vm.create_timer(print)
    uart = disco.create_uart(vm, 0x1c020000, 0)
    regs = vcpu.regs
    vm.close()
    vm.close()
    for call in (lambda: vm.read(0, 1), lambda: vm.time_ns,
                 lambda: vm.advance(1), lambda: vm.vcpus, vm.reset, vm.stats,
                 lambda: vcpu.run(1), vcpu.kick, lambda: regs["pc"],
                 vcpu.stats, lambda: vm.create_timer(print),
                 lambda: timer.set(1), lambda: uart.input(b"x"),
                 lambda: vm.pin(0, 1), lambda: vm.request_shutdown(),
                 lambda: vm.__enter__(), lambda: vm.ptr):
        with pytest.raises(disco.ClosedError):
            call()
    for what in (ram, vcpu, timer, uart):
        assert what.closed
    ram.close()
    timer.close()
    vcpu.close()


def test_close_while_another_thread_runs(vm, start):
    vcpu = start(g.loop())
    thread = threading.Thread(target=vcpu.run)
    thread.start()
    while not vcpu._core.parent.runs:
        time.sleep(0.001)
    for what in (vm, vm.machine, vcpu):
        with pytest.raises(disco.BusyError):
            what.close()
        assert not what.closed
    assert vm.read(0, 1) == b"\0"
    vcpu.kick()
    thread.join()
    vm.close()


def test_close_against_calls():
    """A thread that closes and threads that call: an error or a result, never
    a crash."""
    for _ in range(30):
        machine = disco.Machine()
        vm = machine.create_vm()
        vm.map_ram(0, 1 << 16)
        vm.write(g.CODE, g.code(g.loop()))
        vcpu = vm.create_vcpu()
        vcpu.start(g.ENTRY)
        odd = []

        def call(function):
            try:
                while True:
                    function()
            except disco.ClosedError:
                pass
            except BaseException as error:
                odd.append(error)

        threads = [threading.Thread(target=call, args=(function,))
                   for function in (lambda: vm.read(0, 4096),
                                    lambda: vcpu.run(100),
                                    lambda: vcpu.kick())]
        for thread in threads:
            thread.start()
        while True:
            try:
                machine.close()
                break
            except disco.BusyError:
                pass
        for thread in threads:
            thread.join()
        assert odd == []


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], text=True, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_exit_of_the_interpreter_closes():
    done = run_python("""
import disco
machine = disco.Machine()
vm = machine.create_vm()
vm.map_ram(0, 4096)
vm.map_mmio(0x10000000, 16, "dev", release=lambda: print("released"))
view = vm.pin(0, 16).view
class Disk(disco.BlockBackend):
    def submit(self, request): pass
disk = Disk(4096)
disco.create_virtio_blk(machine.create_vm(), 0x1c100000, 8, disk)
""")
    assert done.returncode == 0 and done.stdout == "", done.stdout
    done = run_python("""
import disco
machine = disco.Machine()
vm = machine.create_vm()
vm.map_mmio(0x10000000, 16, "dev", release=lambda: print("released"))
""")
    assert done.returncode == 0 and done.stdout == "released\n", done.stdout


def test_exit_while_a_daemon_runs():
    done = run_python(f"""
import disco, threading, time
machine = disco.Machine()
vm = machine.create_vm()
vm.map_ram(0, 1 << 20)
vm.write({g.CODE}, {g.code(g.loop())!r})
vcpu = vm.create_vcpu()
vcpu.start({g.ENTRY})
threading.Thread(target=vcpu.run, daemon=True).start()
time.sleep(0.05)
""")
    assert done.returncode == 0, done.stdout
