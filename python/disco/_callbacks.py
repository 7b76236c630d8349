"""The functions that C calls.  One for each callback of the API; what they act
on comes through the opaque pointer, a cffi handle of a Record.

An exception goes to `trap`, and C gets `error`.
"""
from __future__ import annotations

from ._native import MASK64, ONE, Record, trap
from ._raw import ffi, lib
from .constants import CodeKind
from .errors import BusError
from .stats import Code

CALLBACK = lib.DISCO_E_CALLBACK
FAULT = lib.DISCO_E_FAULT

_from_handle = ffi.from_handle
_buffer = ffi.buffer


class Access:
    """One access to device registers.

    offset  from the start of the region
    size    1, 2, 4 or 8 bytes
    vcpu    who does it; None when the host does
    """

    __slots__ = ("offset", "size", "_vm", "_ptr")

    def __init__(self, record: Record, access) -> None:
        self.offset: int = access.offset
        self.size: int = access.bytes
        self._vm = record.vm
        self._ptr = access.vcpu

    @property
    def vcpu(self):
        vm = self._vm()
        return vm._find_vcpu(self._ptr) if vm is not None and self._ptr \
            else None

    def __repr__(self) -> str:
        return f"<Access offset={self.offset:#x} size={self.size}>"


# --- Device registers -------------------------------------------------------


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_mmio_ops_read(opaque, access, value):
    record = _from_handle(opaque)
    try:
        value[0] = record.read(Access(record, access)) & MASK64
    except BusError:
        return FAULT
    return 0


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_mmio_ops_write(opaque, access, value):
    record = _from_handle(opaque)
    try:
        record.write(Access(record, access), value)
    except BusError:
        return FAULT
    return 0


@ffi.def_extern(onerror=trap)
def disco_py_mmio_ops_reset(opaque):
    _from_handle(opaque).reset()


@ffi.def_extern(onerror=trap)
def disco_py_mmio_ops_release(opaque):
    record = _from_handle(opaque)
    record.released = True
    if record.release is not None:
        record.release()


def _forked(record):
    """The VM that the fork under way makes of the record's."""
    vm = record.vm()
    return vm._forking if vm is not None else None


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_mmio_ops_fork(opaque, child, out):
    record = _from_handle(opaque)
    out[0] = record.forked(_forked(record))
    return 0


# State is one blob: its length in 8 big-endian bytes, then itself.
@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_mmio_ops_save(opaque, stream):
    data = bytes(_from_handle(opaque).save())
    data = len(data).to_bytes(8, "big") + data
    return stream.write(stream.opaque, ffi.from_buffer(data), len(data))


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_mmio_ops_load(opaque, stream):
    length = bytearray(8)
    status = stream.read(stream.opaque, ffi.from_buffer(length), 8)
    if status:
        return status
    size = int.from_bytes(length, "big")
    if size > 1 << 30:
        return lib.DISCO_E_CORRUPT
    data = bytearray(size)
    status = stream.read(stream.opaque, ffi.from_buffer(data), size)
    if not status:
        _from_handle(opaque).load(bytes(data))
    return status


# --- Machine ----------------------------------------------------------------


@ffi.def_extern(onerror=trap)
def disco_py_log_fn(opaque, level, domain, text):
    _from_handle(opaque).log(
        level, ffi.string(domain).decode("utf-8", "replace"),
        ffi.string(text).decode("utf-8", "replace"))


@ffi.def_extern(error=0, onerror=trap)
def disco_py_machine_config_now_ns(opaque):
    record = _from_handle(opaque)
    # Never back, also not when the callable fails once.
    record.last_ns = max(record.last_ns, record.clock())
    return record.last_ns


@ffi.def_extern(onerror=trap)
def disco_py_machine_config_wake(opaque, vcpu):
    record = _from_handle(opaque)
    found = record.find(vcpu)
    if found is not None:
        record.wake(found)


def _text(value):
    return ffi.string(value).decode("utf-8", "replace") if value else None


