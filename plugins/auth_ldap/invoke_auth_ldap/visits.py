"""Visits on threads of their own: few, with a bounded line before them, each with a deadline that cuts it off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from invoke_auth_ldap.directory import Visit
from invoke_auth_ldap.errors import TooBusy, Unreachable

T = TypeVar("T")


class Visits:
    """Runs visits; belongs to the event loop. A directory that says nothing takes threads, never the loop."""

    def __init__(self, threads: int, queue: int) -> None:
        self._limit = threads + queue
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._now: set[Visit] = set()
        self._unfinished = 0

    def open(self) -> None:
        """Take visits from now on."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="ldap")

    async def close(self) -> None:
        """End what runs and the threads; harmless when called twice."""
        executor, self._executor = self._executor, None
        for visit in list(self._now):
            visit.abort()
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)
            await asyncio.to_thread(executor.shutdown)

    async def make(self, timeout_s: float, ask: Callable[[Visit], T]) -> T:
        """What `ask` returns or raises; waiting for a thread is part of the time.

        Raises:
            Unreachable: the time is over; the visit's connections are cut, so that its thread is free again.
            TooBusy: too many wait.
        """
        if self._executor is None:
            raise TooBusy("logins are not taken now: this host is starting or stopping", "connect")
        if self._unfinished >= self._limit:
            raise TooBusy("too many logins wait for the directory", "connect")
        visit = Visit(timeout_s)
        loop = asyncio.get_running_loop()
        self._unfinished += 1
        self._now.add(visit)
        job = self._executor.submit(ask, visit)
        job.add_done_callback(lambda _: _calmly(loop, self._finished, visit))
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            raise Unreachable("the directory took too long", "connect") from None
        finally:
            if not job.done():
                job.cancel()
                visit.abort()

    def _finished(self, visit: Visit) -> None:
        self._unfinished -= 1
        self._now.discard(visit)


def _calmly(loop: asyncio.AbstractEventLoop, call: Callable[[Visit], None], visit: Visit) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call, visit)
