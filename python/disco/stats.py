"""Figures, as frozen dataclasses.  dataclasses.asdict() makes dicts of them."""
from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Dict, Optional, Tuple

from ._raw import ffi
from .constants import (CodeKind, ExitReason, NetCopy, Order, PageFlags, PageKind,
                        PlaceAction, Refusal, RegionKind, Trap)
from .model import ledger_from

__all__ = ["Code", "CodeStats", "Footprint", "FootprintKind", "MachineStats", "CacheStats", "MoveCost", "MoveStats", "NodeStats", "VmStats",
           "VcpuStats", "NicStats", "SubnetStats", "PortStats", "RegionInfo",
           "PageInfo", "ImageInfo", "SchedCpuStats", "SchedVcpuStats",
           "PlacementStats", "PlacementEvent", "PageCounters"]


@dataclass(frozen=True)
class MachineStats:
    vms: int
    nodes: int
    cpus: int
    frames_total: int
    frames_used: int
    shootdowns: int
    shootdown_waits: int
    shootdown_ns: int
    host_bytes: int


@dataclass(frozen=True)
class FootprintKind:
    """A disco_footprint_kind."""
    virtual_bytes: int
    machine_bytes: int


@dataclass(frozen=True)
class Footprint:
    """What VMs believe to use, and what the machine uses; `kind` by PageKind."""
    nodes: int
    kind: Dict[PageKind, FootprintKind]
    shared_bytes: int
    unshared_bytes: int
    replica_bytes: int
    cached_bytes: int
    node_bytes: Tuple[int, ...]
    engine_bytes: int


@dataclass(frozen=True)
class MoveCost:
    """What one kind of page operation cost so far, in host time."""
    count: int
    shootdown_ns: int
    copy_ns: int
    total_ns: int


@dataclass(frozen=True)
class MoveStats:
    migrate: MoveCost
    replicate: MoveCost
    collapse: MoveCost
    cow: MoveCost
    replicas: int


@dataclass(frozen=True)
class CacheStats:
    """The block cache and all disks; blocks are of 4096 bytes."""
    images: int
    limit_blocks: int
    blocks: int
    hits: int
    misses: int
    waits: int
    evictions: int
    read_blocks: int
    private_blocks: int
    mapped_bytes: int
    copied_unaligned_bytes: int
    copied_short_bytes: int
    copied_refused_bytes: int


@dataclass(frozen=True)
class CodeStats:
    """Translated code of a machine."""
    blocks: int
    translated_insns: int
    translate_ns: int
    regions: int
    region_insns: int
    region_ns: int
    code_bytes: int
    pages: int
    pages_shared: int
    evictions: int
    refusals: int
    held_bytes: int


@dataclass(frozen=True)
class Code:
    """A disco_code, a piece of translated code: `code` runs at the host address `host`.
    `name` is of a common routine; `text` tells how it was made."""
    kind: CodeKind
    gva: int
    insns: int
    host: int
    code: bytes
    name: Optional[str]
    text: Optional[str]


@dataclass(frozen=True)
class NodeStats:
    cpus: int
    frames_total: int
    frames_used: int
    alloc_local: int
    alloc_remote: int
    sampled_local: int
    sampled_remote: int


@dataclass(frozen=True)
class VmStats:
    vcpus: int
    ram_bytes: int
    frames: int
    demand_zero: int
    released: int
    migrated: int
    pins: int
    dma_read_bytes: int
    dma_write_bytes: int
    host_calls: int
    cow_breaks: int
    cow_upgrades: int
    mapped_in: int
    zeroed: int
    remapped: int
    joined: int


@dataclass(frozen=True)
class VcpuStats:
    """`exits` and `traps` go by name ("budget", "tlb_miss"), `exceptions` by
    ExcCode."""
    cpu: int
    insns: int
    user_insns: int
    exits: Dict[str, int]
    exceptions: Tuple[int, ...]
    tlb_refills: int
    l2tlb_hits: int
    interrupts: int
    mmio_reads: int
    mmio_writes: int
    moncalls: int
    idles: int
    traps: Dict[str, int]


@dataclass(frozen=True)
class NicStats:
    """`rx_copied_bytes` goes by the name of the reason (NetCopy)."""
    tx_frames: int
    tx_bytes: int
    rx_frames: int
    rx_bytes: int
    rx_dropped: int
    errors: int
    tx_bad_offload: int
    rx_segments: int
    rx_checksums: int
    rx_remapped_bytes: int
    rx_copied_bytes: Dict[str, int]


