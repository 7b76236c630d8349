"""Virtual machines: interrupt routing, time, console, host functions, ends."""
from __future__ import annotations

import re
import threading
import weakref
from typing import Any, Callable, Dict, List, Optional

from ._native import (ONE, Closable, Core, Record, keep_for, raise_pending,
                      text_arg, trap)
from ._raw import ffi, lib
from .constants import NEVER, MemoryOrder
from .machine import DependentCore, Machine
from .memory import MemoryMixin
from .placement import CountersMixin
from .stats import VmStats, from_struct
from .vcpu import VCPU, VcpuConfig, VcpuCore, leave_schedulers

__all__ = ["VM", "Timer"]


# Two threads that meet a vCPU for the first time get one object.  Reentrant,
# since the garbage collector may run a device's release() inside.
_adopting = threading.RLock()


class VmCore(DependentCore):
    """runs counts, like users, what needs the VM to stay as it is; exclusive is
    its opposite.  Each side says so first and then looks at the other."""

    __slots__ = ("owner", "runs", "exclusive")

    def __init__(self, ptr, machine, owner) -> None:
        super().__init__("VM", ptr, lib.disco_vm_destroy, machine, 0)
        self.owner = weakref.ref(owner)
        self.runs: List[None] = []
        self.exclusive = False

    def begin_exclusive(self) -> None:
        self.exclusive = True
        if self.runs or any(s.is_used() for core in self.vcpu_cores()
                            for s in core.schedulers):
            self.exclusive = False
            raise self.busy_error("a vCPU runs")

    def end_exclusive(self) -> None:
        self.exclusive = False

    def vcpu_cores(self) -> List[VcpuCore]:
        return [core for core in self.children if isinstance(core, VcpuCore)]

    def before_destroy(self) -> None:
        leave_schedulers(self.vcpu_cores())

    def after_destroy(self) -> None:
        super().after_destroy()
        for core in self.vcpu_cores():
            self.machine.vcpus.pop(core.addr, None)
        vm = self.owner()
        if vm is not None:
            vm._keep.clear()


class Timer(Closable):
    """A one-shot timer of a VM; callback(now_ns) runs on the thread that runs a
    vCPU, or in VM.advance.  It belongs to the VM: dropping the object leaves it
    armed."""

    __slots__ = ("vm", "_kept")

    def __init__(self, vm: "VM", callback: Callable[[int], None]) -> None:
        handle = Record(fire=callback).handle()
        out = ffi.new("disco_timer **")
        keep_for(vm._keep, handle, lambda: vm._make(
            lib.disco_timer_create, lib.disco_py_timer_fn, handle, out))
        vm_core = vm._core

        def destroy(ptr) -> None:
            vm_core.begin_exclusive()
            try:
                lib.disco_timer_destroy(ptr)
            finally:
                vm_core.end_exclusive()

        self.vm = vm
        self._kept = handle
        self._core = Core("timer", out[0], destroy, vm_core, vm_core.machine)
        raise_pending()

    def set(self, deadline_ns: int) -> None:
        """Arm for an absolute VM time."""
        self._get(lib.disco_timer_set, deadline_ns)

    def after(self, ns: int) -> None:
        """Arm for `ns` from now."""
        self.set(self.vm.time_ns + ns)

    def cancel(self) -> None:
        self._get(lib.disco_timer_set, NEVER)

    def close(self) -> None:
        """BusyError while a vCPU runs, so also in a callback."""
        super().close()
        self.vm._keep.pop(self._kept, None)
        self._kept = None


