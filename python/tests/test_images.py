import disco
import pytest
from test_backends import LaterDisk, MemoryDisk
from virtio_driver import OK, READ, WRITE, Disk as Driver

SLOT = 0x1c100000


def pattern(size):
    return bytes((i // 512 + i) & 0xff for i in range(size))


def add_vm(machine, disk):
    vm = machine.create_vm()
    vm.map_ram(0, 1 << 20)
    disco.create_intc(vm, 0x1c000000, 1)
    disco.create_virtio_blk(vm, SLOT, 8, disk)
    return vm, Driver(vm, SLOT)


def test_copy_on_write_disks_share_an_image(machine, tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(pattern(65536))
    image = machine.open_image(path)
    assert image.size == 65536
    first, a = add_vm(machine, image.disk())
    second, b = add_vm(machine, image.disk(disco.DiskMode.COW))
    assert a.request(READ, 0, size=4096) == OK
    assert a.content(4096) == pattern(65536)[:4096]
    before = machine.cache_stats()
    assert before.read_blocks == 1
    assert b.request(READ, 0, size=4096) == OK
    assert machine.cache_stats().read_blocks == 1
    assert b.request(WRITE, 0, b"\x5a" * 4096) == OK
    assert machine.cache_stats().private_blocks == 1
    assert a.request(READ, 0, size=4096) == OK
    assert a.content(4096) == pattern(65536)[:4096]
    assert b.request(READ, 0, size=4096) == OK
    assert b.content(4096) == b"\x5a" * 4096
    first.close()
    second.close()
    assert machine.cache_stats().private_blocks == 0
    assert path.read_bytes() == pattern(65536)
    image.close()
    assert machine.cache_stats().images == 0


def test_exclusive_disk(machine, tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(pattern(8192))
    image = disco.DiskImage(machine, str(path))
    vm, a = add_vm(machine, image.disk(disco.DiskMode.EXCLUSIVE))
    with pytest.raises(disco.BusyError):
        image.disk(disco.DiskMode.READONLY)
    assert a.request(WRITE, 1, b"\x11" * 512) == OK
    assert path.read_bytes()[512:1024] == b"\x11" * 512
    vm.close()
    image.disk(disco.DiskMode.READONLY).close()
    with pytest.raises(disco.UnsupportedError):
        disco.Disk(image, overlay="changes")


def test_image_over_a_disk_in_python(machine):
    backend = MemoryDisk(1 << 20)
    backend.data[4096:8192] = pattern(4096)
    image = machine.open_image(backend)
    vm, a = add_vm(machine, image.disk(disco.DiskMode.COW))
    image.close()
    assert a.request(READ, 8, size=4096) == OK
    assert a.content(4096) == pattern(4096)
    assert a.request(READ, 8, size=4096) == OK
    assert backend.log == [("read", 4096, 4096)]
    vm.close()
    assert backend.log[-1] == ("release",)


def test_loads_share_pages(machine):
    data = pattern(16384)
    vms = []
    for _ in range(2):
        vm = machine.create_vm()
        vm.map_ram(0, 1 << 20)
        vm.load(0x800, data, shared=True)
        assert vm.read(0x800, len(data)) == data
        vms.append(vm)
    pages = [[vm.page_info(gpa).mfn for gpa in (0x1000, 0x2000, 0x3000)]
             for vm in vms]
    assert pages[0] == pages[1]
    assert vms[0].page_info(0).mfn != vms[1].page_info(0).mfn
    vms[0].write(0x1234, b"other")
    assert vms[1].read(0x800, len(data)) == data
    assert vms[0].page_info(0x1000).mfn != vms[1].page_info(0x1000).mfn


def test_vm_ends_while_its_image_is_read(machine):
    backend = LaterDisk()
    image = machine.open_image(backend)
    first, a = add_vm(machine, image.disk())
    second, b = add_vm(machine, image.disk())
    image.close()
    for driver in (a, b):
        driver.put_request(READ, 8, size=2048)
        driver.queues[0].notify()
    first.close()  # who brings the block goes, who waits for it stays
    assert backend.requests.qsize() == 1
    backend.requests.get().complete(pattern(4096))
    assert b.status() == OK
    assert b.content(2048) == pattern(4096)[:2048]
    b.put_request(READ, 800, size=512)
    b.queues[0].notify()
    second.close()
    assert machine.cache_stats().images == 1
    backend.requests.get().fail()
    assert machine.cache_stats().images == 0
    machine.verify()
