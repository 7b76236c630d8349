"""C handles: who uses them, when they end, and what callbacks raised.

Three promises to the rest of the package:

 - A closed handle is never passed to C.  Every call enters its handle's list of
   users before it reads the pointer; closing takes the pointer away first and
   then looks at the users.  Under the interpreter's lock one of the two sees
   the other.  Entering and leaving are single operations, which Ctrl-C cannot
   cut in two: no call among them, whose return would look for signals.
 - A Core refers to no object of the user, so it may live in a finalizer.  What
   callbacks need (Record) hangs on the public objects instead, where the
   garbage collector can follow it.
 - An exception in a callback surfaces from the call, on the same thread, that
   led to the callback; inside a run, from the run.
"""
from __future__ import annotations

import weakref
from threading import get_ident
from typing import Any, Callable, Dict, Iterator, List, Optional

from ._raw import ffi
from .errors import BusyError, ClosedError, DiscoError, last_error

MASK64 = 2 ** 64 - 1
ONE = (None,)  # users += ONE enters, del users[-1] leaves

# Exceptions of callbacks, by thread, until the call that caused them returns.
pending: Dict[int, List[BaseException]] = {}
# What runs on a thread now; has interrupt().
running: Dict[int, Any] = {}


def trap(_type, exc: BaseException, traceback) -> None:
    """onerror of every callback: keep the exception, end the run."""
    thread = get_ident()
    pending.setdefault(thread, []).append(exc.with_traceback(traceback))
    run = running.get(thread)
    if run is not None:
        run.interrupt()


def take_pending(thread: int) -> Optional[BaseException]:
    """The exception to raise, or None; further ones become its context."""
    caught = pending.pop(thread, None)
    if not caught:
        return None
    # Ctrl-C and exits win over errors.
    caught.sort(key=lambda exc: isinstance(exc, Exception))
    first = caught[0]
    tail = first
    for exc in caught[1:]:
        while tail.__context__ is not None and tail.__context__ is not exc:
            tail = tail.__context__
        if exc is not first:
            tail.__context__ = exc
    return first


def raise_pending() -> None:
    """After a call into C outside of a run."""
    thread = get_ident()
    if thread not in running:
        exc = take_pending(thread)
        if exc is not None:
            raise exc


class Core:
    """A C handle.

    destroy   ends it; None: dies with its parent
    parent    Core whose end ends this one too
    machine   Core of the machine, for error texts
    """

    __slots__ = ("what", "cell", "addr", "users", "parent", "machine",
                 "children", "destroy", "wrapper", "__weakref__")

    def __init__(self, what: str, ptr: Any,
                 destroy: Optional[Callable[[Any], Any]] = None,
                 parent: Optional["Core"] = None,
                 machine: Optional["Core"] = None) -> None:
        self.what = what
        self.cell = [ptr]  # empty: closed
        self.addr = ptr  # for those who know that it is not
        self.users: List[None] = []  # its length counts
        self.parent = parent
        self.machine = machine or self
        self.children: List[Core] = []
        self.destroy = destroy
        self.wrapper: Optional[weakref.ref] = None
        if parent is not None:
            parent.children.append(self)

    def closed_error(self) -> ClosedError:
        return ClosedError(f"{self.what} is closed")

    def busy_error(self, why: str = "it is in use") -> BusyError:
        return BusyError(f"{self.what}: {why}")

    def walk(self) -> Iterator["Core"]:
        yield self
        for child in list(self.children):
            yield from child.walk()

    def before_destroy(self) -> None:
        """May refuse with an exception."""

    def after_destroy(self) -> None:
        pass

    def close(self) -> bool:
        """End it.  False when it had ended already.  All or nothing."""
        taken = []
        for core in self.walk():
            try:
                taken.append((core, core.cell.pop()))
            except IndexError:
                if core is self:
                    return False
        try:
            if any(core.users for core, _ in taken):
                raise self.busy_error()
            self.before_destroy()
            status = self.destroy(taken[0][1]) if self.destroy else 0
            if status:
                raise last_error(self.machine.addr, status)
        except BaseException:
            for core, ptr in taken:
                core.cell.append(ptr)
            raise
        if self.parent is not None:
            try:
                self.parent.children.remove(self)
            except ValueError:
                pass
        self.after_destroy()
        return True

    def finalize(self) -> None:
        """Last resort, from the garbage collector: what fails is leaked."""
        try:
            self.close()
        except DiscoError:
            pass
        raise_pending()


