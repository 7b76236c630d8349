"""Disks over the machine's block cache: images, and disks that show them."""
from __future__ import annotations

import os
from typing import Any, List, Optional, Union

from ._native import Closable, Record
from ._raw import ffi, lib
from .backends import BlockBackend, BlockRequest, FileDisk, release_backend
from .constants import DiskMode
from .machine import DependentCore, Machine

__all__ = ["DiskImage", "Disk"]


class _SourceRecord(Record):
    """A BlockBackend below an image; lives until released."""

    def __init__(self, machine: Machine, backend: BlockBackend) -> None:
        super().__init__(backend=backend, machine=machine)
        self.requests = machine._core.requests
        self.own: Any = self.handle()

    def submit(self, cell: list) -> None:
        self.backend.submit(BlockRequest(self, cell))

    def released(self) -> None:
        self.own = None
        self.backend.release()


class DiskImage(Closable):
    """What disks show: a raw file or a BlockBackend.  Its blocks are cached in
    the machine's memory, for all disks of all VMs.

    A file that is open already is the same image.  Disks that are open keep it;
    the cache forgets its blocks when both it and they are closed.
    """

    __slots__ = ("machine", "source", "_keep")

    def __init__(self, machine: Machine,
                 source: Union[BlockBackend, str, os.PathLike]) -> None:
        out = ffi.new("disco_image **")
        self._keep: List[Any] = []
        if isinstance(source, BlockBackend):
            record = _SourceRecord(machine, source)
            struct = ffi.new("disco_block_backend *", {
                "size": ffi.sizeof("disco_block_backend"),
                "flags": lib.DISCO_BLOCK_READONLY if source.readonly else 0,
                "bytes": source.size, "opaque": record.own,
                "submit": lib.disco_py_block_backend_submit,
                "release": lib.disco_py_block_backend_release})
            machine._make(lib.disco_image_open_backend, struct, out)
            # Until the machine ends: disks may outlive this object.
            machine._keep.append(record.own)
        else:
            machine._make(lib.disco_image_open, os.fsencode(source), out)
        self.machine = machine
        self.source = source
        self._own(DependentCore("disk image", out[0], lib.disco_image_close,
                                machine._core, 2))

    @property
    def size(self) -> int:
        return self._get(lib.disco_image_bytes)

    def disk(self, mode: DiskMode = DiskMode.COW, *, node: int = 0) -> "Disk":
        """Disk(self, mode, ...)."""
        return Disk(self, mode, node=node)


class Disk(FileDisk):
    """A disk that shows an image.  Give it to one device, which closes it at
    its end; close() is for one that was not used.

    mode   DiskMode: READONLY and COW for any number of disks of the image, COW
           with changes of its own until it ends; EXCLUSIVE for one disk whose
           writes are in the image when they complete
    node   where its frames come from
    """

    __slots__ = ("image", "mode")

    def __init__(self, image: DiskImage, mode: DiskMode = DiskMode.COW, *,
                 node: int = 0, overlay: Optional[str] = None) -> None:
        keep = os.fsencode(overlay) if overlay is not None else None
        config = ffi.new("disco_disk_config *", {
            "size": ffi.sizeof("disco_disk_config"), "mode": mode,
            "node": node})
        text = ffi.new("char[]", keep) if keep is not None else ffi.NULL
        config.overlay = text
        out = ffi.new("disco_block_backend *",
                      {"size": ffi.sizeof("disco_block_backend")})
        image._call(lib.disco_disk_open, config, out)
        self.machine = image.machine
        self.path = image.source
        self.readonly = mode == DiskMode.READONLY
        self.image = image
        self.mode = DiskMode(mode)
        self._own(DependentCore("disk", out, release_backend,
                                image.machine._core, 1))
