"""The board's devices one by one, for boards of your own.

Each maps itself at `gpa`, raises line `irq`, and dies with the VM.
"""
from __future__ import annotations

import weakref
from typing import Any, Callable, Optional

from ._native import Core, Handle, Record, keep_for, raise_pending
from ._raw import ffi, lib
from .backends import Nic, attach_block, attach_net

__all__ = ["Uart", "VirtioConsole", "create_uart", "create_rtc",
           "create_power", "create_intc", "create_mailbox", "create_idle",
           "create_cp0_page", "create_virtio_blk", "create_virtio_net",
           "create_virtio_console", "create_virtio_rng"]

WriteFn = Callable[[bytes], Any]


class _CharDevice(Handle):
    """Input side of a character device; a child of its VM."""

    __slots__ = ("vm",)
    _input: Any = None
    _find: Any = None

    def __init__(self, vm, ptr, what: str) -> None:
        self.vm = vm
        self._core = Core(what, ptr, None, vm._core, vm._core.machine)
        self._core.wrapper = weakref.ref(self)

    @classmethod
    def of(cls, vm, gpa: int):
        """The one at that address, such as a forked VM's; None: there is
        none."""
        ptr = vm._get(cls._find, gpa)
        return cls(vm, ptr, cls.__name__) if ptr else None

    def input(self, data) -> int:
        """Give the guest bytes; returns how many were taken.  Any thread."""
        data = ffi.from_buffer("uint8_t[]", data)
        return self._get(self._input, data, len(data))


class Uart(_CharDevice):
    """A 16550A; its receive FIFO has 16 bytes."""

    __slots__ = ()
    _input = lib.disco_uart_input
    _find = lib.disco_uart_of

    @property
    def listening(self) -> bool:
        """The guest takes input; what came before is lost."""
        return bool(self._get(lib.disco_uart_is_listening))


class VirtioConsole(_CharDevice):
    __slots__ = ()
    _input = lib.disco_vconsole_input
    _find = lib.disco_vconsole_of


class _CharRecord(Record):
    def __init__(self, vm, write: WriteFn, is_board: bool) -> None:
        super().__init__(vm=weakref.ref(vm), write=write, is_board=is_board)

    def fill(self, struct, vm) -> None:
        handle = self.handle()
        vm._keep[handle] = handle
        struct.opaque = handle
        struct.write = lib.disco_py_char_backend_write
        struct.fork = lib.disco_py_char_backend_fork

    def forked(self, child, struct) -> None:
        write = self.write
        if self.is_board and child._console is not None:
            write = child._console
        elif getattr(write, "fork", None) is not None:
            write = write.fork(child)
        _CharRecord(child, write, self.is_board).fill(struct, child)


def fill_char_backend(struct, vm, write: Optional[WriteFn],
                      is_board: bool = False) -> None:
    """A disco_char_backend whose output goes to write(bytes)."""
    struct.size = ffi.sizeof("disco_char_backend")
    if write is not None:
        _CharRecord(vm, write, is_board).fill(struct, vm)


def _char_backend(vm, write: Optional[WriteFn]):
    struct = ffi.new("disco_char_backend *")
    fill_char_backend(struct, vm, write)
    return struct


def create_uart(vm, gpa: int, irq: int,
                write: Optional[WriteFn] = None) -> Uart:
    """write(bytes) gets what the guest sends."""
    out = ffi.new("disco_uart **")
    vm._call(lib.disco_uart_create, gpa, irq, _char_backend(vm, write), out)
    return Uart(vm, out[0], "UART")


def create_rtc(vm, gpa: int, irq: int, wall_ns: int = 0) -> None:
    """Goldfish RTC; wall_ns: nanoseconds since 1970 at VM time 0."""
    vm._call(lib.disco_rtc_create, gpa, irq, wall_ns)


def create_power(vm, gpa: int) -> None:
    vm._call(lib.disco_power_create, gpa)


def create_intc(vm, gpa: int, cpus: int) -> None:
    """Interrupt controller for `cpus` vCPUs; becomes the VM's route."""
    vm._call(lib.disco_intc_create, gpa, cpus)


def create_mailbox(vm, gpa: int, cpus: int) -> None:
    vm._call(lib.disco_mailbox_create, gpa, cpus)


def create_idle(vm, gpa: int) -> None:
    vm._call(lib.disco_idle_create, gpa)


def create_cp0_page(vm, gpa: int) -> None:
    vm._call(lib.disco_cp0_page_create, gpa)


def create_virtio_blk(vm, gpa: int, irq: int, disk, *,
                      readonly: bool = False) -> None:
    """disk: a BlockBackend, a FileDisk, or the name of a raw file."""
    attach_block(vm, disk, readonly, lambda struct: vm._make(
        lib.disco_virtio_blk_create, gpa, irq, struct))


def create_virtio_net(vm, gpa: int, irq: int, network=None, *,
                      mac: Optional[bytes] = None) -> Nic:
    """network: a NetBackend, Port, Subnet, or None."""
    return attach_net(vm, network, mac, lambda *args: vm._make(
        lib.disco_virtio_net_create, gpa, irq, *args))


def create_virtio_console(vm, gpa: int, irq: int,
                          write: Optional[WriteFn] = None) -> VirtioConsole:
    out = ffi.new("disco_vconsole **")
    vm._call(lib.disco_virtio_console_create, gpa, irq,
             _char_backend(vm, write), out)
    return VirtioConsole(vm, out[0], "virtio console")


def create_virtio_rng(vm, gpa: int, irq: int,
                      fill: Optional[Callable[[int], bytes]] = None,
                      seed: int = 0) -> None:
    """fill(size) gives entropy; None = a generator made from `seed` and the
    machine's seed."""
    if fill is None:
        vm._call(lib.disco_virtio_rng_create, gpa, irq, ffi.NULL, ffi.NULL,
                 seed)
        return
    handle = Record(fill=fill).handle()
    keep_for(vm._keep, handle, lambda: vm._make(
        lib.disco_virtio_rng_create, gpa, irq, lib.disco_py_rng_fn, handle,
        seed))
    raise_pending()
