"""What stands behind block and network devices: files, subnets, Python."""
from __future__ import annotations

import os
import weakref
from typing import Any, Callable, Optional, Union

from ._native import (Closable, Core, Handle, Record, keep_for, pending,
                      raise_pending)
from ._raw import ffi, lib
from .constants import BlockOp
from .errors import ClosedError, DiscoError, StateError, make_error
from .machine import DependentCore, Machine
from .stats import NicStats, PortStats, SubnetStats, from_struct

__all__ = ["BlockBackend", "BlockRequest", "FileDisk", "NetBackend", "Nic",
           "Port", "Subnet"]

OK = lib.DISCO_OK
E_IO = lib.DISCO_E_IO


# --- Disks in Python --------------------------------------------------------


class BlockRequest:
    """One request to a BlockBackend.

    op            BlockOp
    offset, size  in bytes, multiples of 512 inside the disk
    data          WRITE: the bytes to be written (a copy); else b""

    It is completed exactly once, by complete() or fail(), on any thread.  One
    that is dropped without fails.
    """

    __slots__ = ("op", "offset", "size", "data", "_cell", "_record")

    def __init__(self, record: "_BlockRecord", cell: list) -> None:
        request = cell[0]
        self.op = BlockOp(request.op)
        self.offset: int = request.offset_bytes
        self.size: int = request.bytes
        self.data: bytes = ffi.buffer(request.data, request.bytes)[:] \
            if self.op == BlockOp.WRITE else b""
        self._record = record
        self._cell = cell  # empty: completed

    @property
    def completed(self) -> bool:
        return not self._cell

    def complete(self, data=b"") -> None:
        """Done.  READ: `data` is what was read, all of it."""
        if self.op == BlockOp.READ and len(data) != self.size:
            raise ValueError(f"{len(data)} bytes for a read of {self.size}")
        request = self._take()
        if self.op == BlockOp.READ:
            ffi.memmove(request.data, data, self.size)
        self._finish(request, OK)

    def fail(self) -> None:
        """The guest gets an input/output error."""
        self._finish(self._take(), E_IO)

    def _take(self):
        try:
            return self._cell.pop()
        except IndexError:
            raise StateError("the request was completed before") from None

    def _finish(self, request, status: int) -> None:
        # Here the device may submit the next request, or end.
        lib.disco_block_complete(request, status)
        del self._record.requests[-1]
        if pending:
            raise_pending()

    def __del__(self) -> None:
        if getattr(self, "_cell", None):
            self.fail()

    def __repr__(self) -> str:
        return f"<BlockRequest {self.op.name} {self.offset:#x}+{self.size:#x}>"


class BlockBackend:
    """A disk in Python: override read, write and flush, or submit.  Its
    requests have no `pages` (and so no `account`): it gets and gives bytes.

    read(offset, size) -> bytes, write(offset, data), flush()
        are called in turn; an OSError becomes an error for the guest, any other
        exception surfaces from the run as well.
    submit(request)
        starts a BlockRequest; complete it there or later, on any thread.  If
        submit raises, the request fails.
    release()
        the device no longer uses the disk.
    fork(child)
        makes the disk of the same device in the child of VM.fork: a
        BlockBackend of the same size and content; neither sees what the other
        writes from then on.  None: VMs with this disk cannot be forked.
    """

    fork: Optional[Callable[[Any], "BlockBackend"]] = None

    def __init__(self, size: int, readonly: bool = False) -> None:
        self.size = size
        self.readonly = readonly

    def read(self, offset: int, size: int) -> bytes:
        raise OSError("read is not supported")

    def write(self, offset: int, data: bytes) -> None:
        raise OSError("write is not supported")

    def flush(self) -> None:
        pass

    def release(self) -> None:
        pass

    def submit(self, request: BlockRequest) -> None:
        data: bytes = b""
        try:
            if request.op == BlockOp.READ:
                data = self.read(request.offset, request.size)
                if len(data) != request.size:
                    raise OSError("short read")
            elif request.op == BlockOp.WRITE:
                self.write(request.offset, request.data)
            else:
                self.flush()
        except OSError:
            request.fail()
            return
        except BaseException:
            request.fail()
            raise
        request.complete(data)


