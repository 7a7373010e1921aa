"""Records what a storage's hub tells its clients, so that a test waits for an event instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from invoke_host.api import Event
from invoke_host.clock import Clock
from invoke_host.events.hub import EventHub
from invoke_host.events.sight import Seen
from invoke_host.storage import Storage

#: How long `next` waits before it gives up; an event that takes longer does not come.
WAIT_S = 10.0

#: How soon events of other processes are seen; those of this one are told at their commit.
_POLL_S = 0.05


class RecordedEvents:
    """Every event since the start, whoever it is for: kept ones (from the outbox) and passing ones, in `all`.

    The order is the one in which clients get them. Hand `hub` to what is tested, so that its passing events are here.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self.hub: EventHub = _RecordingHub(self, storage, clock)
        self.all: list[Event] = []
        self._seen: dict[str, int] = {}
        self._arrived = asyncio.Event()

    @property
    def kinds(self) -> list[str]:
        """The kinds of all events so far, in order."""
        return [event.kind for event in self.all]

    def of(self, kind: str) -> list[Event]:
        """The events of one kind so far, in order."""
        return [event for event in self.all if event.kind == kind]

    async def next(self, kind: str, *, timeout_s: float = WAIT_S) -> Event:
        """The next event of that kind, each handed out once; waits until it is there.

        Raises:
            AssertionError: none came in time; names the kinds that did.
        """
        place = self._seen.get(kind, 0)
        self._seen[kind] = place + 1
        try:
            async with asyncio.timeout(timeout_s):
                while len(found := self.of(kind)) <= place:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            self._seen[kind] -= 1
            raise AssertionError(
                f"no {kind!r} within {timeout_s:g} s (number {place + 1}); came: {self.kinds}"
            ) from None
        return found[place]

    def record(self, event: Event) -> None:
        """Add an event; the hub does it."""
        self.all.append(event)
        self._arrived.set()


class _RecordingHub(EventHub):
    # A subscription would not do: nobody's stream carries the passing events of all users.
    def __init__(self, record: RecordedEvents, storage: Storage, clock: Clock) -> None:
        super().__init__(storage, clock, structlog.get_logger("invoke_host.testing"), poll_s=_POLL_S)
        self._record = record

    def _fan_out(self, event: Event, seen: Seen | None = None) -> None:
        self._record.record(event)
        super()._fan_out(event, seen)


@asynccontextmanager
async def record_events(storage: Storage, clock: Clock) -> AsyncIterator[RecordedEvents]:
    """Record the events of this storage inside the block, beginning with the first that is written in it."""
    recorded = RecordedEvents(storage, clock)
    await recorded.hub.start()
    try:
        yield recorded
    finally:
        await recorded.hub.stop()
