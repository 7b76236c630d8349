"""Virtual CPUs: running, exits, registers."""
from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from threading import get_ident
from typing import (Any, Dict, Iterable, Iterator, List, NamedTuple, Optional,
                    Tuple, Union)

from ._native import (MASK64, ONE, Closable, Core, pending, raise_pending,
                      running, take_pending, text_arg)
from ._raw import ffi, lib
from .constants import (NEVER, REG_PC, Access, Engine, ExitReason, FloatingPoint, Mode,
                        Order, RegClass, Switchable, reg)
from .errors import InvalidError, last_error
from .stats import VcpuStats, from_struct

__all__ = ["VCPU", "VcpuConfig", "Exit", "MmioExit", "HypercallExit",
           "WatchExit", "CallbackFailure", "Registers", "disassemble",
           "reg_name", "reg_find"]

#: Instructions between two looks at Python's signals (about 10 ms).
SLICE_INSNS = 1_000_000


@dataclass(frozen=True)
class VcpuConfig:
    """What a vCPU is.

    backend, model   None = "mips", "R10000"
    mode             Mode.EXACT: a bare CPU; Mode.DISCO: deprivileged kernel
    l2tlb            second-level TLB; DEFAULT follows the mode
    l2tlb_entries    power of two 64..65536, 0 = 1024
    order            byte order; 0 = big
    fp               FloatingPoint
    break_exit       BREAK instructions leave with ExitReason.BREAK
    engine           Engine; BEST: the fastest that this host has
    """
    backend: Optional[str] = None
    model: Optional[str] = None
    mode: int = Mode.EXACT
    l2tlb: int = Switchable.DEFAULT
    l2tlb_entries: int = 0
    order: int = Order.BIG
    fp: int = FloatingPoint.IEEE
    break_exit: bool = False
    engine: int = Engine.BEST

    def struct(self) -> Tuple[Any, list]:
        """disco_vcpu_config, and what must live as long."""
        keep: list = []
        config = ffi.new("disco_vcpu_config *", {
            "size": ffi.sizeof("disco_vcpu_config"),
            "backend": text_arg(self.backend, keep),
            "model": text_arg(self.model, keep), "mode": self.mode,
            "l2tlb": self.l2tlb, "l2tlb_entries": self.l2tlb_entries,
            "order": self.order, "fp": self.fp,
            "break_exit": int(self.break_exit), "engine": self.engine})
        return config, keep


# --- Exits ------------------------------------------------------------------


class MmioExit(NamedTuple):
    """An access to a region with exits=True.  Finish it with
    VCPU.complete(value)."""
    gpa: int
    value: int
    bytes: int
    write: bool


class HypercallExit(NamedTuple):
    """An embedder's monitor call.  Finish it with VCPU.complete(v1, v0)."""
    code: int
    args: Tuple[int, ...]


class WatchExit(NamedTuple):
    """An access to a watchpoint, about to happen: the next run does it."""
    gpa: int
    bytes: int
    access: Access


class CallbackFailure(NamedTuple):
    """A device of the library failed.  (An exception in a Python device is
    raised from run instead.)"""
    status: int
    write: bool
    gpa: int


class Exit(NamedTuple):
    """Why a run ended, and where.

    pc           next instruction
    insns        of this vCPU since its creation
    ran_insns    in this run
    time_ns      VM time
    delay_slot   pc is a delay slot whose branch already ran
    until_ns     IDLE: time of its timer interrupt, or None
    code         SHUTDOWN: the code
    mmio, hypercall, watch, failure   for MMIO, HYPERCALL, WATCH, CALLBACK
    """
    reason: ExitReason
    pc: int
    insns: int
    ran_insns: int
    time_ns: int
    delay_slot: bool
    until_ns: Optional[int] = None
    code: Optional[int] = None
    mmio: Optional[MmioExit] = None
    hypercall: Optional[HypercallExit] = None
    watch: Optional[WatchExit] = None
    failure: Optional[CallbackFailure] = None


_REASONS = {int(reason): reason for reason in ExitReason}


