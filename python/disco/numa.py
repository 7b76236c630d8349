"""Nodes of a machine: what they hold and how far apart they are."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Tuple

from ._raw import ffi, lib
from .errors import error_from_struct

__all__ = ["Topology", "NODES_MAX", "NODE_CPUS_MAX"]

NODES_MAX: int = lib.DISCO_NODES_MAX
NODE_CPUS_MAX: int = lib.DISCO_NODE_CPUS_MAX


def _error():
    return ffi.new("disco_error *", {"size": ffi.sizeof("disco_error")})


def new_topology():
    return ffi.new("disco_topology *", {"size": ffi.sizeof("disco_topology")})


@dataclass(frozen=True)
class Topology:
    """Nodes with their CPUs and memory; for Machine(topology=).

    cpus       CPUs of each node
    bytes      memory of each node; 0 = Machine's node_bytes
    distance   a row for each node, 10 is local; empty = all equally far
    """
    cpus: Tuple[int, ...]
    bytes: Tuple[int, ...] = ()
    distance: Tuple[Tuple[int, ...], ...] = field(default=())

    @property
    def nodes(self) -> int:
        return len(self.cpus)

    @classmethod
    def parse(cls, text: str) -> "Topology":
        """From text in hwloc's synthetic spelling, like "NUMANode:4 PU:2"."""
        return cls._fill(lib.disco_topology_parse, text.encode())

    @classmethod
    def from_xml(cls, xml) -> "Topology":
        """From hwloc's XML."""
        data = xml.encode() if isinstance(xml, str) else bytes(xml)
        return cls._fill(lib.disco_topology_import_xml, data, len(data))

    @classmethod
    def of_host(cls) -> "Topology":
        """The host's own; UnsupportedError when built without hwloc."""
        return cls._fill(lib.disco_topology_import_host)

    @classmethod
    def _fill(cls, function, *args) -> "Topology":
        out, err = new_topology(), _error()
        status = function(*args, out, err)
        if status:
            raise error_from_struct(status, err)
        return cls._from_struct(out)

    @classmethod
    def _from_struct(cls, t: Any) -> "Topology":
        n = t.nodes
        rows = tuple(tuple(t.distance[i][j] for j in range(n))
                     for i in range(n))
        return cls(tuple(t.cpus[0:n]), tuple(t.bytes[0:n]), rows)

    def _to_struct(self):
        t = new_topology()
        n = t.nodes = self.nodes
        if n > NODES_MAX:
            return t  # refused by its number
        if len(self.bytes) not in (0, n) or len(self.distance) not in (0, n):
            raise ValueError("bytes and distance have an item for each node")
        t.cpus[0:n] = self.cpus
        if self.bytes:
            t.bytes[0:n] = self.bytes
        for i, row in enumerate(self.distance):
            t.distance[i][0:n] = row
        return t
