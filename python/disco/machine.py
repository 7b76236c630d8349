"""The machine: nodes, machine memory, CPUs, clock, host services."""
from __future__ import annotations

import logging
from typing import Any, Callable, Dict, List, Optional, Union

from . import _callbacks  # noqa: F401  defines the callbacks
from ._native import Closable, Core, Record
from ._raw import ffi, lib
from .constants import LogLevel
from .errors import error_from_struct
from .model import (ModelCpuStats, ModelNodeStats, config_from, config_struct)
from .numa import Topology
from .placement import PlacementMixin
from .stats import (CacheStats, Code, CodeStats, Footprint, MachineStats, MoveStats, NodeStats,
                    from_struct)

__all__ = ["Machine", "version", "capability"]

LogFn = Callable[[LogLevel, str, str], None]

_LOGGING = {LogLevel.ERROR: logging.ERROR, LogLevel.WARN: logging.WARNING,
            LogLevel.INFO: logging.INFO, LogLevel.DEBUG: logging.DEBUG}


def version() -> tuple:
    """Version of the library: (major, minor, patch)."""
    number = lib.disco_version()
    return number >> 16, number >> 8 & 0xff, number & 0xff


#: Version of the headers that this package was built with.
HEADER_VERSION = (lib.DISCO_VERSION >> 16, lib.DISCO_VERSION >> 8 & 0xff,
                  lib.DISCO_VERSION & 0xff)


def capability(cap: int) -> int:
    """Value of a Capability: 0 absent, else 1 or a count."""
    return lib.disco_cap(cap)


class MachineCore(Core):
    __slots__ = ("dependents", "vcpus", "requests")

    def __init__(self, ptr) -> None:
        super().__init__("machine", ptr, lib.disco_machine_destroy)
        self.dependents: List[DependentCore] = []
        self.vcpus: Dict[Any, Core] = {}  # by C pointer, of all VMs
        self.requests: List[None] = []  # counts open block requests

    def close(self) -> bool:
        # A block request must not outlive the machine.
        if self.requests:
            raise self.busy_error("block requests are open")
        for core in sorted(self.dependents, key=lambda core: core.rank):
            core.close()
        return super().close()


class DependentCore(Core):
    """What must end before its machine, in the order of `rank`."""

    __slots__ = ("rank",)

    def __init__(self, what: str, ptr, destroy, machine: MachineCore,
                 rank: int) -> None:
        super().__init__(what, ptr, destroy, machine=machine)
        self.rank = rank
        machine.dependents.append(self)

    def after_destroy(self) -> None:
        try:
            self.machine.dependents.remove(self)
        except ValueError:
            pass


def _log_function(log: Union[LogFn, logging.Logger]) -> LogFn:
    if not isinstance(log, logging.Logger):
        def call(level: int, domain: str, text: str) -> None:
            log(LogLevel(level), domain, text)
        return call

    def to_logger(level: int, domain: str, text: str) -> None:
        log.log(_LOGGING[LogLevel(level)], "%s: %s", domain, text)
    return to_logger