def make_exit(e, ran_insns: int) -> Exit:
    """From a disco_exit."""
    reason = _REASONS[e.reason]
    if reason is ExitReason.BUDGET:
        return Exit(reason, e.pc, e.insns, ran_insns, e.time_ns,
                    bool(e.delay_slot))
    more: Dict[str, Any] = {}
    if reason == ExitReason.IDLE:
        until = e.u.idle.until_ns
        more["until_ns"] = None if until == NEVER else until
    elif reason == ExitReason.MMIO:
        m = e.u.mmio
        more["mmio"] = MmioExit(m.gpa, m.value, m.bytes, bool(m.write))
    elif reason == ExitReason.HYPERCALL:
        h = e.u.hypercall
        more["hypercall"] = HypercallExit(h.code, tuple(h.arg))
    elif reason == ExitReason.WATCH:
        w = e.u.watch
        more["watch"] = WatchExit(w.gpa, w.bytes, Access(w.access))
    elif reason == ExitReason.SHUTDOWN:
        more["code"] = e.u.shutdown.code
    elif reason == ExitReason.CALLBACK:
        c = e.u.callback
        more["failure"] = CallbackFailure(c.status, bool(c.write), c.gpa)
    return Exit(reason, e.pc, e.insns, ran_insns, e.time_ns,
                bool(e.delay_slot), **more)


# --- Registers --------------------------------------------------------------


def reg_name(id: int) -> Optional[str]:
    """Name of a register id ("sp", "f12", "status"), or None."""
    name = lib.disco_reg_name(id)
    return ffi.string(name).decode() if name else None


def reg_find(name: str) -> int:
    """Id of a register name; KeyError when there is none."""
    id = _ids.get(name)
    if id is None:
        id = lib.disco_reg_find(name.encode())
        if not id:
            raise KeyError(name)
        _ids[name] = id
    return id


_ids: Dict[str, int] = {}

# Classes and how many indices to look through for names.
_LISTED = ((RegClass.SPEC, 16), (RegClass.GPR, 32), (RegClass.FPR, 32),
           (RegClass.FCR, 32), (RegClass.CP0, 32), (RegClass.PERF, 8))

RegKey = Union[str, int]


class Registers(Mapping):
    """Registers by name or id: vcpu.regs["sp"], vcpu.regs[reg_cp0(12)] = 0.

    Values are unsigned 64-bit; assigned ones are taken modulo 2**64.
    Iteration leaves out the TLB's entries ("tlb3.entryhi"), which can be
    addressed all the same.  read() and update() are one call each.
    """

    __slots__ = ("_vcpu",)

    def __init__(self, vcpu: "VCPU") -> None:
        self._vcpu = vcpu

    @staticmethod
    def _id(key: RegKey) -> int:
        return reg_find(key) if isinstance(key, str) else key

    def __getitem__(self, key: RegKey) -> int:
        try:
            return self.read((key,))[0]
        except InvalidError:
            raise KeyError(key) from None

    def __setitem__(self, key: RegKey, value: int) -> None:
        try:
            self.update({key: value})
        except InvalidError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        for cls, count in _LISTED:
            for index in range(count):
                name = reg_name(reg(cls, index))
                if name is not None:
                    yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            return bool(lib.disco_reg_find(key.encode()))
        return isinstance(key, int) and reg_name(key) is not None

    def read(self, keys: Iterable[RegKey]) -> List[int]:
        """Several at once."""
        ids = [self._id(key) for key in keys]
        values = ffi.new("uint64_t[]", len(ids))
        self._vcpu._call(lib.disco_vcpu_get_regs, ids, values, len(ids))
        return list(values)

    def update(self, values: Optional[Mapping] = None, **named: int) -> None:
        """Several at once: regs.update({"pc": x}), regs.update(a0=1, a1=2)."""
        all_values: Dict[RegKey, int] = dict(values or {})
        all_values.update(named)
        ids = [self._id(key) for key in all_values]
        data = [value & MASK64 for value in all_values.values()]
        self._vcpu._call(lib.disco_vcpu_set_regs, ids, data, len(ids))

    def snapshot(self) -> Dict[str, int]:
        """All listed registers."""
        names = list(self)
        return dict(zip(names, self.read(names)))


def disassemble(word: int, pc: int = 0) -> str:
    """Text of one instruction word, as binutils writes it."""
    text = ffi.new("char[64]")
    status = lib.disco_disassemble(word, pc, text, 64)
    if status:
        raise InvalidError(status=status)
    return ffi.string(text).decode()