class _BlockRecord(Record):
    """Lives until released: an open request keeps it, and its machine."""

    def __init__(self, vm, backend: BlockBackend, readonly: bool) -> None:
        super().__init__(backend=backend, machine=vm.machine,
                         vm=weakref.ref(vm), readonly=readonly)
        self.requests = vm.machine._core.requests
        self.own: Any = self.handle()  # until released

    def fill(self, struct) -> None:
        struct.flags = lib.DISCO_BLOCK_READONLY if self.readonly else 0
        struct.bytes = self.backend.size
        struct.opaque = self.own
        struct.submit = lib.disco_py_block_backend_submit
        struct.release = lib.disco_py_block_backend_release
        if self.backend.fork is not None:
            struct.fork = lib.disco_py_block_backend_fork

    def forked(self, child, struct) -> None:
        record = _BlockRecord(child, self.backend.fork(child), self.readonly)
        child._keep[record.own] = record.own
        record.fill(struct)

    def submit(self, cell: list) -> None:
        self.backend.submit(BlockRequest(self, cell))

    def released(self) -> None:
        self.own = None
        self.backend.release()


class FileDisk(Closable):
    """A raw file as a disk, locked against a second writer.  Give it to one
    device, which closes it at its end; close() is for one that was not used."""

    __slots__ = ("machine", "path", "readonly")

    def __init__(self, machine: Machine, path: Union[str, os.PathLike], *,
                 readonly: bool = False) -> None:
        out = ffi.new("disco_block_backend *",
                      {"size": ffi.sizeof("disco_block_backend")})
        machine._make(lib.disco_block_open_file, os.fsencode(path),
                      lib.DISCO_BLOCK_READONLY if readonly else 0, out)
        self.machine = machine
        self.path = path
        self.readonly = readonly
        self._own(DependentCore("disk file", out, release_backend,
                                machine._core, 1))

    @property
    def size(self) -> int:
        return self.ptr.bytes


def release_backend(struct) -> None:
    if struct.release:
        struct.release(struct.opaque)


def _hand_over(owner: Closable, vm, call) -> None:
    """Give the back end of a FileDisk or Port to call(struct); taken unless
    that raises DiscoError."""
    core = owner._core
    if core.machine is not vm._core.machine:
        raise ValueError("the back end belongs to another machine")
    try:
        struct = core.cell.pop()
    except IndexError:
        raise ClosedError(f"{core.what} is closed, or a device has it") \
            from None
    vm._keep[core] = owner  # a port needs its subnet
    try:
        call(struct)
    except DiscoError:
        core.cell.append(struct)
        vm._keep.pop(core, None)
        raise
    core.after_destroy()


def attach_block(vm, disk, readonly: bool, call) -> None:
    """call(disco_block_backend *) for a BlockBackend, FileDisk or file name.
    It raises DiscoError only when the device was not made."""
    if isinstance(disk, BlockBackend):
        record = _BlockRecord(vm, disk, readonly or disk.readonly)
        struct = ffi.new("disco_block_backend *",
                         {"size": ffi.sizeof("disco_block_backend")})
        record.fill(struct)
        keep_for(vm._keep, record.own, lambda: call(struct))
    elif isinstance(disk, FileDisk):
        _hand_over(disk, vm, call)
    else:
        with FileDisk(vm.machine, disk, readonly=readonly) as file:
            _hand_over(file, vm, call)
    raise_pending()


# --- Network ----------------------------------------------------------------


class Nic(Handle):
    """The device's end of a cable: frames for the guest go in here."""

    __slots__ = ("vm",)

    def __init__(self, vm, core: Core) -> None:
        """Not for users: devices make them."""
        self.vm = vm
        self._core = core
        core.wrapper = weakref.ref(self)

    @classmethod
    def of(cls, vm, gpa: int) -> Optional["Nic"]:
        """The one at that address, such as a forked VM's; None: there is
        none."""
        ptr = vm._get(lib.disco_nic_of, gpa)
        return find_nic(vm, ptr) if ptr else None

    def deliver(self, frame) -> bool:
        """Give the guest a frame (without FCS).  False: it was dropped, the
        guest has no room.  Any thread."""
        memory = ffi.from_buffer(frame)
        status = self._get(lib.disco_nic_deliver, memory, len(memory))
        if status == lib.DISCO_E_BUSY:
            return False
        if status:
            raise make_error(status)
        return True

    def stats(self) -> NicStats:
        return from_struct(NicStats, self._struct(
            lib.disco_nic_stats_get, "disco_nic_stats"))


