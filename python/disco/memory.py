"""Guest-physical memory of a VM: regions, copies, pins."""
from __future__ import annotations

import weakref
from typing import Any, Callable, List, Optional

from ._callbacks import Access
from ._native import (Closable, Core, Handle, Record, keep_for, raise_pending,
                      text_arg)
from ._raw import ffi, lib
from .constants import Order, RegionKind
from .constants import Access as AccessBits
from .errors import BusError, ClosedError, NotFoundError
from .stats import Footprint, PageInfo, RegionInfo, from_struct

__all__ = ["MemoryMixin", "MmioDevice", "Page", "Pin", "Region"]


class MmioDevice:
    """A device model to derive from, or to imitate: VM.map_mmio takes any
    object with some of these methods.

    read and write run on the thread of the accessing vCPU; several vCPUs may be
    inside at once.  Raising BusError gives the guest a bus error; any other
    exception ends the run and surfaces from it.

    fork(child)  makes the device of VM.fork's child: another object with the
                 same methods.  It may use the child's memory, vCPUs, lines and
                 timers.  None: VMs with this device cannot be forked.
    """

    fork: Optional[Callable[[Any], Any]] = None

    def read(self, access: Access) -> int:
        raise BusError

    def write(self, access: Access, value: int) -> None:
        raise BusError

    def reset(self) -> None:
        """The VM is reset."""

    def release(self) -> None:
        """The region goes away."""


class _MmioRecord(Record):
    _NAMES = ("read", "write", "reset", "release", "save", "load", "fork")

    def __init__(self, vm, device: Any, **functions: Any) -> None:
        super().__init__(vm=weakref.ref(vm), device=device, released=False)
        for name in self._NAMES:
            self.__dict__[name] = functions.get(name) or \
                getattr(device, name, None)

    def forked(self, child):
        """A handle for the child; its functions are the parent's in C."""
        record = _MmioRecord(child, self.fork(child))
        for name in self._NAMES:
            if getattr(self, name) and not getattr(record, name):
                raise TypeError(f"what fork() returned has no {name}()")
        handle = record.handle()
        child._keep[handle] = handle
        return handle


class Region(Closable):
    """A mapped range.  It belongs to the VM: dropping the object leaves it
    mapped, close() (or unmap()) takes it away."""

    __slots__ = ("vm", "kind", "gpa", "size", "_kept")

    def __init__(self, vm, core: Core, kind: RegionKind, gpa: int,
                 size: int, kept: Any) -> None:
        self._core = core
        self._kept = kept
        self.vm = vm
        self.kind = kind
        self.gpa = gpa
        self.size = size

    def unmap(self) -> None:
        """Unmap; RAM content is lost.  BusyError with pins or while running."""
        self.close()

    def close(self) -> None:
        super().close()
        self.vm._keep.pop(self._kept, None)
        self._kept = None

    def __repr__(self) -> str:
        return f"<Region {self.kind.name} {self.gpa:#x}+{self.size:#x}>"


def _unpin(_vm, ptr, pin) -> None:
    # A VM with pins is not destroyed, so the pointer is good.
    lib.disco_mem_unpin(ptr, pin)


class Pin:
    """Guest memory that stays where it is, as a memoryview.

        with vm.pin(gpa, 64, write=True) as view:
            view[0:4] = b"1234"

    After close() the view raises ValueError.  While slices of it are alive,
    close() raises BufferError and the pin stays.  A pin lies inside one page,
    except in host regions, and keeps its VM alive.
    """

    __slots__ = ("gpa", "size", "writable", "_view", "_buffer", "_core")

    def __init__(self, vm, gpa: int, size: int, write: bool) -> None:
        pin = ffi.new("disco_pin *", {"size": ffi.sizeof("disco_pin")})
        access = AccessBits.READ | (AccessBits.WRITE if write else 0)
        vm._make(lib.disco_mem_pin, gpa, size, access, pin)
        # All views, whoever has them, keep this one buffer alive; its end, and
        # nothing else, gives the page back.
        buffer = ffi.buffer(ffi.cast("char *", pin.host), size)
        weakref.finalize(buffer, _unpin, vm, vm.ptr, pin).atexit = False
        self.gpa = gpa
        self.size = size
        self.writable = write
        self._buffer = weakref.ref(buffer)
        self._view: Optional[memoryview] = self._make_view(buffer)
        raise_pending()

    def _make_view(self, buffer) -> memoryview:
        view = memoryview(buffer)
        return view if self.writable else view.toreadonly()

    @property
    def view(self) -> memoryview:
        if self._view is None:
            raise ClosedError("the pin is closed")
        return self._view

    @property
    def closed(self) -> bool:
        return self._view is None

    def close(self) -> None:
        if self._view is None:
            return
        self._view.release()  # BufferError: something else exports it
        self._view = None
        buffer = self._buffer()
        if buffer is not None:
            self._view = self._make_view(buffer)
            raise BufferError("slices of the pinned memory are still in use")

    def __enter__(self) -> memoryview:
        return self.view

    def __exit__(self, *_exc) -> None:
        self.close()


