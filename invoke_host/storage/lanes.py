"""Where units of work run: one lane of threads for writes, one for reads, the loop's own connection for quick reads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

READ_THREADS = 4
WRITE_THREADS = 8


class Lanes:
    """The threads of one open database. A database with one writer gets one write thread: writers queue here."""

    def __init__(self, *, concurrent_writers: bool) -> None:
        writers = WRITE_THREADS if concurrent_writers else 1
        self.readers = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="db-read")
        self.writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")

    def close(self) -> None:
        """Wait for what runs, drop what waits, end the threads."""
        self.readers.shutdown(cancel_futures=True)
        self.writers.shutdown(cancel_futures=True)


async def hop(executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """Run `work` on a thread of the executor with the caller's context variables.

    Canceling the caller forgets work that has not begun; work that has begun goes on to its commit or rollback.
    """
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(executor, partial(context.run, work))


class WriteConnection:
    """The one long-lived connection for writes, where only one can write: a third of a small write's time is saved.

    It is never lent to readers: SQLite, told that a connection may write again, forgets its compiled statements.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._current: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end of the block, rolled back by an exception."""
        if not self._lock.acquire(blocking=False):
            with self._engine.execution_options(invoke_write=True).begin() as connection:  # who waits for the other
                yield connection
            return
        try:
            if self._current is None:
                self._current = self._engine.connect().execution_options(invoke_write=True)
            with self._current.begin():
                yield self._current
        except DBAPIError:
            self._drop()  # whatever is wrong may be wrong with the connection
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Give it up; call this when nothing is written any more."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._current = self._current, None
        if connection is not None:
            connection.close()


class InlineConnection:
    """One long-lived connection for reads on the event loop: taking one from the pool costs more than most reads do.

    It is opened on a thread, since opening may wait for a lock. `current` is None until then and after `drop`.
    """

    def __init__(self, engine: Engine) -> None:
        self.current: Connection | None = None
        self._engine = engine
        self._lock = threading.Lock()
        self._closed = False

    def open(self) -> None:
        """Open it if it is not, unless it was closed for good; call this on a thread."""
        with self._lock:
            if self.current is None and not self._closed:
                # On the connection: backends are told of that, and not of options that an engine passes on.
                self.current = self._engine.connect().execution_options(invoke_inline=True)

    def close(self) -> None:
        """Drop it and open no other."""
        with self._lock:
            self._closed = True
            self.drop()

    def drop(self) -> None:
        """Close it, not back into the pool: backends set it up differently."""
        connection, self.current = self.current, None
        if connection is not None:
            connection.invalidate()
            connection.close()