@ffi.def_extern(onerror=trap)
def disco_py_code_fn(opaque, code):
    _from_handle(opaque).show(Code(
        CodeKind(code.kind), code.gva, code.insns,
        int(ffi.cast("uintptr_t", code.host)),
        _buffer(code.host, code.host_bytes)[:], _text(code.name),
        _text(code.text)))


@ffi.def_extern(error=lib.DISCO_NODES_MAX, onerror=trap)
def disco_py_policy_ops_place(opaque, frame):
    return _from_handle(opaque).place(frame)


@ffi.def_extern(error=lib.DISCO_PLACE_NONE, onerror=trap)
def disco_py_policy_ops_decide(opaque, params, page, node):
    action, to = _from_handle(opaque).decide(params, page)
    node[0] = to
    return action


# --- VM ---------------------------------------------------------------------


@ffi.def_extern(onerror=trap)
def disco_py_irq_route_fn(opaque, line, level):
    _from_handle(opaque).route(line, bool(level))


@ffi.def_extern(onerror=trap)
def disco_py_timer_fn(opaque, now_ns):
    _from_handle(opaque).fire(now_ns)


@ffi.def_extern(onerror=trap)
def disco_py_console_ops_write(opaque, data, size):
    _from_handle(opaque).write(_buffer(data, size)[:])


@ffi.def_extern(error=-1, onerror=trap)
def disco_py_console_ops_read(opaque):
    got = _from_handle(opaque).read()
    if isinstance(got, (bytes, bytearray)):
        return got[0] if got else -1
    return -1 if got is None else got


# --- Back ends --------------------------------------------------------------


@ffi.def_extern(onerror=trap)
def disco_py_char_backend_write(opaque, data, size):
    _from_handle(opaque).write(_buffer(data, size)[:])


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_char_backend_fork(opaque, child, out):
    record = _from_handle(opaque)
    record.forked(_forked(record), out)
    return 0


def _submit_failed(kind, exc, traceback):
    """Every request is completed once: by us if nobody did."""
    trap(kind, exc, traceback)
    names = traceback.tb_frame.f_locals
    if "cell" not in names:
        lib.disco_block_complete(names["request"], lib.DISCO_E_IO)
        return
    try:
        request = names["cell"].pop()
    except IndexError:
        return
    lib.disco_block_complete(request, lib.DISCO_E_IO)
    del names["requests"][-1]


@ffi.def_extern(onerror=_submit_failed)
def disco_py_block_backend_submit(opaque, request):
    record = _from_handle(opaque)
    requests = record.requests
    # Nothing between these two looks for signals.
    requests += ONE
    cell = [request]
    record.submit(cell)


@ffi.def_extern(onerror=trap)
def disco_py_block_backend_release(opaque):
    _from_handle(opaque).released()


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_block_backend_fork(opaque, child, out):
    record = _from_handle(opaque)
    record.forked(_forked(record), out)
    return 0


@ffi.def_extern(onerror=trap)
def disco_py_net_backend_send(opaque, frame, size):
    _from_handle(opaque).send(_buffer(frame, size)[:])


@ffi.def_extern(onerror=trap)
def disco_py_net_backend_attach(opaque, nic):
    _from_handle(opaque).attach(nic)


@ffi.def_extern(onerror=trap)
def disco_py_net_backend_release(opaque):
    _from_handle(opaque).released()


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_net_backend_fork(opaque, child, out):
    record = _from_handle(opaque)
    record.forked(_forked(record), out)
    return 0


@ffi.def_extern(error=CALLBACK, onerror=trap)
def disco_py_capture_write(opaque, data, size):
    _from_handle(opaque).write(_buffer(data, size)[:])
    return 0


@ffi.def_extern(onerror=trap)
def disco_py_rng_fn(opaque, data, size):
    got = bytes(_from_handle(opaque).fill(size))
    if len(got) != size:
        raise ValueError(f"entropy source gave {len(got)} of {size} bytes")
    ffi.memmove(data, got, size)
