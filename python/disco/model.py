"""The ccNUMA cost model: parameters in, ledgers out."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict

from ._raw import ffi, lib
from .constants import Trap

__all__ = ["ModelCpuStats", "ModelNodeStats", "MODEL_NOTHING"]

#: A cost of zero; 0 is the default.
MODEL_NOTHING: int = lib.DISCO_MODEL_NOTHING

PAGE_ACTIONS = {"migrate": lib.DISCO_PAGE_MIGRATE,
                "replicate": lib.DISCO_PAGE_REPLICATE,
                "collapse": lib.DISCO_PAGE_COLLAPSE,
                "cow_break": lib.DISCO_PAGE_BREAK,
                "zero": lib.DISCO_PAGE_ZERO}
assert len(PAGE_ACTIONS) == lib.DISCO_PAGE_ACTIONS

# Entries of a ledger below the monitor's, with their places; the monitor's
# begin at DISCO_LEDGER_TRAP and DISCO_LEDGER_PAGE.
_FIRST = [lib.DISCO_LEDGER_USER, lib.DISCO_LEDGER_KERNEL,
          lib.DISCO_LEDGER_STALL_LOCAL, lib.DISCO_LEDGER_STALL_REMOTE,
          lib.DISCO_LEDGER_QUEUE, lib.DISCO_LEDGER_SYNC,
          lib.DISCO_LEDGER_IDLE, lib.DISCO_LEDGER_CLOCK]
assert _FIRST == list(range(8)) and lib.DISCO_LEDGER_TRAP == 16
assert lib.DISCO_LEDGER_PAGE == 32

LEDGER = {}
for _i in range(lib.DISCO_LEDGER_ENTRIES):
    _name = lib.disco_ledger_name(_i)
    if _name:
        LEDGER[ffi.string(_name).decode()] = _i


@dataclass(frozen=True)
class ModelCpuStats:
    """A CPU under the model.  `ledger` goes by name ("stall_local",
    "trap_tlb_write"), in cycles; its sum is `cycles`."""
    node: int
    cycles: int
    accesses: int
    miss_local: int
    miss_remote: int
    miss_dirty: int
    upgrades: int
    writebacks: int
    invalidated: int
    ledger: Dict[str, int]


@dataclass(frozen=True)
class ModelNodeStats:
    """A node's memory controller."""
    served: int
    from_remote: int
    busy_ns: int
    queue_ns: int


def ledger_from(entries) -> Dict[str, int]:
    return {name: entries[i] for name, i in LEDGER.items()}


def config_struct(*, cache_bytes=0, ways=0, line_bytes=0, local_ns=0,
                  remote_ns=0, service_ns=0, dirty_ns=0, invalidate_ns=0,
                  upgrade_percent=0, uma=False, free_monitor=False,
                  trap_ns=None, page_ns=None):
    """A disco_model_config; trap_ns goes by Trap, page_ns by name."""
    config = ffi.new("disco_model_config *", {
        "size": ffi.sizeof("disco_model_config"),
        "flags": (lib.DISCO_MODEL_UMA if uma else 0) |
                 (lib.DISCO_MODEL_FREE_MONITOR if free_monitor else 0),
        "cache_bytes": cache_bytes, "ways": ways, "line_bytes": line_bytes,
        "local_ns": local_ns, "remote_ns": remote_ns,
        "service_ns": service_ns, "dirty_ns": dirty_ns,
        "invalidate_ns": invalidate_ns, "upgrade_percent": upgrade_percent})
    for trap, ns in (trap_ns or {}).items():
        config.trap_ns[Trap(trap)] = ns
    for name, ns in (page_ns or {}).items():
        config.page_ns[PAGE_ACTIONS[name]] = ns
    return config


def config_from(config) -> dict:
    names = ("cache_bytes", "ways", "line_bytes", "local_ns", "remote_ns",
             "service_ns", "dirty_ns", "invalidate_ns", "upgrade_percent")
    values = {name: getattr(config, name) for name in names}
    values["uma"] = bool(config.flags & lib.DISCO_MODEL_UMA)
    values["free_monitor"] = bool(config.flags & lib.DISCO_MODEL_FREE_MONITOR)
    values["trap_ns"] = {t: config.trap_ns[t] for t in Trap}
    values["page_ns"] = {n: config.page_ns[i] for n, i in PAGE_ACTIONS.items()}
    return values
