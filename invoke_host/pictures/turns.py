"""One at a time; those who wait go in turn by owner, so that many pictures of one user do not hold up another one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from invoke_host.api import ServiceUnavailable, TooManyRequests


class Turns:
    """A lock with a bounded queue for each owner. For the event loop it was made in."""

    def __init__(self, *, most_waiting: int, most_of_one: int) -> None:
        self._most_waiting = most_waiting
        self._most_of_one = most_of_one
        self._taken = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Hold the lock. Raises TooManyRequests or ServiceUnavailable at once where too many wait already."""
        if self._taken:
            await self._wait(owner)
        self._taken = True
        try:
            yield
        finally:
            self._next()

    async def _wait(self, owner: str) -> None:
        if len(self._waiting.get(owner, ())) >= self._most_of_one:
            raise TooManyRequests(
                f"{self._most_of_one} of your pictures wait to be decoded; send more when these are done",
                retry_after_s=5,
            )
        if sum(map(len, self._waiting.values())) >= self._most_waiting:
            raise ServiceUnavailable("too many pictures wait to be decoded; try again in a few seconds")
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._next()  # it was given to a task that is canceled: pass it on
            else:
                self._leave(owner, mine)
            raise

    def _next(self) -> None:
        while self._waiting:
            owner, queue = next(iter(self._waiting.items()))
            first = queue.popleft()
            if queue:
                self._waiting.move_to_end(owner)
            else:
                del self._waiting[owner]
            if not first.done():
                first.set_result(None)
                return
        self._taken = False

    def _leave(self, owner: str, mine: asyncio.Future[None]) -> None:
        queue = self._waiting.get(owner)
        if queue is not None and mine in queue:
            queue.remove(mine)
            if not queue:
                del self._waiting[owner]
