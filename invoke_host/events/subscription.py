"""One client's place in the event stream: what it missed, then what comes, in a queue that can't grow without bound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

from invoke_host.api import Actor, Event
from invoke_host.events.audience import Sees, may_see, unknown
from invoke_host.events.outgoing import Message, Parcel

#: Kind of the event that tells a client to read everything afresh: some events did not or will not reach it.
RESYNC: Final = "resync"

#: Live events that wait for one slow client at most; then they are dropped and the client gets one `resync`.
MAX_WAITING = 256

#: Bytes that are given to a client's connection at once; a bit more where one event is larger.
_CHUNK_BYTES = 64 * 1024


class Subscription:
    """An async iterator of events for one actor; ends when the hub stops or after `close()`. Use as a context manager.

    While it is `held`, because it can't be told whether its caller may see an event, nothing kept gets in: a client
    must not go on behind an event that it may have missed. The next `resync` ends that.

    Events with an id come in order and once. Of passing events that say how something is now, a client that is behind
    gets the newest only; `told` is what `EventHub.emit_state` has said on this stream. An `Event` of kind `resync`
    carries the id to resume from. `actor` is replaced when the caller's rights change, and the stream ends with the
    caller's credential, at `good_until` (seconds since the epoch) at the latest (`revalidate`).
    """

    def __init__(
        self,
        actor: Actor,
        leave: Callable[[Subscription], None],
        *,
        after: int = 0,
        max_waiting: int = MAX_WAITING,
        good_until: float | None = None,
    ) -> None:
        self.actor = actor
        self.good_until = good_until
        self.held = False
        self.told: dict[Hashable, Mapping[str, Any]] = {}
        self._leave = leave
        self._after = after
        self._missed: deque[Message] = deque()
        self._waiting: deque[Message] = deque()
        self._latest: dict[Hashable, Message] = {}
        self._max_waiting = max_waiting
        self._wake = asyncio.Event()
        self._closed = False

    def preload(self, events: Sequence[Event], sees: Sees = unknown) -> None:
        """Put what the client missed before what has come in since it was registered.

        It does not count against `max_waiting`, or the first live event after a long absence would throw it all away;
        whoever read it has bounded it (`hub.MAX_REPLAY`).
        """
        answers = [may_see(self.actor, event, sees) for event in events]
        if None in answers:
            self.held = True
            self._drop()  # comes after what can't be told
            return
        self._missed.extend(Parcel(event).to(self.actor) for event, yes in zip(events, answers, strict=True) if yes)
        self._wake.set()

    def offer(self, parcel: Parcel, sees: Sees = unknown) -> bool:
        """Queue a live event if this actor may see it and has not had it yet (from another process); says whether.

        A full queue, with what was missed before it, turns into one `resync`; a passing event just goes. Raises
        TypeError for a passing event that can't be JSON.
        """
        event = parcel.event
        if event.id is not None and (self.held or event.id <= self._after):
            return False
        answer = may_see(self.actor, event, sees)
        if not answer:
            self.held |= answer is None
            return False
        message = parcel.to(self.actor)
        message.frame  # noqa: B018 - encoded here, so that what can't be is its maker's trouble and not this stream's
        older = None if message.latest is None else self._latest.pop(message.latest, None)
        if older is not None:
            self._waiting.remove(older)
        if len(self._waiting) >= self._max_waiting:
            if event.id is not None:
                self.resync(event.id, event.created_at)
            return False
        if message.latest is not None:
            self._latest[message.latest] = message
        self._waiting.append(message)
        self._wake.set()
        return True

    def resync(self, position: int, now: datetime) -> None:
        """Replace all that waits by one `resync`: the state that the client then reads includes it."""
        self._after = position
        self.held = False
        self._drop()
        resync = Event(kind=RESYNC, payload={}, audience=self.actor.id, created_at=now, id=position)
        self._waiting.append(Message(resync))
        self._wake.set()

    @property
    def waiting(self) -> int:
        """How many events wait for the client."""
        return len(self._missed) + len(self._waiting)

    def close(self) -> None:
        """End the iteration, now; harmless when called twice."""
        self._closed = True
        self._leave(self)
        self._wake.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while await self._more():
            yield self._next().event

    async def chunks(self) -> AsyncIterator[bytes]:
        """The same events as they go over the wire; what waits together comes together."""
        while await self._more():
            frames = [self._next().frame]
            size = len(frames[0])
            while size < _CHUNK_BYTES and self.waiting:
                frames.append(self._next().frame)
                size += len(frames[-1])
            yield b"".join(frames)

    async def _more(self) -> bool:
        """Wait for the next event; False when there are no more."""
        while not (self._closed or self.waiting):
            self._wake.clear()
            await self._wake.wait()
        return not self._closed

    def _next(self) -> Message:
        message = (self._missed or self._waiting).popleft()
        if message.latest is not None and self._latest.get(message.latest) is message:
            del self._latest[message.latest]
        return message

    def _drop(self) -> None:
        self._missed.clear()
        self._waiting.clear()
        self._latest.clear()
        self.told.clear()
