"""Placement of pages: counters, policies, and what the engine did."""
from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Callable, List, Optional, Tuple, Union

from . import _callbacks  # noqa: F401  defines the callbacks
from ._native import Record
from ._raw import ffi, lib
from .constants import PlaceAction, Refusal
from .stats import PageCounters, PlacementEvent, PlacementStats, from_struct

__all__ = ["PolicyParams", "PolicyPage", "PolicyFrame", "Policy",
           "POLICY_NO_WRITE", "decide"]

#: For PolicyParams.write: a shared page that is written at all stays.
POLICY_NO_WRITE: int = lib.DISCO_POLICY_NO_WRITE


@dataclass(frozen=True)
class PolicyParams:
    """Thresholds; 0 = the default.  disco/numa.h says what each means."""
    trigger: int = 0
    sharing: int = 0
    write: int = 0
    migrate: int = 0
    freeze: int = 0
    thaw: int = 0
    reset_ns: int = 0

    def defaults(self) -> "PolicyParams":
        """The same with every value as it is used."""
        struct = self._to_struct()
        lib.disco_policy_defaults(struct)
        return PolicyParams._from_struct(struct)

    @classmethod
    def _from_struct(cls, struct) -> "PolicyParams":
        return cls(*(getattr(struct, f.name) for f in fields(cls)))

    def _to_struct(self):
        struct = ffi.new("disco_policy_params *",
                         {f.name: getattr(self, f.name) for f in fields(self)})
        struct.size = ffi.sizeof("disco_policy_params")
        return struct


@dataclass(frozen=True)
class PolicyPage:
    """A hot page as a policy sees it; copies and pressed are bit masks."""
    node: int
    copies: int
    reads: Tuple[int, ...]
    writes: Tuple[int, ...]
    moves: int = 0
    interval_moves: int = 0
    pressed: int = 0

    @property
    def nodes(self) -> int:
        return len(self.reads)

    @classmethod
    def _from_struct(cls, p) -> "PolicyPage":
        n = p.nodes
        return cls(p.node, p.copies, tuple(p.reads[0:n]), tuple(p.writes[0:n]),
                   p.moves, p.interval_moves, p.pressed)


@dataclass(frozen=True)
class PolicyFrame:
    """A page about to get its first frame: disco_policy_frame."""
    nodes: int
    node: int
    home: int
    gpa: int
    serial: int

    @classmethod
    def _from_struct(cls, f) -> "PolicyFrame":
        return cls(f.nodes, f.node, f.home, f.gpa, f.serial)


class Policy:
    """A policy of one's own, for Machine.start_placement.

    place(frame) -> node                        None: the vCPU's node
    decide(params, page) -> (PlaceAction, node) None: never anything; may
                                                return a PlaceAction alone
    """

    def __init__(self, name: str = "python", *,
                 place: Optional[Callable[[PolicyFrame], int]] = None,
                 decide: Optional[Callable] = None) -> None:
        self.name = name
        self.place = place
        self.decide = decide

    def _to_struct(self):
        name = ffi.new("char[]", self.name.encode())
        ops = ffi.new("disco_policy_ops *",
                      {"size": ffi.sizeof("disco_policy_ops"), "name": name})
        if self.place:
            ops.place = lib.disco_py_policy_ops_place
        if self.decide:
            ops.decide = lib.disco_py_policy_ops_decide

        def ask(params, page):
            answer = self.decide(PolicyParams._from_struct(params),
                                 PolicyPage._from_struct(page))
            return answer if isinstance(answer, tuple) else (answer, page.node)

        record = Record(
            place=lambda f: self.place(PolicyFrame._from_struct(f)),
            decide=ask)
        return ops, record.handle(), (name, record)


def decide(policy: str, params: PolicyParams,
           page: PolicyPage) -> Tuple[PlaceAction, int]:
    """What one of the library's policies says to a page."""
    ops = lib.disco_policy_find(policy.encode())
    if not ops:
        raise ValueError(f"no policy {policy}")
    if not ops.decide:
        return PlaceAction.NONE, page.node
    reads = ffi.new("uint32_t[]", page.reads)
    writes = ffi.new("uint32_t[]", page.writes)
    struct = ffi.new("disco_policy_page *", {
        "size": ffi.sizeof("disco_policy_page"), "nodes": page.nodes,
        "node": page.node, "moves": page.moves,
        "interval_moves": page.interval_moves, "copies": page.copies,
        "pressed": page.pressed, "reads": reads, "writes": writes})
    node = ffi.new("uint32_t *", page.node)
    action = ops.decide(ffi.NULL, params.defaults()._to_struct(), struct, node)
    return PlaceAction(action), node[0]


class PlacementMixin:
    """Placement of a Machine's pages."""

    __slots__ = ()

    def start_placement(self, policy: Union[Policy, str] = "disco", *,
                        params: Optional[PolicyParams] = None,
                        sampling: bool = True, sample_cycles: int = 0,
                        sample_weight: int = 0, pages: int = 0,
                        tick_pages: int = 0, log_events: int = 0,
                        tick_ns: int = 0, rate: int = 0) -> None:
        """Begin to count and place pages: disco_placement_config."""
        config = ffi.new("disco_placement_config *", {
            "size": ffi.sizeof("disco_placement_config"),
            "flags": 0 if sampling else lib.DISCO_PLACEMENT_NO_SAMPLING,
            "sample_cycles": sample_cycles, "sample_weight": sample_weight,
            "pages": pages, "tick_pages": tick_pages,
            "log_events": log_events, "tick_ns": tick_ns, "rate": rate})
        keep: list = []
        if isinstance(policy, Policy):
            ops, handle, more = policy._to_struct()
            config.ops, config.opaque = ops, handle
            keep += [ops, handle, more]
        else:
            name = ffi.new("char[]", policy.encode())
            config.policy = name
            keep.append(name)
        if params is not None:
            struct = params._to_struct()
            config.params = struct
            keep.append(struct)
        self._call(lib.disco_placement_start, config)
        self._keep.append(keep)

    def stop_placement(self) -> None:
        self._call(lib.disco_placement_stop)

    def placement_tick(self, now_ns: int = 0) -> int:
        """Act on hot pages; the number of actions.  0 = the VMs' time."""
        acted = ffi.new("uint32_t *")
        self._call(lib.disco_placement_tick, now_ns, acted)
        return acted[0]

    def placement_stats(self) -> PlacementStats:
        return from_struct(PlacementStats, self._struct(
            lib.disco_placement_stats_get, "disco_placement_stats"))

    def placement_log(self, serial: int = 0,
                      count: int = 1024) -> List[PlacementEvent]:
        """Events from number `serial` on, oldest first."""
        at = ffi.new("uint64_t *", serial)
        out = ffi.new("disco_placement_event[]", count)
        got = ffi.new("uint32_t *")
        self._call(lib.disco_placement_log, at, out, count, got)
        return [from_struct(PlacementEvent, out[i]) for i in range(got[0])]


class CountersMixin:
    """Counts of a VM's pages."""

    __slots__ = ()

    def count_accesses(self, gpa: int, node: int, reads: int = 0,
                       writes: int = 0) -> None:
        """Accesses to a page by CPUs of a node, from counters of the host."""
        self._call(lib.disco_counters_add, gpa, node, reads, writes)

    def page_counters(self, gpa: int) -> PageCounters:
        return from_struct(PageCounters, self._struct(
            lib.disco_counters_get, "disco_page_counters", gpa))
