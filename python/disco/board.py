"""The disco board: a VM with the standard devices, and a kernel in it."""
from __future__ import annotations

import os
from typing import Any, Callable, Optional, Union

from ._native import Core, Handle, text_arg
from ._raw import ffi, lib
from .backends import Nic, attach_block, attach_net
from .devices import Uart, VirtioConsole, fill_char_backend
from .errors import RangeError, error_from_struct
from .machine import Machine
from .stats import ImageInfo, from_struct
from .vcpu import VcpuConfig
from .vm import VM

__all__ = ["Board", "elf_info", "elf_load"]

Image = Union[bytes, bytearray, memoryview, str, os.PathLike]


def _image(image: Image):
    """Bytes, or a file's content."""
    if isinstance(image, (str, os.PathLike)):
        with open(image, "rb") as file:
            return file.read()
    return image


def elf_info(elf: Image) -> ImageInfo:
    """Look at an ELF file: its bytes, or its name."""
    data = ffi.from_buffer(_image(elf))
    out = ffi.new("disco_image_info *",
                  {"size": ffi.sizeof("disco_image_info")})
    err = ffi.new("disco_error *", {"size": ffi.sizeof("disco_error")})
    status = lib.disco_elf_info(data, len(data), out, err)
    if status:
        raise error_from_struct(status, err)
    return from_struct(ImageInfo, out)


def elf_load(vm: VM, elf: Image) -> ImageInfo:
    """Copy an ELF file's segments into a VM."""
    data = ffi.from_buffer(_image(elf))
    return from_struct(ImageInfo, vm._struct(
        lib.disco_elf_load, "disco_image_info", data, len(data)))


def _nowhere(_data: bytes) -> None:
    pass


class Board(Handle):
    """Fills an empty VM with RAM, vCPUs and the board's devices.  The board
    lives as long as its VM.

    ram_bytes  whole pages; 0 = 256 MiB
    cpus       vCPUs that it creates
    vcpu       VcpuConfig for each of them
    console    write(bytes): output of the UART
    wall_ns    the clock: nanoseconds since 1970 at VM time 0
    """

    __slots__ = ("vm", "uart")

    def __init__(self, vm: VM, *, ram_bytes: int = 0, cpus: int = 1,
                 vcpu: Optional[VcpuConfig] = None,
                 console: Optional[Callable[[bytes], Any]] = None,
                 wall_ns: int = 0) -> None:
        config = ffi.new("disco_board_config *", {
            "size": ffi.sizeof("disco_board_config"),
            "ram_bytes": ram_bytes, "cpus": cpus, "wall_ns": wall_ns})
        # A pointer in a cdata struct keeps nothing alive: this variable does.
        vcpu_config, _keep = (vcpu or VcpuConfig()).struct()
        config.vcpu = vcpu_config
        fill_char_backend(config.console, vm, console or _nowhere,
                          is_board=True)
        out = ffi.new("disco_board **")
        vm._call(lib.disco_board_create, config, out)
        self._adopt(vm, out[0])
        vm.vcpus  # so that wake callbacks know them

    def _adopt(self, vm: VM, ptr) -> None:
        self.vm = vm
        self._core = Core("board", ptr, None, vm._core, vm._core.machine)
        self.uart = Uart(vm, self._get(lib.disco_board_uart), "UART")

    @classmethod
    def of(cls, vm: VM) -> Optional["Board"]:
        """The board of a VM, such as one that VM.fork made; None: it has
        none."""
        ptr = vm._get(lib.disco_board_of)
        if not ptr:
            return None
        board = cls.__new__(cls)
        board._adopt(vm, ptr)
        return board

    def fork(self, name: Optional[str] = None, *,
             console: Optional[Callable[[bytes], Any]] = None,
             home_node: Optional[int] = None) -> "Board":
        """The board of a fork of the VM (see VM.fork); console(bytes) gets the
        output of its UART, None: the same function as here."""
        child = self.vm.fork(name, home_node=home_node, console=console)
        board = Board.of(child)
        assert board is not None
        return board

    @classmethod
    def create(cls, machine: Machine, name: Optional[str] = None,
               **config) -> "Board":
        """A board in a new VM: board.vm, to be closed by close()."""
        vm = VM(machine, name)
        try:
            return cls(vm, **config)
        except BaseException:
            vm.close()
            raise

    def close(self) -> None:
        """Close the VM."""
        self.vm.close()

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_exc) -> None:
        self.close()

    @property
    def vcpus(self):
        return self.vm.vcpus

    # --- Before load --------------------------------------------------------

    def add_disk(self, disk, *, readonly: bool = False) -> None:
        """A BlockBackend, a FileDisk, or the name of a raw file."""
        attach_block(self.vm, disk, readonly, lambda struct: self._make(
            lib.disco_board_add_disk, struct))

    def add_net(self, network=None, *, mac: Optional[bytes] = None) -> Nic:
        """A network card on a NetBackend, Port or Subnet, or on nothing."""
        return attach_net(self.vm, network, mac, lambda *args: self._make(
            lib.disco_board_add_net, *args))

    def add_console(self, write: Optional[Callable[[bytes], Any]] = None) \
            -> VirtioConsole:
        """A virtio console; write(bytes) gets its output."""
        backend = ffi.new("disco_char_backend *")
        fill_char_backend(backend, self.vm, write)
        out = ffi.new("disco_vconsole **")
        self._call(lib.disco_board_add_console, backend, out)
        return VirtioConsole(self.vm, out[0], "virtio console")

    def add_rng(self) -> None:
        self._call(lib.disco_board_add_rng)

    # --- Running ------------------------------------------------------------

    def load(self, kernel: Image, *, initrd: Optional[Image] = None,
             cmdline: Optional[str] = None,
             boot_cpu: int = 0) -> None:
        """Load an ELF kernel (bytes or file name) and start vCPU 0.  After
        VM.reset call it again."""
        keep: list = []
        kernel_data = ffi.from_buffer(_image(kernel))
        image = ffi.new("disco_board_image *", {
            "size": ffi.sizeof("disco_board_image"),
            "kernel": kernel_data, "kernel_bytes": len(kernel_data),
            "cmdline": text_arg(cmdline, keep)})
        image.boot_cpu = boot_cpu
        if initrd is not None:
            initrd_data = ffi.from_buffer(_image(initrd))
            keep.append(initrd_data)
            image.initrd = initrd_data
            image.initrd_bytes = len(initrd_data)
        self._call(lib.disco_board_load, image)

    def console_input(self, data) -> int:
        """Type on the UART; returns how many bytes were taken (the FIFO has
        16).  Any thread."""
        data = ffi.from_buffer("uint8_t[]", data)
        return self._get(lib.disco_board_console_input, data, len(data))

    def dtb(self) -> bytes:
        """The device tree of the last load."""
        size = ffi.new("uint64_t *")
        try:
            self._call(lib.disco_board_dtb, ffi.NULL, size)
        except RangeError:
            pass
        tree = ffi.new("uint8_t[]", size[0])
        self._call(lib.disco_board_dtb, tree, size)
        return ffi.buffer(tree, size[0])[:]
