"""Hands kept events to the host's own listeners (plugins) at their pace, so that a slow one delays nobody's stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from invoke_host import ids
from invoke_host.api import Event, StorageError
from invoke_host.events import store
from invoke_host.storage import Storage

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

Listener = Callable[[Event], Awaitable[None]]

_BATCH = 100

#: Pause before events that could not be read are read again.
_AGAIN_S = 1.0


class Relay:
    """Reads the outbox on its own, from where the hub began to where the hub is, so that nothing piles up in memory."""

    def __init__(self, storage: Storage, log: FilteringBoundLogger, *, again_s: float = _AGAIN_S) -> None:
        #: What is wrong now, for the operator; empty while all is well.
        self.trouble = ""
        self._again_s = again_s
        self._storage = storage
        self._log = log
        self._listeners: list[Listener] = []
        self._late: deque[Event] = deque(maxlen=1000)
        self._position = 0
        self._until = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """Await it with each event from now on."""
        self._listeners.append(listener)

    def start(self, position: int) -> None:
        """Begin after that event."""
        self._position = self._until = position
        self._task = asyncio.create_task(self._run(), name="event relay")

    async def stop(self) -> None:
        """End, in the middle of a listener if need be."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def alive(self) -> bool:
        """Whether it was started and still runs."""
        return self._task is not None and not self._task.done()

    def advance(self, position: int) -> None:
        """The hub has sent everything up to there."""
        self._until = position
        self._wake.set()

    def late(self, event: Event) -> None:
        """An event whose id lies before what was sent already; it is told out of order rather than never."""
        self._late.append(event)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._catch_up()
                self.trouble = ""
            except StorageError as error:
                self._log.warning("events for plugins can't be read, trying again", error=str(error))
                await self._pause(f"events for plugins can't be read: {error}")
            except Exception:  # noqa: BLE001 - whatever it is, a host whose plugins hear nothing more is worse
                error_id = ids.error_id()
                self._log.exception("telling plugins of events failed, trying again", error_id=error_id)
                await self._pause(f"telling plugins of events failed (error {error_id}, see the server's log)")

    async def _pause(self, trouble: str) -> None:
        self.trouble = trouble
        await asyncio.sleep(self._again_s)
        self._wake.set()

    async def _catch_up(self) -> None:
        while self._late:
            await self._tell(self._late.popleft())
        if not self._listeners:
            self._position = self._until
        while self._position < self._until:
            events = await self._storage.read(store.read_after, self._position, _BATCH, up_to=self._until)
            for event in events:
                await self._tell(event)
                self._position = event.id or self._position
            if len(events) < _BATCH:
                self._position = max(self._position, self._until)

    async def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                await listener(event)
            except Exception as error:  # noqa: BLE001 - a listener is a plugin; its failure is its own
                self._log.error("an event listener failed", kind=event.kind, event_id=event.id, error=repr(error))