# --- The vCPU ---------------------------------------------------------------


class VcpuCore(Core):
    __slots__ = ("index", "runner", "run", "exit", "has_own_kick",
                 "schedulers")

    def __init__(self, ptr, vm_core) -> None:
        super().__init__("vCPU", ptr, lib.disco_vcpu_destroy, vm_core,
                         vm_core.machine)
        self.index: int = lib.disco_vcpu_index(ptr)
        # Who runs it, under one key: its run and exit structs are reused.
        self.runner: Dict[int, object] = {}
        self.run = ffi.new("disco_run *", {"size": ffi.sizeof("disco_run")})
        self.exit = ffi.new("disco_exit *", {"size": ffi.sizeof("disco_exit")})
        # A kick of ours is latched that nobody asked for.
        self.has_own_kick = False
        self.schedulers: list = []

    def interrupt(self) -> None:
        """A callback raised: leave the library soon."""
        self.has_own_kick = True
        lib.disco_vcpu_kick(self.addr)

    def before_destroy(self) -> None:
        leave_schedulers([self])

    def after_destroy(self) -> None:
        self.machine.vcpus.pop(self.addr, None)


def leave_schedulers(cores: List[VcpuCore]) -> None:
    """All of them, or none with BusyError."""
    schedulers = {s for core in cores for s in core.schedulers}
    me = object()
    try:
        for scheduler in schedulers:
            scheduler.take(me)
        for core in cores:
            for scheduler in list(core.schedulers):
                scheduler.drop(core)
    finally:
        for scheduler in schedulers:
            scheduler.give(me)