class VM(MemoryMixin, CountersMixin, Closable):
    """A virtual machine: empty at first; map memory and devices, create vCPUs.

    memory_order  MemoryOrder between its vCPUs on several host threads
    threads       host threads that may run its vCPUs at the same time; 0 = as
                  many as it has vCPUs
    home_node     for memory that no vCPU touched first
    max_vcpus     0 = 64

    The VM owns its vCPUs, regions, timers and devices: they live until they or
    the VM are closed, whether or not Python still refers to them.
    """

    __slots__ = ("machine", "_keep", "_home_node", "_forking", "_console")
    _core: VmCore

    def __init__(self, machine: Machine, name: Optional[str] = None, *,
                 memory_order: int = MemoryOrder.SC, threads: int = 0,
                 home_node: int = 0, max_vcpus: int = 0) -> None:
        keep: list = []
        config = ffi.new("disco_vm_config *", {
            "size": ffi.sizeof("disco_vm_config"),
            "name": text_arg(name, keep), "memory_order": memory_order,
            "threads": threads, "home_node": home_node,
            "max_vcpus": max_vcpus})
        out = ffi.new("disco_vm **")
        machine._make(lib.disco_vm_create, config, out)
        self.machine = machine
        self._keep: Dict[Any, Any] = {}
        self._home_node = home_node
        self._forking: Optional[VM] = None  # a child that is being made
        self._console: Any = None  # what Board.fork wants
        self._own(VmCore(out[0], machine._core, self))
        raise_pending()

    def __repr__(self) -> str:
        return "<VM closed>" if self.closed else f"<VM {self.name}>"

    def fork(self, name: Optional[str] = None, *,
             home_node: Optional[int] = None, console: Any = None) -> "VM":
        """A second VM that goes on from where this one stands, with its memory
        shared copy-on-write.  No vCPU may be running.

        Devices and back ends in Python are asked for a copy by fork(child);
        UnsupportedError names one that has none.  Character output goes to
        write.fork(child) if the function has that, else to the same function.
        console: the output of the child's board instead.
        """
        child = VM.__new__(VM)
        child.machine = self.machine
        # What C gets again must live as long as the child does.
        child._keep = dict(self._keep)
        child._home_node = self._home_node if home_node is None else home_node
        child._forking = None
        child._console = console
        core = VmCore(ffi.NULL, self.machine._core, child)
        core.cell.clear()
        child._own(core)
        keep: list = []
        config = ffi.new("disco_vm_config *", {
            "size": ffi.sizeof("disco_vm_config"),
            "name": text_arg(name, keep), "home_node": child._home_node})
        out = ffi.new("disco_vm **")
        try:
            with _adopting:
                self._forking = child
                try:
                    self._make(lib.disco_vm_fork, config, out)
                finally:
                    self._forking = None
        except BaseException:
            core.after_destroy()
            raise
        core.addr = out[0]
        core.cell.append(out[0])
        child.vcpus  # so that wake callbacks know them
        raise_pending()
        return child

    @property
    def name(self) -> str:
        return ffi.string(self._get(lib.disco_vm_name)).decode()

    def stats(self) -> VmStats:
        return from_struct(VmStats, self._struct(
            lib.disco_vm_stats_get, "disco_vm_stats"))

    # --- vCPUs --------------------------------------------------------------

    def create_vcpu(self, config: Optional[VcpuConfig] = None,
                    **fields) -> VCPU:
        """A vCPU, parked until start().  `fields` are those of VcpuConfig."""
        if config is None:
            config = VcpuConfig(**fields)
        elif fields:
            raise TypeError("either a VcpuConfig or its fields")
        out = ffi.new("disco_vcpu **")
        struct, _keep = config.struct()
        self._make(lib.disco_vcpu_create, struct, out)
        vcpu = self._find_vcpu(out[0])
        raise_pending()
        return vcpu

    @property
    def vcpus(self) -> List[VCPU]:
        """All vCPUs in the order of their creation."""
        count = self._get(lib.disco_vm_vcpu_count)
        found = [self._get(lib.disco_vm_vcpu, i) for i in range(count)]
        return [self._find_vcpu(ptr) for ptr in found if ptr]

    def _find_vcpu(self, ptr) -> VCPU:
        """The one object of a C vCPU, whoever created it."""
        known = self._core.machine.vcpus
        with _adopting:
            core = known.get(ptr)
            if core is None:
                core = known[ptr] = VcpuCore(ptr, self._core)
            vcpu = core.wrapper() if core.wrapper is not None else None
            return VCPU(self, core) if vcpu is None else vcpu

    # --- Ends ---------------------------------------------------------------

    def reset(self) -> None:
        """As its reset button: devices reset, vCPUs parked, RAM kept."""
        self._call(lib.disco_vm_reset)

    def request_shutdown(self, code: int = 0) -> None:
        """End the run: every vCPU leaves with ExitReason.SHUTDOWN."""
        self._get(lib.disco_vm_request_shutdown, code)

    def request_reset(self) -> None:
        self._get(lib.disco_vm_request_reset)

    # --- Interrupt lines ----------------------------------------------------

    def set_irq(self, line: int, level: bool = True) -> None:
        """Set a level-triggered device line."""
        self._call(lib.disco_vm_set_irq, line, 1 if level else 0)

    @property
    def irq_levels(self) -> int:
        """Levels of all lines, line n in bit n."""
        return self._get(lib.disco_vm_irq_levels)

    def set_irq_route(self,
                      route: Optional[Callable[[int, bool], None]]) -> None:
        """Plug in the interrupt controller: route(line, level) is told of
        every change.  None takes it out."""
        if route is None:
            self._call(lib.disco_vm_set_irq_route, ffi.NULL, ffi.NULL)
            self._keep.pop("route", None)
            return
        handle = Record(route=route).handle()
        keep_for(self._keep, handle, lambda: self._make(
            lib.disco_vm_set_irq_route, lib.disco_py_irq_route_fn, handle))
        self._keep["route"] = self._keep.pop(handle)
        raise_pending()

    # --- Time ---------------------------------------------------------------

    @property
    def time_ns(self) -> int:
        """The VM's clock in ns since its creation."""
        return self._get(lib.disco_vm_time_ns)

    @property
    def next_event_ns(self) -> Optional[int]:
        """Time of the earliest timer or timer interrupt, or None."""
        at = self._get(lib.disco_vm_next_event_ns)
        return None if at == NEVER else at

    def advance(self, ns: int) -> None:
        """Let virtual time pass while nothing runs, until the clock is at least
        `ns`; timers fire."""
        runs = self._core.runs
        runs += ONE
        try:
            if self._core.exclusive:
                raise self._core.busy_error("it is being changed")
            self._call(lib.disco_vm_advance, ns)
        finally:
            del runs[-1]

    def create_timer(self, callback: Callable[[int], None]) -> Timer:
        return Timer(self, callback)

    # --- Monitor calls ------------------------------------------------------

    def set_console(self, write: Optional[Callable[[bytes], None]] = None,
                    read: Optional[Callable[[], Any]] = None) -> None:
        """Console of the monitor calls (disco mode).  read() returns a byte as
        an int or bytes, None when there is none now.  BusyError while a vCPU
        runs."""
        handle = Record(write=write, read=read).handle()
        ops = ffi.new("disco_console_ops *",
                      {"size": ffi.sizeof("disco_console_ops")})
        if write is not None:
            ops.write = lib.disco_py_console_ops_write
        if read is not None:
            ops.read = lib.disco_py_console_ops_read
        self._core.begin_exclusive()
        try:
            keep_for(self._keep, handle, lambda: self._make(
                lib.disco_vm_set_console, ops, handle))
            self._keep["console"] = self._keep.pop(handle)
        finally:
            self._core.end_exclusive()
        raise_pending()

    def set_share_group(self, group: int) -> None:
        """VMs of one group (0: none) may share memory that they both write."""
        self._call(lib.disco_vm_set_share_group, group)

    def add_host_function(self, signature: str,
                          function: Callable[..., Any]) -> int:
        """Let the guest call a Python function; returns its number.

        signature is "RET name(ARG, ...)": RET is void or a number, numbers are
        u8 i8 u16 i16 u32 i32 u64 i64 f32 f64.  ARG may also be ptr (a guest
        address: the function gets a bytearray of 4096 bytes) or buf (address
        and length: a bytearray of that length).  What the function changes in a
        bytearray is written back when it returns.

        An exception ends the run and surfaces from it; the guest gets 0.
        """
        ctype, memory = _parse_signature(signature)
        if ctype is None:
            # The library says what is wrong, and where.
            call = ffi.callback("void(void)", lambda: None)
        else:
            call = ffi.callback(ctype, _marshal(function, memory),
                                onerror=trap)
        number = ffi.new("uint32_t *")
        keep_for(self._keep, call, lambda: self._make(
            lib.disco_vm_add_host_function, signature.encode(), 0,
            ffi.cast("void(*)(void)", call), ffi.NULL, number))
        raise_pending()
        return number[0]


