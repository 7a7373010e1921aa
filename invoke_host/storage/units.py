"""Units of work: plain functions `f(connection, ...)`, each one transaction, on one snapshot if it only reads.

Driver errors leave here as the backend's words for them (StorageConflict, StorageUnavailable, StorageReadOnly);
whatever else a unit raises passes through unchanged, after the rollback.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, Engine, Result
from structlog.typing import FilteringBoundLogger

from invoke_host.api import InvokeHostError, StorageBackend, StorageError, StorageUnavailable
from invoke_host.clock import Clock, SystemClock
from invoke_host.storage.lanes import InlineConnection, Lanes, WriteConnection, hop
from invoke_host.storage.watchdog import SLOW_S, Watchdog

P = ParamSpec("P")
T = TypeVar("T")
Unit = Callable[Concatenate[Connection, P], T]
AnyUnit = TypeVar("AnyUnit", bound=Callable[..., Any])

_QUICK = "__invoke_quick__"


def quick(unit: AnyUnit) -> AnyUnit:
    """Declare that an index bounds this read (tens of microseconds), so that it may run on the event loop.

    It does where the backend says `inline_reads`; elsewhere the mark changes nothing. Slow ones are logged.
    """
    setattr(unit, _QUICK, True)
    return unit


class Storage:
    """Runs units of work on one database. Open it, migrate, use it, close it; `with` does so without an event loop."""

    def __init__(self, backend: StorageBackend, *, log: FilteringBoundLogger, clock: Clock | None = None) -> None:
        self.backend = backend
        self._log = log
        self._clock = clock or SystemClock()
        self._watchdog = Watchdog(log)
        self._engine: Engine | None = None
        self._lanes: Lanes | None = None
        self._inline: InlineConnection | None = None
        self._writer: WriteConnection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._callbacks: list[Callable[[], None]] = []

    @property
    def engine(self) -> Engine:
        """The backend's engine, for the migration runner. Raises InvokeHostError while the storage is not open."""
        if self._engine is None:
            raise InvokeHostError("the storage is not open; open it first, and do not use it after closing")
        return self._engine

    async def open(self) -> None:
        """Open the database. Raises StartupError if the backend can't; the schema is not looked at."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        await asyncio.to_thread(self._open)
        if self.backend.capabilities.inline_reads:
            self._inline = InlineConnection(self.engine)
            await asyncio.to_thread(self._inline.open)

    async def close(self) -> None:
        """Wait for the units that run, then release everything; harmless when called twice."""
        if self._inline is not None:
            self._inline.close()
            self._inline = None
        await asyncio.to_thread(self._close)
        self._loop = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._close()

    async def read(self, unit: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `unit(connection, ...)` returns, read from one snapshot; a unit that writes fails."""
        inline = self._inline
        if inline is not None and hasattr(unit, _QUICK) and threading.get_ident() == self._loop_thread:
            if inline.current is not None:
                try:
                    return self._read_inline(inline.current, unit, *args, **kwargs)
                except StorageUnavailable:
                    inline.drop()  # the loop must not wait for a lock; a thread may
            return await hop(self._open_lanes.readers, partial(self._read_and_reopen, unit, *args, **kwargs))
        return await hop(self._open_lanes.readers, partial(self.run_read, unit, *args, **kwargs))

    async def write(self, unit: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `unit(connection, ...)` returns, once its transaction is committed; an exception rolls it back.

        If the waiting task is canceled, the unit has either not begun (and never will) or runs to its end and commits.
        """
        return await hop(self._open_lanes.writers, partial(self.run_write, unit, *args, **kwargs))

    def run_read(self, unit: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for code without an event loop, on the calling thread."""
        try:
            with self.engine.begin() as connection:
                return _data(unit(connection, *args, **kwargs), unit)
        except Exception as error:
            known = self._classify(error)
            if known is None:
                raise
            raise known from error

    def run_write(self, unit: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for code without an event loop, on the calling thread."""
        try:
            with self._begin_write() as connection:
                result = _data(unit(connection, *args, **kwargs), unit)
        except Exception as error:
            known = self._classify(error)
            if known is None:
                raise
            raise known from error
        self._committed()
        return result

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Have it called on the event loop after each committed write of this process, before the writer goes on.

        It must not block. Without a loop (`with storage:`) it is called on the writing thread.
        """
        self._callbacks.append(callback)

    def _read_and_reopen(self, unit: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = self.run_read(unit, *args, **kwargs)
        inline = self._inline
        if inline is not None:
            inline.open()
        return result

    def _read_inline(self, connection: Connection, unit: Unit[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        started = self._clock.monotonic()
        try:
            with connection.begin():
                result = _data(unit(connection, *args, **kwargs), unit)
        except Exception as error:
            known = self._classify(error)
            if known is None:
                raise
            raise known from error
        ended = self._clock.monotonic()
        if ended - started > SLOW_S:
            self._watchdog.note(_name(unit), ended - started, ended)
        return result

    def _begin_write(self) -> AbstractContextManager[Connection]:
        if self._writer is not None:
            return self._writer.begin()
        return self.engine.execution_options(invoke_write=True).begin()

    def _classify(self, error: Exception) -> StorageError | None:
        return None if isinstance(error, InvokeHostError) else self.backend.classify(error)

    def _committed(self) -> None:
        if not self._callbacks:
            return
        if self._loop is None:
            self._call_back()
        else:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told, and the write is done
                self._loop.call_soon_threadsafe(self._call_back)

    def _call_back(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001 - the write is done, and the other listeners must hear of it
                self._log.exception("an on_commit callback failed", callback=_name(callback))

    def _open(self) -> None:
        if self._engine is not None:
            raise InvokeHostError(f"the storage is open already: {self.backend.describe()}")
        self._engine = self.backend.open()
        several = self.backend.capabilities.concurrent_writers
        self._lanes = Lanes(concurrent_writers=several)
        self._writer = None if several else WriteConnection(self._engine)

    def _close(self) -> None:
        if self._lanes is not None:
            self._lanes.close()
            self._lanes = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._engine = None
        self.backend.close()

    @property
    def _open_lanes(self) -> Lanes:
        if self._lanes is None:
            raise InvokeHostError("the storage is not open; open it first, and do not use it after closing")
        return self._lanes


def _data(result: T, unit: Callable[..., Any]) -> T:
    # A Result left open would pin its snapshot, and with it the growth of the WAL file, until somebody reads it.
    if isinstance(result, Result):
        raise InvokeHostError(f"{_name(unit)} returned an open Result; fetch the rows inside the unit")
    return result


def _name(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"