class VCPU(Closable):
    """A virtual CPU.  It belongs to its VM: dropping the object changes
    nothing, and VM.vcpus gives it back."""

    __slots__ = ("vm", "last_exit")
    _core: VcpuCore

    def __init__(self, vm, core: VcpuCore) -> None:
        """Not for users: VM.create_vcpu makes them."""
        self.vm = vm
        self._core = core
        #: Exit of the last run, also of one that raised.
        self.last_exit: Optional[Exit] = None
        core.wrapper = weakref.ref(self)

    def __repr__(self) -> str:
        return "<VCPU closed>" if self.closed else \
            f"<VCPU {self.index} of {self.vm!r}>"

    @property
    def index(self) -> int:
        return self._core.index

    @property
    def regs(self) -> Registers:
        return Registers(self)

    @property
    def pc(self) -> int:
        return self.regs[REG_PC]

    @pc.setter
    def pc(self, value: int) -> None:
        self.regs[REG_PC] = value

    @property
    def runnable(self) -> bool:
        """A run would execute instructions now."""
        return bool(self._get(lib.disco_vcpu_runnable))

    @property
    def parked(self) -> bool:
        """Not started yet."""
        return bool(self._get(lib.disco_vcpu_is_parked))

    def stats(self) -> VcpuStats:
        return from_struct(VcpuStats, self._struct(
            lib.disco_vcpu_stats_get, "disco_vcpu_stats"))

    def reset(self) -> None:
        """Back to reset state and parked."""
        self._call(lib.disco_vcpu_reset)

    def start(self, pc: int) -> None:
        """Let a parked vCPU run from `pc` (guest virtual)."""
        self._call(lib.disco_vcpu_start, pc & MASK64)

    def kick(self) -> None:
        """Make the present or the next run return KICK.  Never lost."""
        self._core.has_own_kick = False
        self._get(lib.disco_vcpu_kick)

    def set_watch(self, index: int, gpa: int, size: int,
                  access: int = Access.READ | Access.WRITE) -> None:
        """Host watchpoint `index` (below WATCHES): accesses to the range leave
        with ExitReason.WATCH before they happen."""
        self._call(lib.disco_vcpu_set_watch, index, gpa, size, access)

    def clear_watch(self, index: int) -> None:
        self._call(lib.disco_vcpu_set_watch, index, 0, 0, 0)

    @property
    def engine(self) -> Engine:
        """What executes its instructions; may be set between two runs."""
        return Engine(self._get(lib.disco_vcpu_engine))

    @engine.setter
    def engine(self, engine: int) -> None:
        self._call(lib.disco_vcpu_set_engine, engine)

    def set_irq(self, line: int, level: bool = True) -> None:
        """Set a CPU interrupt line (MIPS: 0..4 are IP2..IP6)."""
        self._call(lib.disco_vcpu_set_irq, line, 1 if level else 0)

    def idle(self) -> None:
        """In a device callback of this vCPU: wait for an interrupt line."""
        self._call(lib.disco_vcpu_idle)

    def complete(self, value: int = 0, status: int = 0) -> None:
        """Finish an MMIO read (`value`), an MMIO write, or a hypercall
        (`status` to v0, `value` to v1).  Status.FAULT gives the guest a bus
        error."""
        self._call(lib.disco_vcpu_complete, status, value & MASK64)

    def translate(self, va: int, access: int = Access.READ) -> int:
        """Guest virtual to physical, as the CPU would now, without side
        effects.  FaultError when it would take an exception."""
        out = ffi.new("uint64_t *")
        self._call(lib.disco_vcpu_translate, va & MASK64, access, out)
        return out[0]

    def disassemble(self, va: Optional[int] = None, count: int = 1,
                    order: int = Order.BIG) -> List[str]:
        """Text of `count` instructions at a guest virtual address (the pc)."""
        va = self.pc if va is None else va & MASK64
        return [disassemble(
            self.vm.read_int(self.translate(at, Access.EXEC), 4, order), at)
            for at in range(va, va + 4 * count, 4)]

    # --- Running ------------------------------------------------------------

    def run(self, max_insns: int = 0, until_ns: int = 0, *,
            cpu: Optional[int] = None, slice_insns: int = SLICE_INSNS) -> Exit:
        """Run until a budget ends or the host is needed.

        max_insns    exact; 0 = no limit
        until_ns     VM time; 0 = no limit
        cpu          machine CPU; None = this vCPU's index modulo their number
        slice_insns  how often Python's signals (Ctrl-C) get their turn

        Other Python threads run meanwhile.  What a callback raises surfaces
        from here; last_exit then tells where the vCPU stands.
        """
        core = self._core
        vm_core = core.parent
        if cpu is None:
            cpu = core.index % self.vm.machine._cpus
        if slice_insns <= 0:
            raise ValueError("slice_insns must be positive")
        users, vm_users, runs = core.users, vm_core.users, vm_core.runs
        runner = core.runner
        me = object()
        users += ONE
        vm_users += ONE
        runs += ONE
        try:
            if not core.cell:
                raise core.closed_error()
            if vm_core.exclusive:
                raise vm_core.busy_error("it is being changed")
            if runner.setdefault(0, me) is not me:
                raise core.busy_error("it runs already")
            return self._run(core, cpu, max_insns, until_ns, slice_insns)
        finally:
            if runner and runner[0] is me:
                del runner[0]
            del runs[-1]
            del vm_users[-1]
            del users[-1]

    def _run(self, core: VcpuCore, cpu: int, max_insns: int, until_ns: int,
             slice_insns: int) -> Exit:
        ptr, run, exit = core.addr, core.run, core.exit
        thread = get_ident()
        outer = running.get(thread)
        run.until_ns = until_ns
        ran = 0
        while True:
            budget = slice_insns
            if max_insns and max_insns - ran < slice_insns:
                budget = max_insns - ran
            run.max_insns = budget
            try:
                running[thread] = core
                status = lib.disco_vcpu_run(ptr, cpu, run, exit)
            finally:
                if outer is None:
                    del running[thread]
                else:
                    running[thread] = outer
            if status:
                error = last_error(core.machine.addr, status)
                raise_pending()
                raise error
            ran += exit.ran_insns
            reason = exit.reason
            if pending:
                exc = take_pending(thread)
                if exc is not None:
                    if reason == lib.DISCO_EXIT_KICK:
                        core.has_own_kick = False
                    self.last_exit = make_exit(exit, ran)
                    raise exc
            if reason == lib.DISCO_EXIT_BUDGET:
                if exit.ran_insns == budget and ran != max_insns:
                    continue  # only the slice is over
            elif reason == lib.DISCO_EXIT_KICK and core.has_own_kick:
                core.has_own_kick = False
                continue
            self.last_exit = make_exit(exit, ran)
            return self.last_exit