class Page:
    """A reference to the content of one 4 KiB machine frame: it does not change
    while the reference is held; VMs that map it and write get a copy.  close()
    gives it back, once."""

    __slots__ = ("machine", "c_page", "_held")

    def __init__(self, machine, c_page) -> None:
        self.machine = machine
        self.c_page = c_page
        self._held = True

    def read(self, offset: int = 0, size: int = 4096) -> bytes:
        data = ffi.new("uint8_t[]", max(size, 1))
        self.machine._call(lib.disco_page_read, self.c_page, offset, data, size)
        return bytes(ffi.buffer(data, size))

    def copy(self) -> "Page":
        """One more reference."""
        self.machine._call(lib.disco_page_hold, self.c_page)
        return Page(self.machine, self.c_page)

    def close(self) -> None:
        if self._held:
            self._held = False
            self.machine._call(lib.disco_page_drop, self.c_page)

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *exc) -> None:
        self.close()


class MemoryMixin(Handle):
    """The memory half of VM."""

    __slots__ = ()
    _keep: dict

    # --- Regions ------------------------------------------------------------

    def _map(self, function, kind: RegionKind, gpa: int, size: int, *args,
             keep: Any = None) -> Region:
        out = ffi.new("disco_region **")

        def make() -> Region:
            self._make(function, gpa, size, *args, out)
            core = Core("region", out[0], lib.disco_region_unmap, self._core,
                        self._core.machine)
            return Region(self, core, kind, gpa, size, keep)

        region = keep_for(self._keep, keep, make)
        raise_pending()
        return region

    def map_ram(self, gpa: int, size: int) -> Region:
        """Demand-zero RAM, in whole pages."""
        return self._map(lib.disco_vm_map_ram, RegionKind.RAM, gpa, size)

    def map_rom(self, gpa: int, size: int, data=b"") -> Region:
        """Read-only memory with a copy of `data`; the rest is zero."""
        data = ffi.from_buffer(data)
        return self._map(lib.disco_vm_map_rom, RegionKind.ROM, gpa, size, data,
                         len(data))

    def map_host(self, gpa: int, buffer, *, writable: bool = True) -> Region:
        """Memory of the host, page-aligned: an mmap.mmap, for example.  It is
        borrowed until the region is unmapped."""
        memory = ffi.from_buffer(buffer, require_writable=writable)
        access = AccessBits.READ | (AccessBits.WRITE if writable else 0)
        return self._map(lib.disco_vm_map_host, RegionKind.HOST, gpa,
                         len(memory), memory, access, keep=memory)

    def map_mmio(self, gpa: int, size: int, key: str, device: Any = None, *,
                 read: Optional[Callable[[Access], int]] = None,
                 write: Optional[Callable[[Access, int], None]] = None,
                 reset: Optional[Callable[[], None]] = None,
                 release: Optional[Callable[[], None]] = None,
                 order: int = Order.CPU, exits: bool = False,
                 untrapped: bool = False) -> Region:
        """Device registers, by an object with methods read(access),
        write(access, value), reset(), release() (see MmioDevice), or by single
        functions.  What is missing is a bus error.

        key    names the device, unique in the VM
        order  how bytes become the callbacks' integers
        exits  no callbacks: accesses leave VCPU.run with ExitReason.MMIO
        untrapped  stands for memory that a monitor keeps up to date: counted
               as Trap.CP0_PAGE, not as Trap.MMIO
        """
        keep: list = []
        record = _MmioRecord(self, device, read=read, write=write, reset=reset,
                             release=release)
        handle = record.handle()
        ops = ffi.new("disco_mmio_ops *", {
            "size": ffi.sizeof("disco_mmio_ops"),
            "flags": (lib.DISCO_MMIO_EXIT if exits else 0) |
                     (lib.DISCO_MMIO_UNTRAPPED if untrapped else 0),
            "order": order})
        if exits:
            if record.read or record.write:
                raise ValueError("exits=True has no use for read and write")
        else:
            if record.read:
                ops.read = lib.disco_py_mmio_ops_read
            if record.write:
                ops.write = lib.disco_py_mmio_ops_write
        if record.reset:
            ops.reset = lib.disco_py_mmio_ops_reset
        if record.save and record.load:
            ops.save = lib.disco_py_mmio_ops_save
            ops.load = lib.disco_py_mmio_ops_load
        if record.fork:
            ops.fork = lib.disco_py_mmio_ops_fork
        ops.release = lib.disco_py_mmio_ops_release
        return self._map(lib.disco_vm_map_mmio, RegionKind.MMIO, gpa, size,
                         text_arg(key, keep), ops, handle, keep=handle)

    def device(self, key: str) -> Any:
        """The device object of a region mapped by map_mmio, or, in the child of
        a fork, what its fork() made; None for other regions."""
        ptr = self._get(lib.disco_vm_region_opaque, key.encode())
        kept = self._keep.get(ptr)
        record = ffi.from_handle(kept) if kept is not None else None
        return record.device if isinstance(record, _MmioRecord) else None

    def regions(self) -> List[RegionInfo]:
        """All regions in address order, also those of the board's devices."""
        found = []
        try:
            while True:
                found.append(from_struct(RegionInfo, self._struct(
                    lib.disco_vm_region_info, "disco_region_info",
                    len(found))))
        except NotFoundError:
            return found

    # --- Copies -------------------------------------------------------------

    def read(self, gpa: int, size: int) -> bytes:
        """Copy of guest memory; FaultError if a byte of it is no memory."""
        data = bytearray(size)
        self.read_into(gpa, data)
        return bytes(data)

    def read_into(self, gpa: int, buffer) -> None:
        memory = ffi.from_buffer(buffer, require_writable=True)
        self._call(lib.disco_mem_read, gpa, memory, len(memory))

    def write(self, gpa: int, data) -> None:
        """Copy into guest memory, as a DMA would; all or nothing."""
        memory = ffi.from_buffer(data)
        self._call(lib.disco_mem_write, gpa, memory, len(memory))

    def load(self, gpa: int, data, *, shared: bool = False) -> None:
        """As write(), also into ROM.  shared: whole pages of RAM that were
        loaded this way before, by any VM, share their frames."""
        memory = ffi.from_buffer(data)
        function = lib.disco_mem_load_shared if shared else lib.disco_mem_load
        self._call(function, gpa, memory, len(memory))

    def read_int(self, gpa: int, size: int, order: int = Order.BIG) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.read(gpa, size), _byteorder(order))

    def write_int(self, gpa: int, size: int, value: int,
                  order: int = Order.BIG) -> None:
        value &= (1 << 8 * size) - 1
        self.write(gpa, value.to_bytes(size, _byteorder(order)))

    def pin(self, gpa: int, size: int, *, write: bool = False) -> Pin:
        return Pin(self, gpa, size, write)

    # --- Device registers ---------------------------------------------------

    def mmio_read(self, gpa: int, size: int) -> int:
        """Read device registers as a vCPU would."""
        out = ffi.new("uint64_t *")
        self._call(lib.disco_mmio_read, gpa, size, out)
        return out[0]

    def mmio_write(self, gpa: int, size: int, value: int) -> None:
        self._call(lib.disco_mmio_write, gpa, size, value)

    # --- Pages --------------------------------------------------------------

    def page_info(self, gpa: int) -> PageInfo:
        return from_struct(PageInfo, self._struct(
            lib.disco_page_info_get, "disco_page_info", gpa))

    def migrate_page(self, gpa: int, node: int) -> None:
        """Move the frame behind a guest page to a node."""
        self._call(lib.disco_page_migrate, gpa, node)

    def replicate_page(self, gpa: int, node: int) -> None:
        """Give a node its own copy for reading; the next write drops it."""
        self._call(lib.disco_page_replicate, gpa, node)

    def collapse_page(self, gpa: int) -> None:
        """Drop the copies of a replicated page."""
        self._call(lib.disco_page_collapse, gpa)

    def take_page(self, gpa: int) -> Page:
        """Refer to the content of a guest page: the VM keeps it, copy-on-write.
        NotFoundError when it was never touched."""
        out = ffi.new("disco_page *")
        self._call(lib.disco_page_take, gpa, out)
        return Page(self.machine, out[0])

    def map_page(self, gpa: int, page: Page) -> None:
        """Map a page copy-on-write in place of what is at `gpa`."""
        self._call(lib.disco_page_map, gpa, page.c_page)

    def mark_pages(self, gpa: int, size: int, kind: int) -> None:
        """Say what pages are used for (PageKind); for statistics only."""
        self._call(lib.disco_vm_mark_pages, gpa, size, kind)

    def footprint(self) -> Footprint:
        """This VM's pages; shared frames are divided among their mappings."""
        return from_struct(Footprint, self._struct(
            lib.disco_vm_footprint, "disco_footprint"))

    def node_frames(self, node: int) -> int:
        """Frames of this VM that live on a node."""
        out = ffi.new("uint64_t *")
        self._call(lib.disco_vm_node_frames, node, out)
        return out[0]


def _byteorder(order: int) -> str:
    return "little" if order == Order.LITTLE else "big"