def find_nic(vm, ptr) -> Nic:
    """The one object of a C NIC."""
    for core in list(vm._core.children):
        if core.what == "NIC" and core.cell and core.cell[0] == ptr:
            nic = core.wrapper()
            return Nic(vm, core) if nic is None else nic
    return Nic(vm, Core("NIC", ptr, None, vm._core, vm._core.machine))


class NetBackend:
    """A network in Python: override send, and deliver() to the guest.

    send(frame)     a frame from the guest, on its vCPU's thread
    attached(nic)   there is a device now; `nic` has it, too
    detached()      it is gone: deliver no more
    release()       the end
    fork(child)     makes the network of the same device in the child of
                    VM.fork; `mtu` must be the same, `mac` (or an address made
                    from the parent's) is new to the guest.  None: VMs with this
                    network cannot be forked

    Frames are whole and finished: a back end in Python takes no segments or
    checksums that are left to do (send_packet of C).  These are read when a
    device is made:

    mtu             told to the guest, 68..65535; 0 = nothing is told
    mac             six bytes: the device's address unless it has another
    queue_frames, queue_bytes
                    what may wait for the guest; 0 = 256, 4 MiB
    remap_min_pages see disco_net_backend
    """

    nic: Optional[Nic] = None
    fork: Optional[Callable[[Any], "NetBackend"]] = None
    mtu: int = 0
    mac: bytes = bytes(6)
    queue_frames: int = 0
    queue_bytes: int = 0
    remap_min_pages: int = 0

    def send(self, frame: bytes) -> None:
        pass

    def attached(self, nic: Nic) -> None:
        pass

    def detached(self) -> None:
        pass

    def release(self) -> None:
        pass

    def deliver(self, frame) -> bool:
        """To the guest; False when it was dropped.  Any thread."""
        nic = self.nic
        return nic is not None and nic.deliver(frame)


class _NoCable(NetBackend):
    def fork(self, child) -> "NetBackend":  # type: ignore[override]
        return _NoCable()


class _NetRecord(Record):
    def __init__(self, vm, backend: NetBackend) -> None:
        super().__init__(vm=weakref.ref(vm), backend=backend,
                         send=backend.send)

    def fill(self, struct, handle) -> None:
        network = self.backend
        struct.opaque = handle
        struct.send = lib.disco_py_net_backend_send
        struct.attach = lib.disco_py_net_backend_attach
        struct.release = lib.disco_py_net_backend_release
        struct.mtu = network.mtu
        struct.queue_frames = network.queue_frames
        struct.queue_bytes = network.queue_bytes
        struct.remap_min_pages = network.remap_min_pages
        struct.mac = bytes(network.mac) + bytes(2)
        if network.fork is not None:
            struct.fork = lib.disco_py_net_backend_fork

    def forked(self, child, struct) -> None:
        record = _NetRecord(child, self.backend.fork(child))
        handle = record.handle()
        child._keep[handle] = handle
        record.fill(struct, handle)

    def attach(self, ptr) -> None:
        vm = self.vm()
        if ptr and vm is not None:
            self.backend.nic = find_nic(vm, ptr)
            self.backend.attached(self.backend.nic)
        elif not ptr:
            self.backend.nic = None
            self.backend.detached()

    def released(self) -> None:
        self.backend.release()