class Machine(PlacementMixin, Closable):
    """A machine with NUMA nodes; VMs live on it.

    nodes, cpus_per_node, node_bytes   its shape (0: the library's defaults)
    topology       instead of the two counts: a Topology, or its text
    host_nodes     memory comes from the host's NUMA nodes (needs hwloc)
    deterministic  repeats to the bit: one running vCPU at a time, virtual time
    verify         consistency walks after every call (slow)
    log            called with (LogLevel, domain, text), or a logging.Logger
    clock          host clock in ns that never goes back; None = virtual time
    wake           called with a VCPU that became runnable; may only wake the
                   host's loop
    cache_bytes    memory for disk blocks that no VM maps (0: an eighth; 1: none)
    code_cache_bytes   host memory for translated code (0: 32 MiB; 1: no JIT)
    translate_at_run   runs of a block until it is translated (0: 5)
    allocator      a C disco_allocator (a cdata pointer); None = malloc and mmap

    close() closes its VMs, subnets, schedulers and unused back ends first.
    """

    __slots__ = ("_keep", "_cpus", "_watch")
    _core: MachineCore

    def __init__(self, *, nodes: int = 1, cpus_per_node: int = 1,
                 node_bytes: int = 0,
                 topology: Union[Topology, str, None] = None,
                 host_nodes: bool = False, deterministic: bool = False,
                 verify: bool = False,
                 log: Union[LogFn, logging.Logger, None] = None,
                 clock: Optional[Callable[[], int]] = None,
                 wake: Optional[Callable[..., None]] = None, seed: int = 0,
                 cpu_hz: int = 0, cache_bytes: int = 0,
                 code_cache_bytes: int = 0, translate_at_run: int = 0,
                 allocator: Any = None) -> None:
        vcpus: Dict[Any, Core] = {}

        def find(ptr):
            core = vcpus.get(ptr)
            vm = core.parent.owner() if core is not None else None
            return vm._find_vcpu(ptr) if vm is not None else None

        shape = None
        if topology is not None:
            if isinstance(topology, str):
                topology = Topology.parse(topology)
            shape = topology._to_struct()
            # What stands for "one each" is no contradiction.
            nodes = 0 if nodes == 1 else nodes
            cpus_per_node = 0 if cpus_per_node == 1 else cpus_per_node
        record = Record(clock=clock, wake=wake, find=find, last_ns=0,
                        log=_log_function(log) if log else None)
        handle = record.handle()
        config = ffi.new("disco_machine_config *", {
            "size": ffi.sizeof("disco_machine_config"),
            "flags": (lib.DISCO_MACHINE_DETERMINISTIC if deterministic else 0)
            | (lib.DISCO_MACHINE_VERIFY if verify else 0)
            | (lib.DISCO_MACHINE_HOST_NODES if host_nodes else 0),
            "nodes": nodes, "cpus_per_node": cpus_per_node,
            "node_bytes": node_bytes, "seed": seed, "cpu_hz": cpu_hz,
            "cache_bytes": cache_bytes,
            "code_cache_bytes": code_cache_bytes,
            "translate_at_run": translate_at_run,
        })
        if shape is not None:
            config.topology = shape
        config.log_opaque = config.clock_opaque = config.wake_opaque = handle
        if log:
            config.log = lib.disco_py_log_fn
        if clock:
            config.now_ns = lib.disco_py_machine_config_now_ns
        if wake:
            config.wake = lib.disco_py_machine_config_wake
        if allocator is not None:
            config.allocator = allocator
        out = ffi.new("disco_machine **")
        err = ffi.new("disco_error *", {"size": ffi.sizeof("disco_error")})
        status = lib.disco_machine_create(config, out, err)
        if status:
            raise error_from_struct(status, err)
        self._keep = [handle, allocator]
        self._watch: List[Any] = []
        core = MachineCore(out[0])
        core.vcpus = vcpus
        self._own(core)
        self._cpus = self.stats().cpus

    def __repr__(self) -> str:
        return f"<Machine {'closed' if self.closed else self.ptr}>"

    # --- What lives on it ---------------------------------------------------

    def create_vm(self, name: Optional[str] = None, **config) -> "VM":
        """VM(self, name, ...)."""
        return VM(self, name, **config)

    def create_subnet(self) -> "Subnet":
        """A learning Ethernet subnet for network devices of any VMs."""
        return Subnet(self)

    def create_scheduler(self, **config) -> "Scheduler":
        """Scheduler(self, ...)."""
        return Scheduler(self, **config)

    def open_disk(self, path, *, readonly: bool = False) -> "FileDisk":
        """A raw file as a disk: FileDisk(self, path, ...)."""
        return FileDisk(self, path, readonly=readonly)

    def open_image(self, source) -> "DiskImage":
        """A raw file or BlockBackend under disks: DiskImage(self, source)."""
        return DiskImage(self, source)

    @property
    def vms(self) -> List["VM"]:
        """Its VMs, in the order of their creation."""
        owners = [core.owner() for core in list(self._core.dependents)
                  if isinstance(core, VmCore)]
        return [vm for vm in owners if vm is not None]

    # --- Figures ------------------------------------------------------------

    @property
    def cpu_hz(self) -> int:
        """vCPU clock of virtual time; Count runs at half of it."""
        return self._get(lib.disco_machine_cpu_hz)

    @property
    def seed(self) -> int:
        """Of every random decision."""
        return self._get(lib.disco_machine_seed)

    @property
    def nodes(self) -> int:
        return self.stats().nodes

    @property
    def cpus(self) -> int:
        return self._cpus

    def stats(self) -> MachineStats:
        return from_struct(MachineStats, self._struct(
            lib.disco_machine_stats_get, "disco_machine_stats"))

    def footprint(self) -> Footprint:
        """All VMs' pages, and the frames behind them, each counted once."""
        return from_struct(Footprint, self._struct(
            lib.disco_machine_footprint, "disco_footprint"))

    def move_stats(self) -> MoveStats:
        """What migrations, replications and copy-on-write cost so far."""
        return from_struct(MoveStats, self._struct(
            lib.disco_move_stats_get, "disco_move_stats"))

    def create_page(self, data=None, node: int = 0) -> "Page":
        """A new page with this content (4096 bytes, None = zeroes)."""
        out = ffi.new("disco_page *")
        content = ffi.NULL if data is None else ffi.from_buffer(data)
        if data is not None and len(content) != 4096:
            raise ValueError("a page has 4096 bytes")
        self._call(lib.disco_page_create, node, content, out)
        return Page(self, out[0])

    def cache_stats(self) -> CacheStats:
        """The block cache and all disks over it."""
        return from_struct(CacheStats, self._struct(
            lib.disco_cache_stats_get, "disco_cache_stats"))

    def code_stats(self) -> CodeStats:
        """What was translated so far, for all vCPUs."""
        return from_struct(CodeStats, self._struct(
            lib.disco_machine_code_stats, "disco_code_stats"))

    def watch_code(self, show: Optional[Callable[[Code], None]],
                   text: bool = False) -> None:
        """Call show(code) for everything that is translated from now on; None:
        no more.  Called while the library holds locks: it may not use it.
        text: tell how the code was made, too."""
        handle = Record(show=show).handle() if show else ffi.NULL
        # When it raises, it is not known which of them the library has.
        self._watch.append(handle)
        self._call(lib.disco_machine_watch_code,
                   lib.DISCO_CODE_WITH_TEXT if show and text else 0,
                   lib.disco_py_code_fn if show else ffi.NULL, handle)
        del self._watch[:-1]

    def node_stats(self, node: int) -> NodeStats:
        return from_struct(NodeStats, self._struct(
            lib.disco_node_stats_get, "disco_node_stats", node))

    def topology(self) -> Topology:
        """Its nodes, with every value as it is used."""
        return Topology._from_struct(self._struct(
            lib.disco_machine_topology, "disco_topology"))

    def cpu_node(self, cpu: int) -> int:
        """Node of a machine CPU."""
        out = ffi.new("uint32_t *")
        self._call(lib.disco_machine_cpu_node, cpu, out)
        return out[0]

    # --- The ccNUMA model ---------------------------------------------------

    def set_model(self, **parameters) -> None:
        """Run under a cost model: cache_bytes, ways, line_bytes, local_ns,
        remote_ns, service_ns, dirty_ns, invalidate_ns, upgrade_percent, uma,
        free_monitor, trap_ns and page_ns (dictionaries); 0 is the default,
        MODEL_NOTHING a cost of zero.  From then on one vCPU runs at a time."""
        self._call(lib.disco_machine_set_model, config_struct(**parameters))

    def drop_model(self) -> None:
        """No cost model any more."""
        self._call(lib.disco_machine_set_model, ffi.NULL)

    def model(self) -> dict:
        """Its parameters, every value as it is used; NotFoundError when there
        is no model."""
        return config_from(self._struct(lib.disco_machine_get_model,
                                        "disco_model_config"))

    def model_cpu(self, cpu: int) -> ModelCpuStats:
        return from_struct(ModelCpuStats, self._struct(
            lib.disco_model_cpu_get, "disco_model_cpu_stats", cpu))

    def model_node(self, node: int) -> ModelNodeStats:
        return from_struct(ModelNodeStats, self._struct(
            lib.disco_model_node_get, "disco_model_node_stats", node))

    def verify(self) -> None:
        """Check that the library's tables agree; InternalError if not."""
        self._call(lib.disco_machine_verify)


# At the end: these modules need the classes above.
from .backends import FileDisk, Subnet  # noqa: E402
from .memory import Page  # noqa: E402
from .images import DiskImage  # noqa: E402
from .sched import Scheduler  # noqa: E402
from .vm import VM, VmCore  # noqa: E402
