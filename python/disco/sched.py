"""The ready-made scheduler: shares the machine's CPUs among vCPUs."""
from __future__ import annotations

import weakref
from threading import get_ident
from typing import Callable, Dict, Iterable, List, Optional, Tuple

from ._native import Closable, pending, raise_pending, running, take_pending
from ._raw import ffi, lib
from .constants import NEVER, ExitReason
from .errors import BusyError, NotFoundError, last_error
from .machine import DependentCore, Machine
from .stats import SchedCpuStats, SchedVcpuStats, from_struct
from .vcpu import VCPU, Exit, VcpuCore, make_exit

__all__ = ["Scheduler"]

#: Rounds between two looks at Python's signals.
SLICE_ROUNDS = 8


class SchedulerCore(DependentCore):
    """holder: who runs or changes it, under one key; drivers counts threads in
    run_cpu, which exclude a holder, but not each other.  Nobody waits for that.
    A VM that is to be changed looks whether its schedulers are in use."""

    __slots__ = ("holder", "drivers", "cores", "owner")

    def __init__(self, ptr, machine, owner) -> None:
        super().__init__("scheduler", ptr, lib.disco_sched_destroy, machine, 0)
        self.holder: Dict[int, object] = {}
        self.drivers: List[None] = []
        self.cores: List[VcpuCore] = []
        self.owner = weakref.ref(owner)

    def interrupt(self) -> None:
        """A callback raised: the rounds under way are short enough."""

    def take(self, me: object) -> None:
        if self.holder.setdefault(0, me) is not me:
            raise self.busy_error("it runs")
        if self.drivers:
            self.give(me)
            raise self.busy_error("its CPUs run")

    def give(self, me: object) -> None:
        if self.holder and self.holder[0] is me:
            del self.holder[0]

    def is_used(self) -> bool:
        return bool(self.holder or self.drivers)

    def begin_drive(self) -> None:
        self.drivers.append(None)
        if self.holder:
            self.drivers.pop()
            raise self.busy_error("it runs")

    def drop(self, core: VcpuCore) -> None:
        """Forget a vCPU; taken."""
        if self.cell:
            lib.disco_sched_remove(self.cell[0], core.addr)
        if core in self.cores:
            self.cores.remove(core)
        if self in core.schedulers:
            core.schedulers.remove(self)
        owner = self.owner()
        if owner is not None:
            owner._vcpus.pop(core, None)

    def after_destroy(self) -> None:
        super().after_destroy()
        for core in list(self.cores):
            self.drop(core)


