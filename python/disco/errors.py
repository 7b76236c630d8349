"""Exceptions: one class for each negative status of the library."""
from __future__ import annotations

from typing import Dict, Optional, Type

from ._raw import ffi, lib

__all__ = [
    "DiscoError", "InvalidError", "NoMemoryError", "BusyError", "StateError",
    "RangeError", "ExistsError", "NotFoundError", "UnsupportedError",
    "ReentrantError", "VersionError", "CorruptError", "MismatchError",
    "CallbackError", "InternalError", "IoError", "FaultError",
    "PermissionDeniedError", "ClosedError", "BusError", "status_name",
    "status_text",
]


def status_name(status: int) -> str:
    """Name of a status, such as "DISCO_E_INVAL"."""
    return ffi.string(lib.disco_status_name(status)).decode()


def status_text(status: int) -> str:
    """What a status means, in general."""
    return ffi.string(lib.disco_status_text(status)).decode()


class DiscoError(Exception):
    """A call failed.  `text` names what and where.

    status  the library's number, as name too
    where   address, offset or index that belongs to the text, or 0
    """

    #: Status of this class.
    STATUS: int = lib.DISCO_E_INTERNAL

    def __init__(self, text: Optional[str] = None, *,
                 status: Optional[int] = None, where: int = 0) -> None:
        self.status = self.STATUS if status is None else status
        self.name = status_name(self.status)
        self.text = text or status_text(self.status)
        self.where = where
        super().__init__(self.text)


class InvalidError(DiscoError, ValueError):
    STATUS = lib.DISCO_E_INVAL


class NoMemoryError(DiscoError, MemoryError):
    STATUS = lib.DISCO_E_NOMEM


class BusyError(DiscoError):
    """In use now: a vCPU runs, pins are held, another thread is inside."""
    STATUS = lib.DISCO_E_BUSY


class StateError(DiscoError):
    STATUS = lib.DISCO_E_STATE


class RangeError(DiscoError, ValueError):
    STATUS = lib.DISCO_E_RANGE


class ExistsError(DiscoError):
    STATUS = lib.DISCO_E_EXISTS


class NotFoundError(DiscoError, LookupError):
    STATUS = lib.DISCO_E_NOENT


class UnsupportedError(DiscoError):
    STATUS = lib.DISCO_E_UNSUPPORTED


class ReentrantError(DiscoError):
    """Not allowed inside a callback."""
    STATUS = lib.DISCO_E_REENTRANT


class VersionError(DiscoError):
    STATUS = lib.DISCO_E_VERSION


class CorruptError(DiscoError):
    STATUS = lib.DISCO_E_CORRUPT


class MismatchError(DiscoError):
    STATUS = lib.DISCO_E_MISMATCH


class CallbackError(DiscoError):
    STATUS = lib.DISCO_E_CALLBACK


class InternalError(DiscoError):
    STATUS = lib.DISCO_E_INTERNAL


class IoError(DiscoError):
    STATUS = lib.DISCO_E_IO


class FaultError(DiscoError):
    """A guest address is not accessible; `where` is the first bad one."""
    STATUS = lib.DISCO_E_FAULT


class PermissionDeniedError(DiscoError):
    STATUS = lib.DISCO_E_PERM


class ClosedError(StateError, ValueError):
    """The object was closed."""


class BusError(Exception):
    """Raise this in a device's read or write: the guest takes a bus error."""


_CLASSES: Dict[int, Type[DiscoError]] = {
    cls.STATUS: cls for cls in (
        InvalidError, NoMemoryError, BusyError, StateError, RangeError,
        ExistsError, NotFoundError, UnsupportedError, ReentrantError,
        VersionError, CorruptError, MismatchError, CallbackError,
        InternalError, IoError, FaultError, PermissionDeniedError)
}


def make_error(status: int, text: Optional[str] = None,
               where: int = 0) -> DiscoError:
    cls = _CLASSES.get(status, DiscoError)
    return cls(text, status=status, where=where)


def error_from_struct(status: int, err) -> DiscoError:
    """From a disco_error that belongs to `status`, if it does."""
    if err.status != status:
        return make_error(status)
    text = ffi.string(err.text).decode("utf-8", "replace")
    return make_error(status, text, err.where)


def last_error(machine, status: int) -> DiscoError:
    """Error of a call that just failed below the machine (a C handle)."""
    err = ffi.new("disco_error *", {"size": ffi.sizeof("disco_error")})
    lib.disco_machine_last_error(machine, err)
    return error_from_struct(status, err)
