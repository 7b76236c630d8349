import disco
import guest_words as g
import pytest
from disco import ExitReason, guest
from virtio_driver import OK, READ, Device, Disk

UART_HI = 0xbc02
POWER_HI = 0xbc03


def put(text):
    words = [g.lui("t0", UART_HI)]
    for byte in text.encode():
        words += [g.addiu("t1", "zero", byte), g.sb("t1", 0, "t0")]
    return words


def power(status):
    return [g.lui("t0", POWER_HI), *g.li("t1", status << 16 | 0x3333),
            g.sw("t1", 0, "t0"), *g.loop()]


def kernel(*words):
    return g.elf(g.code(*words))


def test_kernel_runs(machine):
    out = []
    board = disco.Board.create(machine, "guest", ram_bytes=1 << 24,
                               console=out.append)
    board.load(kernel(put("ok"), power(7)), cmdline="quiet")
    exit = board.vcpus[0].run(10000)
    assert (exit.reason, exit.code) == (ExitReason.SHUTDOWN, 7)
    assert b"".join(out) == b"ok"
    assert board.vm.name == "guest"
    board.close()
    with pytest.raises(disco.ClosedError):
        board.load(kernel(power(0)))


def test_reset_and_again(machine):
    with disco.Board.create(machine, ram_bytes=1 << 24) as board:
        program = kernel(g.lui("t0", POWER_HI), g.li("t1", 0x7777),
                         g.sw("t1", 0, "t0"))
        for _ in range(2):
            board.load(program)
            assert board.vcpus[0].run(1000).reason == ExitReason.RESET
            board.vm.reset()
    assert board.vm.closed


def test_images(machine, tmp_path):
    elf = kernel(power(0))
    path = tmp_path / "kernel.elf"
    path.write_bytes(elf)
    info = disco.elf_info(path)
    assert info == disco.elf_info(elf)
    assert (info.bits, info.order, info.entry) == (64, disco.Order.BIG,
                                                   g.ENTRY)
    assert (info.low_gpa, info.high_gpa) == (0x1000, 0x1000 + len(elf) - 4096)
    vm = machine.create_vm()
    vm.map_ram(0, 1 << 20)
    assert disco.elf_load(vm, path) == info
    assert vm.read(0x1000, 16) == elf[4096:4112]
    with pytest.raises(disco.CorruptError):
        disco.elf_info(b"not an ELF file")
    with pytest.raises(disco.MismatchError):
        board = disco.Board.create(
            machine, vcpu=disco.VcpuConfig(order=disco.Order.LITTLE))
        board.load(elf)
    with pytest.raises(FileNotFoundError):
        disco.elf_info(tmp_path / "none")


def test_bad_boards(machine):
    before = machine.stats().vms
    with pytest.raises(disco.InvalidError):
        disco.Board.create(machine, cpus=33)
    assert machine.stats().vms == before
    vm = machine.create_vm()
    vm.map_ram(0, 4096)
    with pytest.raises(disco.StateError):
        disco.Board(vm)


@pytest.mark.skipif(not disco.capability(disco.Capability.DEVICE_TREE),
                    reason="no libfdt")
def test_device_tree(machine):
    board = disco.Board.create(machine, ram_bytes=1 << 24, cpus=2)
    board.load(kernel(power(0)), initrd=b"initial ram disk",
               cmdline="console=ttyS0 a=b")
    tree = board.dtb()
    assert tree[:4] == b"\xd0\x0d\xfe\xed"
    assert b"console=ttyS0 a=b\0" in tree
    assert len(board.vcpus) == 2


def test_console_input(machine):
    board = disco.Board.create(machine, ram_bytes=1 << 24)
    board.load(kernel(g.lui("t0", UART_HI), g.lbu("s0", 0, "t0"),
                      g.lbu("s1", 0, "t0"), power(0)))
    assert board.console_input(b"x") == 1
    assert board.uart.input(b"y" * 100) < 100
    vcpu = board.vcpus[0]
    assert vcpu.run(1000).reason == ExitReason.SHUTDOWN
    assert vcpu.regs["s0"] == ord("x")