def _mask(cpus: Optional[Iterable[int]]):
    """Words of a CPU mask, or NULL for all."""
    if cpus is None:
        return ffi.NULL
    bits = 0
    for cpu in cpus:
        bits |= 1 << cpu
    words = max(1, (bits.bit_length() + 63) // 64)
    return ffi.new("uint64_t[]", [bits >> 64 * i & (1 << 64) - 1
                                  for i in range(words)])


class Scheduler(Closable):
    """Shares machine CPUs among vCPUs of any VMs.

    quantum    instructions of a slice; 0 = 20000
    first_cpu, cpus   which machine CPUs; cpus 0 = all
    static     no vCPU changes its CPU by itself
    balance_rounds, balance_moves   how often queues are compared, and how many
               vCPUs may change CPU in a round; 0 = 16

    A vCPU is in one scheduler at most, and leaves it when it is closed.
    """

    __slots__ = ("machine", "_vcpus")
    _core: SchedulerCore

    def __init__(self, machine: Machine, *, quantum: int = 0,
                 first_cpu: int = 0, cpus: int = 0, static: bool = False,
                 balance_rounds: int = 0, balance_moves: int = 0) -> None:
        config = ffi.new("disco_sched_config *", {
            "size": ffi.sizeof("disco_sched_config"),
            "flags": lib.DISCO_SCHED_STATIC if static else 0,
            "quantum_insns": quantum, "first_cpu": first_cpu, "cpus": cpus,
            "balance_rounds": balance_rounds,
            "balance_moves": balance_moves})
        out = ffi.new("disco_sched **")
        machine._make(lib.disco_sched_create, config, out)
        self.machine = machine
        self._vcpus: Dict[VcpuCore, VCPU] = {}
        self._own(SchedulerCore(out[0], machine._core, self))
        raise_pending()

    @property
    def vcpus(self) -> List[VCPU]:
        return list(self._vcpus.values())

    def add(self, vcpu: VCPU) -> None:
        def add(ptr) -> None:
            self._call(lib.disco_sched_add, ptr)
            core.cores.append(vcpu._core)
            self._vcpus[vcpu._core] = vcpu
            vcpu._core.schedulers.append(core)

        core, me = self._core, object()
        try:
            core.take(me)
            vcpu._get(add)
        finally:
            core.give(me)

    def remove(self, vcpu: VCPU) -> None:
        core, me = self._core, object()
        try:
            core.take(me)
            if vcpu._core not in core.cores:
                raise NotFoundError("the scheduler has no such vCPU")
            self._get(lambda _ptr: core.drop(vcpu._core))
        finally:
            core.give(me)

    def set_vm(self, vm, *, weight: int = 0, gang: bool = False,
               cpus: Optional[Iterable[int]] = None,
               skew_insns: int = 0) -> None:
        """What holds for a VM that has vCPUs here; replaces all of it.

        weight   its share of CPU time, 1..10000; 0 = 100
        gang     its vCPUs run in the same rounds
        cpus     hard affinity: machine CPUs it may use; None = all
        skew_insns   how far its vCPUs may run apart; 0 = any
        """
        mask = _mask(cpus)
        config = ffi.new("disco_sched_vm_config *", {
            "size": ffi.sizeof("disco_sched_vm_config"),
            "flags": lib.DISCO_SCHED_GANG if gang else 0, "weight": weight,
            "cpu_mask": mask, "cpu_words": len(mask) if mask else 0,
            "skew_insns": skew_insns})
        vm._get(lambda ptr: self._call(lib.disco_sched_set_vm, ptr, config))

    def set_cpus(self, vcpu: VCPU, cpus: Optional[Iterable[int]]) -> None:
        """Hard affinity of one vCPU, on top of its VM's; None = any CPU."""
        mask = _mask(cpus)
        vcpu._get(lambda ptr: self._call(
            lib.disco_sched_set_cpus, ptr, mask, len(mask) if mask else 0))

    def pin(self, vcpu: VCPU, cpu: int) -> None:
        """set_cpus with one CPU."""
        vcpu._get(lambda ptr: self._call(lib.disco_sched_pin, ptr, cpu))

    def set_limit(self, vcpu: VCPU, insns: Optional[int]) -> None:
        """run() gives the vCPU back with reason BUDGET once it has run this
        many instructions since its creation; None = no limit."""
        vcpu._get(lambda ptr: self._call(
            lib.disco_sched_set_limit, ptr, NEVER if insns is None else insns))

    def hold(self, vcpu: VCPU) -> bool:
        """Keep the vCPU's VM from running, and give up the vCPU if this thread
        got it from run.  True when nobody else has one of the VM."""
        try:
            vcpu._get(lambda ptr: self._call(lib.disco_sched_hold, ptr))
        except BusyError:
            return False
        return True

    def release(self, vcpu: VCPU) -> None:
        """End hold()."""
        vcpu._get(lambda ptr: self._call(lib.disco_sched_release, ptr))

    @property
    def next_ns(self) -> Optional[int]:
        """Nanoseconds until something can run; None = no event is known."""
        ns = self._get(lib.disco_sched_next_ns)
        return None if ns == NEVER else ns

    def cpu_stats(self, cpu: int) -> SchedCpuStats:
        return from_struct(SchedCpuStats, self._struct(
            lib.disco_sched_cpu_stats_get, "disco_sched_cpu_stats", cpu))

    def vcpu_stats(self, vcpu: VCPU) -> SchedVcpuStats:
        return from_struct(SchedVcpuStats, vcpu._get(
            lambda ptr: self._struct(lib.disco_sched_vcpu_stats_get,
                                     "disco_sched_vcpu_stats", ptr)))

    def run(self, max_rounds: int = 0) -> Tuple[Optional[VCPU], Exit]:
        """Rounds until a vCPU leaves with a reason for the host: (vcpu, exit);
        until max_rounds passed (0 = no limit): (None, BUDGET); or until none
        can run: (None, IDLE), and exit.until_ns is how many nanoseconds *from
        now* the first event is, or None.

        What a callback raises surfaces from here, some rounds later.
        """
        core, me = self._core, object()
        holder = core.holder
        try:
            core.take(me)
            self._check_exclusive()
            return self._run(max_rounds, lib.disco_sched_run)
        finally:
            # Nothing here that looks for signals.
            if holder and holder[0] is me:
                del holder[0]

    def run_cpu(self, cpu: Optional[int] = None, max_slices: int = 0) \
            -> Tuple[Optional[VCPU], Exit]:
        """As run(), but only on one machine CPU, or slice by slice on whichever
        has work (None); several threads may do this at a time.  (None, IDLE)
        when this one has nothing to run: Machine(wake=...) tells when to call
        again."""
        core = self._core
        drivers = core.drivers
        begun = False
        which = lib.DISCO_SCHED_ANY_CPU if cpu is None else cpu
        try:
            core.begin_drive()
            begun = True
            self._check_exclusive()
            return self._run(max_slices, lib.disco_sched_run_cpu, which)
        finally:
            if begun:
                drivers.pop()

    def _check_exclusive(self) -> None:
        for vcpu_core in self._core.cores:
            if vcpu_core.parent.exclusive:
                raise vcpu_core.busy_error("its VM is being changed")

    def _run(self, max_rounds: int, function, *which) \
            -> Tuple[Optional[VCPU], Exit]:
        core = self._core
        out = ffi.new("disco_vcpu **")
        exit = ffi.new("disco_exit *", {"size": ffi.sizeof("disco_exit")})
        thread = get_ident()
        outer = running.get(thread)
        left = max_rounds
        while True:
            rounds = min(left, SLICE_ROUNDS) if max_rounds else SLICE_ROUNDS
            try:
                running[thread] = core
                status = self._get(function, *which, rounds, out, exit)
            finally:
                if outer is None:
                    del running[thread]
                else:
                    running[thread] = outer
            if pending:
                exc = take_pending(thread)
                if exc is not None:
                    raise exc
            if status:
                raise last_error(core.machine.addr, status)
            left -= rounds
            if out[0] or exit.reason != lib.DISCO_EXIT_BUDGET or \
                    (max_rounds and left <= 0):
                break
        found = core.machine.vcpus.get(out[0]) if out[0] else None
        vcpu = self._vcpus[found] if found is not None else None
        result = make_exit(exit, exit.ran_insns)
        if vcpu is not None:
            vcpu.last_exit = result
        return vcpu, result

    def pass_time(self, ns: int) -> None:
        """Let `ns` of virtual time pass in every VM (all idle)."""
        self._call(lib.disco_sched_pass, ns)

    def loop(self, idle: Optional[Callable[[Optional[float]], bool]] = None,
             between: Optional[Callable[[], None]] = None) \
            -> Tuple[Optional[VCPU], Exit]:
        """Run until a vCPU leaves with a reason for the host, in virtual time:
        when all are idle, time jumps to the next event.

        idle     called before the jump with its length in seconds, or with None
                 when only an outside event can help.  It may wait, to keep step
                 with the host.  False ends the loop with (None, IDLE).
                 Without it only the lack of events does.
        between  called every few rounds, to feed consoles for example
        """
        while True:
            vcpu, exit = self.run(SLICE_ROUNDS)
            if between is not None:
                between()
            if exit.reason == ExitReason.IDLE:
                ns = exit.until_ns
                if idle is None:
                    go_on = ns is not None
                else:
                    go_on = idle(None if ns is None else ns / 1e9)
                if not go_on:
                    return None, exit
                if ns is not None:
                    self.pass_time(ns)
            elif vcpu is not None:
                return vcpu, exit
