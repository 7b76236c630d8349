"""The ready-made scheduler: round robin on the calling thread."""
from __future__ import annotations

import weakref
from threading import get_ident
from typing import Callable, Dict, List, Optional, Tuple

from ._native import Closable, pending, raise_pending, running, take_pending
from ._raw import ffi, lib
from .constants import ExitReason
from .errors import NotFoundError, last_error
from .machine import DependentCore, Machine
from .vcpu import VCPU, Exit, VcpuCore, make_exit

__all__ = ["Scheduler"]

#: Rounds between two looks at Python's signals.
SLICE_ROUNDS = 8


class SchedulerCore(DependentCore):
    """holder: who runs or changes it, under one key.  Nobody waits for that.
    A VM that is to be changed looks at the holders of its schedulers."""

    __slots__ = ("holder", "cores", "owner")

    def __init__(self, ptr, machine, owner) -> None:
        super().__init__("scheduler", ptr, lib.disco_sched_destroy, machine, 0)
        self.holder: Dict[int, object] = {}
        self.cores: List[VcpuCore] = []
        self.owner = weakref.ref(owner)

    def interrupt(self) -> None:
        """A callback raised: the rounds under way are short enough."""

    def take(self, me: object) -> None:
        if self.holder.setdefault(0, me) is not me:
            raise self.busy_error("it runs")

    def give(self, me: object) -> None:
        if self.holder and self.holder[0] is me:
            del self.holder[0]

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


class Scheduler(Closable):
    """Runs vCPUs of any VMs of a machine in turn.

    quantum    instructions of a turn; 0 = 20000
    first_cpu, cpus   which machine CPUs; cpus 0 = all

    A vCPU that is closed leaves its schedulers.
    """

    __slots__ = ("machine", "_vcpus")
    _core: SchedulerCore

    def __init__(self, machine: Machine, *, quantum: int = 0,
                 first_cpu: int = 0, cpus: int = 0) -> None:
        config = ffi.new("disco_sched_config *", {
            "size": ffi.sizeof("disco_sched_config"),
            "quantum_insns": quantum, "first_cpu": first_cpu, "cpus": cpus})
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
            for vcpu_core in core.cores:
                if vcpu_core.parent.exclusive:
                    raise vcpu_core.busy_error("its VM is being changed")
            return self._run(max_rounds)
        finally:
            # Nothing here that looks for signals.
            if holder and holder[0] is me:
                del holder[0]

    def _run(self, max_rounds: int) -> Tuple[Optional[VCPU], Exit]:
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
                status = self._get(lib.disco_sched_run, rounds, out, exit)
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