def test_disks_and_cards(machine, tmp_path):
    class Zeros(disco.BlockBackend):
        def read(self, offset, size):
            return b"\x5a" * size

    image = tmp_path / "disk.img"
    image.write_bytes(b"\xa5" * 8192)
    board = disco.Board.create(machine, ram_bytes=1 << 24)
    board.add_disk(Zeros(1 << 20))
    board.add_disk(image, readonly=True)
    nic = board.add_net()
    switched = board.add_net(machine.create_subnet(), mac=b"\2\0\0\0\0\7")
    out = []
    console = board.add_console(out.append)
    board.add_rng()
    vm = board.vm
    base, step = guest.BOARD_VIRTIO, guest.BOARD_VIRTIO_STRIDE
    for slot, byte in ((0, 0x5a), (1, 0xa5)):
        disk = Disk(vm, base + slot * step, at=0x100000 + slot * 0x20000)
        assert disk.request(READ, 2, size=512) == OK
        assert disk.content(512) == bytes([byte]) * 512
    kinds = [vm.mmio_read(base + slot * step + 8, 4) for slot in range(6)]
    assert kinds == [2, 2, 1, 1, 3, 4]
    assert nic.stats().rx_frames == switched.stats().rx_frames == 0
    device = Device(vm, base + 4 * step, 2, at=0x200000)
    queue = device.queues[1]
    vm.write(queue.data, b"from the guest")
    queue.put((queue.data, 14, False))
    queue.notify()
    assert b"".join(out) == b"from the guest"
    queue = device.queues[0]
    queue.put((queue.data, 64, True))
    queue.notify()
    assert console.input(b"to the guest") == 12
    assert vm.read(queue.data, 12) == b"to the guest"
    vm.close()
    with pytest.raises(disco.ClosedError):
        console.input(b"x")


def test_a_board_of_ones_own(machine):
    vm = machine.create_vm()
    vm.map_ram(0, 1 << 20)
    out = []
    uart = disco.create_uart(vm, guest.BOARD_UART, 0, out.append)
    disco.create_rtc(vm, guest.BOARD_RTC, 1, wall_ns=5 * 10 ** 9)
    disco.create_power(vm, guest.BOARD_POWER)
    disco.create_intc(vm, guest.BOARD_INTC, 1)
    disco.create_mailbox(vm, guest.BOARD_MAILBOX, 1)
    disco.create_idle(vm, guest.BOARD_IDLE)
    disco.create_cp0_page(vm, guest.BOARD_CP0_PAGE)
    console = disco.create_virtio_console(vm, guest.BOARD_VIRTIO, 8)
    entropy = []

    def fill(size):
        entropy.append(size)
        return b"\x42" * size

    disco.create_virtio_rng(vm, guest.BOARD_VIRTIO + 0x1000, 9, fill)
    disco.create_virtio_rng(vm, guest.BOARD_VIRTIO + 0x2000, 10, seed=5)
    assert isinstance(uart, disco.Uart)
    assert isinstance(console, disco.VirtioConsole)
    low = vm.mmio_read(guest.BOARD_RTC, 4)
    assert low | vm.mmio_read(guest.BOARD_RTC + 4, 4) << 32 == 5 * 10 ** 9
    vm.mmio_write(guest.BOARD_UART, 1, ord("!"))
    assert out == [b"!"]
    for slot in (1, 2):
        device = Device(vm, guest.BOARD_VIRTIO + slot * 0x1000, 1)
        queue = device.queues[0]
        vm.write(queue.data, bytes(16))
        queue.put((queue.data, 16, True))
        queue.notify()
        data = vm.read(queue.data, 16)
        assert data != bytes(16)
        assert slot == 2 or data == b"\x42" * 16
    assert entropy


def test_guest_numbers():
    assert guest.BOARD_UART == 0x1c020000
    assert guest.HC_E_UNKNOWN == -1
    assert guest.HC_MAGIC == 0x444953434f000000
    assert "POWER_EXIT" in dir(guest)
    assert disco.hypcall_word(guest.HC_IDLE) == 0x42000828
    with pytest.raises(AttributeError):
        guest.NOTHING
