import dataclasses
import logging

import disco
import pytest
from guest_words import BREAK, CODE, ENTRY, NOP, addiu, bne, code, lui, lw


def test_version():
    assert disco.version() == disco.HEADER_VERSION
    assert disco.__version__ == ".".join(map(str, disco.version()))


def test_capabilities():
    assert disco.capability(disco.Capability.THREADS) >= 1
    assert disco.capability(12345) == 0


def test_shape():
    with disco.Machine(nodes=2, cpus_per_node=3, node_bytes=1 << 24) as m:
        stats = m.stats()
        assert (m.nodes, m.cpus, stats.vms) == (2, 6, 0)
        assert stats.frames_total == 2 * (1 << 24) // 4096
        assert [m.cpu_node(i) for i in range(6)] == [0, 0, 0, 1, 1, 1]
        assert m.cpu_hz == 200_000_000
        with pytest.raises(disco.InvalidError):
            m.cpu_node(6)
        node = m.node_stats(1)
        assert (node.cpus, node.frames_total) == (3, (1 << 24) // 4096)
        with pytest.raises(disco.InvalidError):
            m.node_stats(2)
        assert dataclasses.asdict(node)["frames_used"] == 0
        m.verify()
    assert m.closed
    with pytest.raises(disco.ClosedError):
        m.stats()


@pytest.mark.parametrize("bad", [
    {"nodes": 65}, {"node_bytes": 4097}, {"cpu_hz": 1},
    {"deterministic": True, "clock": lambda: 0}])
def test_bad_config(bad):
    with pytest.raises(disco.InvalidError) as info:
        disco.Machine(**bad)
    assert info.value.status == disco.Status.INVAL
    assert info.value.name == "DISCO_E_INVAL"
    assert info.value.text


def test_numbers_that_do_not_fit():
    with pytest.raises(OverflowError):
        disco.Machine(nodes=-1)
    with pytest.raises(OverflowError):
        disco.Machine(nodes=1 << 32)


def test_placement():
    with disco.Machine(nodes=2) as m:
        vm = m.create_vm(home_node=1)
        vm.map_ram(0, 1 << 16)
        vm.write(0x3000, b"moves")
        assert vm.node_frames(1) == 1
        before = vm.page_info(0x3000)
        assert before.node == 1
        assert before.flags & disco.PageFlags.PRESENT
        vm.migrate_page(0x3000, 0)
        after = vm.page_info(0x3000)
        assert after.node == 0 and after.mfn != before.mfn
        assert vm.read(0x3000, 5) == b"moves"
        assert (vm.node_frames(0), vm.node_frames(1)) == (1, 0)
        assert m.node_stats(0).frames_used == 1
        assert vm.stats().migrated == 1
        with pytest.raises(disco.NotFoundError):
            vm.migrate_page(0x4000, 0)
        with pytest.raises(disco.RangeError):
            vm.migrate_page(1 << 30, 0)
        with vm.pin(0x3000, 4):
            with pytest.raises(disco.BusyError):
                vm.migrate_page(0x3000, 1)
        vm.replicate_page(0x3000, 1)
        assert vm.page_info(0x3000).copies == 3
        assert vm.page_info(0x3000).flags & disco.PageFlags.REPLICATED
        vm.collapse_page(0x3000)
        with pytest.raises(disco.RangeError):
            vm.collapse_page(0x3000)
        moves = m.move_stats()
        assert (moves.replicate.count, moves.collapse.count) == (1, 1)
        assert moves.migrate.total_ns >= moves.migrate.copy_ns
        assert moves.replicas == 0


def test_host_clock():
    now = [1000]
    with disco.Machine(clock=lambda: now[0]) as m:
        vm = m.create_vm()
        start = vm.time_ns
        now[0] += 500
        assert vm.time_ns == start + 500
        with pytest.raises(disco.StateError):
            vm.advance(10 ** 9)


def test_clock_that_fails():
    def clock():
        raise RuntimeError("no clock")
    with pytest.raises(RuntimeError, match="no clock"):
        with disco.Machine(clock=clock) as m:
            m.create_vm().time_ns


def test_close_closes_what_is_on_it():
    m = disco.Machine()
    vm = m.create_vm()
    subnet = m.create_subnet()
    port = subnet.port()
    sched = m.create_scheduler()
    assert m.vms == [vm]
    m.close()
    m.close()
    for what in (vm, subnet, port, sched):
        assert what.closed
        with pytest.raises(disco.ClosedError):
            what.ptr
    with pytest.raises(disco.ClosedError):
        m.create_vm()


def test_raw_layer():
    raw = disco.raw
    out = raw.ffi.new("disco_machine **")
    assert raw.lib.disco_machine_create(raw.ffi.NULL, out, raw.ffi.NULL) == 0
    assert raw.lib.disco_machine_destroy(out[0]) == 0
    with disco.Machine() as m:
        assert raw.lib.disco_machine_verify(m.ptr) == 0


def test_log_sinks():
    # Nothing makes the library log for sure: call the sink as it would.
    got = []
    for log in (lambda *args: got.append(args), logging.getLogger("disco")):
        with disco.Machine(log=log) as m:
            ffi, lib = disco.raw.ffi, disco.raw.lib
            lib.disco_py_log_fn(m._keep[0], 2, ffi.new("char[]", b"mem"),
                                ffi.new("char[]", b"a text"))
    assert got == [(disco.LogLevel.WARN, "mem", "a text")]


def test_allocator_of_c():
    ffi, lib = disco.raw.ffi, disco.raw.lib
    bad = ffi.new("disco_allocator *", {"size": ffi.sizeof("disco_allocator")})
    bad.alloc = lib.disco_py_allocator_alloc  # one of four: refused
    with pytest.raises(disco.InvalidError):
        disco.Machine(allocator=bad)


def loop_machine(**config):
    """A vCPU that runs a loop of 1000 rounds, then BREAK."""
    machine = disco.Machine(translate_at_run=1, **config)
    vm = machine.create_vm()
    vm.map_ram(0, 1 << 16)
    vm.write(CODE, code(lui("a0", 0x8000), addiu("t0", "zero", 1000),
                        lw("v0", 0x1000, "a0"), addiu("t0", "t0", -1),
                        bne("t0", "zero", -3), NOP, BREAK))
    vcpu = vm.create_vcpu(break_exit=True)
    vcpu.start(ENTRY)
    return machine, vcpu


def test_code_is_shown():
    machine, vcpu = loop_machine()
    with machine:
        shown = []
        machine.watch_code(shown.append, text=True)
        vcpu.run()
        stats = machine.code_stats()
        if vcpu.engine != disco.Engine.JIT:
            assert not shown and not stats.blocks
            return
        blocks = [c for c in shown if c.kind == disco.CodeKind.BLOCK]
        assert len(blocks) >= stats.blocks >= 2 and stats.regions >= 1
        assert blocks[0].gva == ENTRY and " lui a0,0x8000 " in blocks[0].text
        assert blocks[0].host and len(blocks[0].code) > 10
        routines = [c for c in shown if c.kind == disco.CodeKind.ROUTINE]
        assert "dispatch" in [c.name for c in routines]
        assert routines[0].text is None
        machine.watch_code(None)
        count = len(shown)
        vcpu.reset()
        vcpu.start(ENTRY + 4)
        vcpu.run()
        assert len(shown) == count


def test_code_is_shown_to_a_callable_that_fails():
    machine, vcpu = loop_machine()
    with machine:
        def show(piece):
            raise KeyError(piece.kind)
        if vcpu.engine != disco.Engine.JIT:
            return
        with pytest.raises(KeyError):
            machine.watch_code(show)
        with pytest.raises(KeyError):
            vcpu.run()
        machine.watch_code(None)


def test_without_code_cache():
    machine, vcpu = loop_machine(code_cache_bytes=1)
    with machine:
        assert vcpu.engine == disco.Engine.INTERP
        vcpu.run()
        assert machine.code_stats().held_bytes == 0
