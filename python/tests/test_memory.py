import array
import gc
import mmap
import struct

import disco
import pytest


def test_regions(vm):
    rom = vm.map_rom(0x1fc00000, 8192, b"boot")
    assert vm.read(0x1fc00000, 6) == b"boot\0\0"
    with pytest.raises(disco.FaultError):
        vm.write(0x1fc00000, b"x")
    vm.load(0x1fc00000, b"B")
    assert vm.read(0x1fc00000, 4) == b"Boot"
    kinds = [(r.kind, r.gpa, r.bytes) for r in vm.regions()]
    assert kinds == [(disco.RegionKind.RAM, 0, 1 << 20),
                     (disco.RegionKind.ROM, 0x1fc00000, 8192)]
    rom.unmap()
    assert rom.closed
    rom.close()
    with pytest.raises(disco.FaultError) as info:
        vm.read(0x1fc00000, 4)
    assert info.value.where == 0x1fc00000
    with pytest.raises(disco.ExistsError):
        vm.map_ram(0x1000, 4096)
    with pytest.raises(disco.InvalidError):
        vm.map_ram(0x12345, 4096)


def test_copies(vm):
    vm.write(0xffe, b"across")
    assert vm.read(0xffe, 6) == b"across"
    data = bytearray(6)
    vm.read_into(0xffe, data)
    assert data == b"across"
    vm.write(0x2000, array.array("I", [1, 2]))
    assert struct.unpack("II", vm.read(0x2000, 8)) == (1, 2)
    vm.write_int(0x3000, 4, 0x11223344)
    assert vm.read(0x3000, 4) == b"\x11\x22\x33\x44"
    assert vm.read_int(0x3000, 2, disco.Order.LITTLE) == 0x2211
    vm.write_int(0x3000, 2, -1)
    assert vm.read_int(0x3000, 4) == 0xffff3344
    assert vm.read(0x3000, 0) == b""
    with pytest.raises(BufferError):
        vm.read_into(0, b"read-only")
    with pytest.raises(disco.FaultError):
        vm.write((1 << 20) - 2, b"past the end")
    assert vm.read((1 << 20) - 2, 2) == b"\0\0"


def test_host_memory(vm):
    memory = mmap.mmap(-1, 8192)
    region = vm.map_host(0x10000000, memory)
    memory[4:8] = b"host"
    assert vm.read(0x10000004, 4) == b"host"
    vm.write(0x10001000, b"guest")
    assert memory[4096:4101] == b"guest"
    with pytest.raises(BufferError):
        memory.close()
    region.unmap()
    gc.collect()
    memory.close()
    with pytest.raises(disco.InvalidError):
        vm.map_host(0x10000000, bytearray(100))
    ro = mmap.mmap(-1, 4096)
    vm.map_host(0x10000000, ro, writable=False)
    with pytest.raises(disco.FaultError):
        vm.write(0x10000000, b"x")


def test_pin(vm):
    vm.write(0x2000, b"pinned")
    with vm.pin(0x2000, 16, write=True) as view:
        assert isinstance(view, memoryview) and not view.readonly
        assert bytes(view[:6]) == b"pinned"
        view[0:4] = b"PINN"
        assert vm.stats().pins == 1
        assert vm.page_info(0x2000).flags & disco.PageFlags.PINNED
    assert vm.stats().pins == 0
    with pytest.raises(ValueError):
        view[0]
    assert vm.read(0x2000, 6) == b"PINNed"


def test_pin_is_read_only_without_write(vm):
    with vm.pin(0x2000, 16) as view:
        assert view.readonly
        with pytest.raises(TypeError):
            view[0] = 1


def test_pin_limits(vm):
    with pytest.raises(disco.RangeError):
        vm.pin(0xff0, 32)
    with pytest.raises(disco.FaultError):
        vm.pin(1 << 30, 4)


def test_pin_survives_its_slices(vm):
    pin = vm.pin(0x2000, 16, write=True)
    part = pin.view[4:8]
    with pytest.raises(BufferError):
        pin.close()
    assert not pin.closed and vm.stats().pins == 1
    part[:] = b"part"
    assert bytes(pin.view[4:8]) == b"part"
    part.release()
    pin.close()
    pin.close()
    assert pin.closed and vm.stats().pins == 0
    with pytest.raises(disco.ClosedError):
        pin.view


def test_dropped_pin_waits_for_its_views(vm):
    part = vm.pin(0x2000, 16).view[0:4]
    gc.collect()
    assert vm.stats().pins == 1
    assert bytes(part) == b"\0\0\0\0"
    with pytest.raises(disco.BusyError):
        vm.close()
    assert not vm.closed
    del part
    assert vm.stats().pins == 0
    vm.close()


def test_view_keeps_the_vm():
    machine = disco.Machine()
    vm = machine.create_vm()
    vm.map_ram(0, 4096)
    vm.write(0, b"alive")
    part = vm.pin(0, 5).view[:]
    del vm, machine
    gc.collect()
    assert bytes(part) == b"alive"
    del part


def test_page_info(vm):
    assert not vm.page_info(0x5000).flags & disco.PageFlags.PRESENT
    vm.write(0x5000, b"x")
    assert vm.page_info(0x5000).flags & disco.PageFlags.PRESENT
    with pytest.raises(disco.RangeError):
        vm.page_info(1 << 30)


def test_shared_pages(machine):
    one, two = machine.create_vm(), machine.create_vm()
    for vm in one, two:
        vm.map_ram(0, 1 << 20)
    one.write(0x4000, b"one")
    with one.take_page(0x4000) as page, page.copy() as again:
        two.map_page(0x8000, again)
        assert two.page_info(0x8000).mfn == one.page_info(0x4000).mfn
        assert two.page_info(0x8000).holds == 2
        one.write(0x4000, b"two")
        assert page.read(0, 3) == b"one" == two.read(0x8000, 3)
    assert one.stats().cow_breaks == 1
    assert two.stats().mapped_in == 1
    with pytest.raises(disco.NotFoundError):
        one.take_page(0x9000)
    with machine.create_page(b"x" * 4096) as page:
        one.map_page(0x9000, page)
    assert one.read(0x9ffe, 2) == b"xx"
    with pytest.raises(ValueError):
        machine.create_page(b"short")


def test_footprint(machine):
    one, two = machine.create_vm(), machine.create_vm()
    for vm in one, two:
        vm.map_ram(0, 1 << 20)
    one.write(0x4000, b"one")
    one.write(0x5000, b"two")
    with one.take_page(0x4000) as page:
        two.map_page(0x8000, page)
    two.mark_pages(0x8000, 4096, disco.PageKind.BUFFER)
    all = machine.footprint()
    data, block = all.kind[disco.PageKind.DATA], all.kind[disco.PageKind.BUFFER]
    assert (data.virtual_bytes, data.machine_bytes) == (8192, 4096)
    assert (block.virtual_bytes, block.machine_bytes) == (4096, 4096)
    assert all.kind[disco.PageKind.MONITOR].machine_bytes > 0
    assert all.node_bytes[0] == 8192 and all.shared_bytes == 8192
    assert two.footprint().kind[disco.PageKind.BUFFER].machine_bytes == 2048
    with pytest.raises(disco.InvalidError):
        one.mark_pages(0, 4096, disco.PageKind.MONITOR)