class Handle:
    """Base of the public objects that stand for something in the library."""

    __slots__ = ("_core", "_finalizer", "__weakref__")
    _core: Core

    def _own(self, core: Core) -> None:
        """The object owns the handle: its last reference closes it."""
        self._core = core
        self._finalizer = weakref.finalize(self, core.finalize)

    @property
    def ptr(self) -> Any:
        """C handle for disco.raw.  Not protected against close()."""
        try:
            return self._core.cell[0]
        except IndexError:
            raise self._core.closed_error() from None

    @property
    def closed(self) -> bool:
        return not self._core.cell

    def _get(self, function, *args):
        """Call with the handle in front; the plain result."""
        core = self._core
        users = core.users
        users += ONE
        try:
            try:
                ptr = core.cell[0]
            except IndexError:
                raise core.closed_error() from None
            result = function(ptr, *args)
        finally:
            del users[-1]
        if pending:
            raise_pending()
        return result

    def _call(self, function, *args) -> None:
        """Call with the handle in front; a negative status is raised."""
        self._make(function, *args)
        if pending:
            raise_pending()

    def _make(self, function, *args) -> None:
        """As _call, for a call that makes something: what a callback raised
        stays pending, so that the caller can keep what was made."""
        core = self._core
        users = core.users
        users += ONE
        try:
            try:
                ptr = core.cell[0]
            except IndexError:
                raise core.closed_error() from None
            status = function(ptr, *args)
            if status:
                error = last_error(core.machine.addr, status)
        finally:
            del users[-1]
        if status:
            if pending:
                raise_pending()
            raise error

    def _struct(self, function, ctype: str, *args):
        """Call for an output struct that starts with its size."""
        out = ffi.new(ctype + " *")
        out.size = ffi.sizeof(ctype)
        self._call(function, *args, out)
        return out


class Closable(Handle):
    """A Handle with an end of its own."""

    __slots__ = ()

    def close(self) -> None:
        """End it.  A second close does nothing; further use raises
        ClosedError.  BusyError when it is in use now."""
        self._core.close()
        if pending:
            raise_pending()

    def __enter__(self):
        if self.closed:
            raise self._core.closed_error()
        return self

    def __exit__(self, *_exc) -> None:
        self.close()


class Record:
    """What a callback needs, behind the void pointer that C hands back.

    The void pointer is a cffi handle.  It keeps the record alive and is itself
    kept by the object whose end ends the callbacks.
    """

    __slots__ = ("__dict__", "__weakref__")

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def handle(self):
        return ffi.new_handle(self)


def keep_for(keep: dict, handle: Any, make: Callable[[], Any]) -> Any:
    """make(), which gives `handle` to C; kept from before until it fails or
    the object that has `keep` drops it.  make() raises DiscoError only when C
    refused: it uses _make, and the caller raise_pending() after this."""
    keep[handle] = handle
    try:
        return make()
    except DiscoError:
        # After any other exception (Ctrl-C) C may have it.
        keep.pop(handle, None)
        raise


def text_arg(text: Optional[str], keep: list):
    """A NUL-terminated copy, alive as long as `keep`."""
    if text is None:
        return ffi.NULL
    data = text.encode()
    if b"\0" in data:
        raise ValueError("NUL in a string for C")
    copy = ffi.new("char[]", data)
    keep.append(copy)
    return copy