@dataclass(frozen=True)
class SubnetStats:
    ports: int
    frames: int
    bytes: int
    flooded: int
    dropped: int
    refused: int


@dataclass(frozen=True)
class PortStats:
    mac: bytes
    sent_frames: int
    sent_bytes: int
    flooded: int
    refused: int
    refused_rate: int
    taken_frames: int
    taken_bytes: int
    dropped: int
    remapped_bytes: int
    copied_bytes: int


@dataclass(frozen=True)
class SchedCpuStats:
    """A machine CPU of a scheduler; times are modelled."""
    queued: int
    busy_ns: int
    idle_ns: int
    slices: int
    switches: int
    moved_near: int
    moved_far: int


@dataclass(frozen=True)
class SchedVcpuStats:
    """A vCPU in a scheduler."""
    cpu: int
    run_ns: int
    run_insns: int
    slices: int
    idles: int
    wakes: int
    waited: int
    moved_near: int
    moved_far: int


@dataclass(frozen=True)
class RegionInfo:
    kind: RegionKind
    gpa: int
    bytes: int
    key: str


@dataclass(frozen=True)
class PageInfo:
    flags: PageFlags
    node: int
    kind: PageKind
    mfn: int
    mappings: int
    holds: int
    copies: int


@dataclass(frozen=True)
class PlacementStats:
    """`refused` goes by name ("full")."""
    pages: int
    samples: int
    ticks: int
    intervals: int
    hot: int
    hot_lost: int
    evicted: int
    migrations: int
    replications: int
    collapses: int
    broken: int
    frozen: int
    thawed: int
    refused: Dict[str, int]


@dataclass(frozen=True)
class PlacementEvent:
    serial: int
    now_ns: int
    page: int
    action: PlaceAction
    refused: Refusal
    from_node: int
    to_node: int
    moves: int


@dataclass(frozen=True)
class PageCounters:
    """Of the present interval, by node."""
    moves: int
    frozen: bool
    reads: Tuple[int, ...]
    writes: Tuple[int, ...]


@dataclass(frozen=True)
class ImageInfo:
    """What an ELF file is."""
    bits: int
    order: Order
    entry: int
    low_gpa: int
    high_gpa: int


# Fields that are more than a number.
_CONVERT = {
    ("VcpuStats", "exits"):
        lambda v: {r.name.lower(): v[r] for r in ExitReason},
    ("VcpuStats", "exceptions"): tuple,
    ("NicStats", "rx_copied_bytes"):
        lambda v: {r.name.lower(): v[r] for r in NetCopy},
    ("PortStats", "mac"): lambda v: bytes(v)[:6],
    ("VcpuStats", "traps"): lambda v: {t.name.lower(): v[t] for t in Trap},
    ("ModelCpuStats", "ledger"): ledger_from,
    ("RegionInfo", "kind"): RegionKind,
    ("RegionInfo", "key"): lambda v: ffi.string(v).decode("utf-8", "replace"),
    ("PageInfo", "flags"): PageFlags,
    ("PageInfo", "kind"): PageKind,
    ("ImageInfo", "order"): Order,
    ("PlacementStats", "refused"):
        lambda v: {r.name.lower(): v[r] for r in Refusal if r},
    ("PlacementEvent", "action"): PlaceAction,
    ("PlacementEvent", "refused"): Refusal,
    ("PageCounters", "frozen"): bool,
    ("PageCounters", "reads"): tuple,
    ("PageCounters", "writes"): tuple,
}


def _cost(value):
    return from_struct(MoveCost, value)  # a disco_move_cost


for _name in ("migrate", "replicate", "collapse", "cow"):
    _CONVERT[("MoveStats", _name)] = _cost


_CONVERT[("Footprint", "kind")] = lambda v: {
    kind: from_struct(FootprintKind, v[kind]) for kind in PageKind if kind}
_CONVERT[("Footprint", "node_bytes")] = tuple


def from_struct(cls, struct):
    values = {}
    for field in fields(cls):
        value = getattr(struct, field.name)
        convert = _CONVERT.get((cls.__name__, field.name))
        values[field.name] = convert(value) if convert else value
    return cls(**values)
