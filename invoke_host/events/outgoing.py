"""Events on their way out: encoded once, however many streams they go to."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

import orjson

from invoke_host.api import Actor, Event
from invoke_host.events.audience import whole, without_owners_part

#: Passing events that say how something is now: for the same value of this key, only the newest is worth sending.
LATEST: Final = {"progress": "item_id", "queue_counts_changed": "queue_id"}


class Message:
    """One event as some streams get it. Made on the event loop."""

    __slots__ = ("_frame", "event", "latest")

    def __init__(self, event: Event) -> None:
        self.event = event
        key = LATEST.get(event.kind) if event.id is None else None
        #: What it is the state of; a newer message about the same makes it void. None: nothing does.
        self.latest: Hashable | None = None if key is None else (event.kind, event.payload.get(key))
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """As `text/event-stream` has it (HTML Living Standard, 9.2.6). Raises TypeError for what can't be JSON."""
        if self._frame is None:
            event = self.event
            number = b"" if event.id is None else b"id: %d\r\n" % event.id
            # JSON has no line breaks outside of strings, and inside they are escaped: one line of data.
            data = orjson.dumps(dict(event.payload))
            self._frame = b"%bevent: %b\r\ndata: %b\r\n\r\n" % (number, event.kind.encode(), data)
        return self._frame


class Parcel:
    """One event for all streams: whole for those whom it concerns, without the owner's part for others."""

    __slots__ = ("_others", "_whole", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._whole = Message(event)
        self._others: Message | None = None

    def to(self, actor: Actor) -> Message:
        """What this caller gets of it, if they may see it at all."""
        if whole(actor, self.event):
            return self._whole
        if self._others is None:
            self._others = Message(without_owners_part(self.event))
        return self._others