# --- Host functions ---------------------------------------------------------

_NUMBERS = {"u8": "uint8_t", "i8": "int8_t", "u16": "uint16_t",
            "i16": "int16_t", "u32": "uint32_t", "i32": "int32_t",
            "u64": "uint64_t", "i64": "int64_t", "f32": "float",
            "f64": "double"}
_PTR_BYTES = 4096


def _parse_signature(signature: str):
    """(C type, for each guest argument None, "ptr" or "buf")."""
    match = re.fullmatch(r"\s*(\w+)\s+\w+\s*\(([^()]*)\)\s*", signature)
    if not match:
        return None, []
    ret = "void" if match[1] == "void" else _NUMBERS.get(match[1])
    names = [name.strip() for name in match[2].split(",")]
    if names in ([""], ["void"]):
        names = []
    args: List[str] = []
    memory: List[Optional[str]] = []
    for name in names:
        if name in _NUMBERS:
            args.append(_NUMBERS[name])
            memory.append(None)
        elif name in ("ptr", "buf"):
            args += ["char *"] if name == "ptr" else ["char *", "uint64_t"]
            memory.append(name)
        else:
            return None, []
    if ret is None:
        return None, []
    return f"{ret}({', '.join(args) or 'void'})", memory


def _marshal(function: Callable[..., Any], memory: List[Optional[str]]):
    """What C calls.  Guest memory goes through copies: nothing that Python
    keeps refers to memory of the call."""
    if not any(memory):
        return function

    def call(*words):
        args: List[Any] = []
        copies = []
        words = iter(words)
        for kind in memory:
            value = next(words)
            if kind is not None:
                size = _PTR_BYTES if kind == "ptr" else next(words)
                host = ffi.buffer(value, size) if size else b""
                value = bytearray(host)
                copies.append((host, value, bytes(value)))
            args.append(value)
        result = function(*args)
        for host, copy, before in copies:
            if copy != before:
                if len(copy) != len(before):
                    raise ValueError("a guest buffer changed its length")
                host[:] = bytes(copy)
        return result
    return call