class Subnet(Closable):
    """The virtual subnet.  Devices plug in by port(), or by giving them the
    subnet itself."""

    __slots__ = ("machine", "_capture")

    def __init__(self, machine: Machine) -> None:
        out = ffi.new("disco_subnet **")
        machine._make(lib.disco_subnet_create, out)
        self.machine = machine
        self._capture: Any = None
        self._own(DependentCore("subnet", out[0], lib.disco_subnet_destroy,
                                machine._core, 2))

    def port(self, **options) -> "Port":
        """The options of a Port."""
        return Port(self, **options)

    def stats(self) -> SubnetStats:
        return from_struct(SubnetStats, self._struct(
            lib.disco_subnet_stats_get, "disco_subnet_stats"))

    def port_stats(self, number: int) -> PortStats:
        """Of the port with that number; KeyError when there is none."""
        out = ffi.new("disco_port_stats *",
                      {"size": ffi.sizeof("disco_port_stats")})
        status = self._get(lib.disco_subnet_port_stats_get, number, out)
        if status == lib.DISCO_E_NOENT:
            raise KeyError(number)
        if status:
            raise make_error(status)
        return from_struct(PortStats, out)

    def capture(self, write, *, snap: int = 0) -> None:
        """Record what is sent as a pcap file: write(bytes) gets its header now
        and then one record a call.  snap: bytes kept of each packet, 0 = all.
        None ends it."""
        if write is None:
            self._call(lib.disco_subnet_capture, ffi.NULL)
            if self._capture is not None:
                self.machine._keep.remove(self._capture)
            self._capture = None
            return
        record = Record(write=write)
        handle = record.handle()
        capture = ffi.new("disco_capture *", {
            "size": ffi.sizeof("disco_capture"), "snap_bytes": snap,
            "opaque": handle, "write": lib.disco_py_capture_write})
        self._call(lib.disco_subnet_capture, capture)
        # The subnet may outlive this object in its ports.
        self.machine._keep.append(handle)
        self._capture = handle


class Port(Closable):
    """A free port of a subnet; one device can have it.

    mac             six bytes, None = the subnet gives one
    locked          frames from other addresses than this are dropped
    mtu, queue_frames, queue_bytes, remap_min_pages
                    as in a NetBackend
    rate_bytes      what may be sent in a second of the sender's time, in
    burst_bytes     bursts of so many; 0 = no limit, 1 MiB

    number          names the port for Subnet.port_stats
    """

    __slots__ = ("subnet", "number")

    def __init__(self, subnet: Subnet, *, mac: Optional[bytes] = None,
                 locked: bool = False, **limits: int) -> None:
        if mac is not None and len(mac) != 6:
            raise ValueError("a MAC address has six bytes")
        config = ffi.new("disco_port_config *", {
            "size": ffi.sizeof("disco_port_config"),
            "flags": lib.DISCO_PORT_LOCKED if locked else 0,
            "mac": (mac or bytes(6)) + bytes(2), **limits})
        out = ffi.new("disco_net_backend *",
                      {"size": ffi.sizeof("disco_net_backend")})
        number = ffi.new("uint32_t *")
        subnet._make(lib.disco_subnet_port, config, out, number)
        self.subnet = subnet
        self.number: int = number[0]
        self._own(DependentCore("port", out, release_backend,
                                subnet.machine._core, 1))


def attach_net(vm, network, mac: Optional[bytes], function) -> Nic:
    """function(mac, disco_net_backend *, out) for a NetBackend, Port, Subnet or
    None (a card without a cable)."""
    out = ffi.new("disco_nic **")
    if mac is None:
        mac_arg = ffi.NULL
    elif len(mac) == 6:
        mac_arg = ffi.from_buffer("uint8_t[]", mac)
    else:
        raise ValueError("a MAC address has six bytes")

    def call(struct) -> None:
        function(mac_arg, struct, out)

    if network is None:
        network = _NoCable()
    if isinstance(network, Subnet):
        network = network.port()
    if isinstance(network, Port):
        _hand_over(network, vm, call)
    else:
        record = _NetRecord(vm, network)
        handle = record.handle()
        struct = ffi.new("disco_net_backend *",
                         {"size": ffi.sizeof("disco_net_backend")})
        record.fill(struct, handle)
        keep_for(vm._keep, handle, lambda: call(struct))
    nic = find_nic(vm, out[0])
    raise_pending()
    return nic
