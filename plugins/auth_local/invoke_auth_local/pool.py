"""Threads for work that takes a core: few, with a bounded queue, so that a flood of logins can't take the machine.

bcrypt lets go of Python's lock while it works. What a waiter no longer wants is not begun.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from invoke_host.api import ServiceUnavailable

P = ParamSpec("P")
T = TypeVar("T")

#: What whoever finds the queue full is told to wait; by then the longest queue of the default options has halved.
RETRY_AFTER_S = 5


class WorkPool:
    """Runs plain functions on threads of its own. Open it before, close it after; both may be called twice.

    `niceness` is added to that of the threads where threads have one (Linux): work that anybody can cause should give
    way to everything else.
    """

    def __init__(self, name: str, *, threads: int, queue: int, niceness: int = 0) -> None:
        self._name = name
        self._threads = threads
        self._limit = threads + queue
        self._niceness = niceness
        self._executor: ThreadPoolExecutor | None = None
        self._unfinished = 0
        self._lock = threading.Lock()

    def open(self) -> None:
        """Take work from now on. Threads start when there is some."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(
                self._threads, thread_name_prefix=self._name, initializer=_give_way, initargs=(self._niceness,)
            )

    async def close(self) -> None:
        """Refuse what waits, let what runs end, and end the threads."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
            await asyncio.to_thread(executor.shutdown)

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns or raises. If the waiting task is canceled, work that has not begun never does.

        Raises:
            ServiceUnavailable: too many wait already, or the pool is not open, or closes meanwhile.
        """
        executor = self._executor
        if executor is None:
            raise _closed()
        with self._lock:
            if self._unfinished >= self._limit:
                raise ServiceUnavailable(
                    "too many passwords are being checked at once; try again in a few seconds",
                    retry_after_s=RETRY_AFTER_S,
                )
            self._unfinished += 1
        job = executor.submit(work, *args, **kwargs)
        job.add_done_callback(lambda _: self._finished())
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():  # it was the job that was canceled, by `close`
                raise _closed() from None
            raise

    def _finished(self) -> None:
        with self._lock:
            self._unfinished -= 1


def _closed() -> ServiceUnavailable:
    return ServiceUnavailable("passwords can't be checked now: this host is starting or stopping")


def _give_way(niceness: int) -> None:
    if sys.platform == "linux" and niceness:
        thread = threading.get_native_id()  # on Linux, each thread has a priority of its own
        with suppress(OSError):  # a container may forbid even that; then the work is as important as all other
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + niceness))
