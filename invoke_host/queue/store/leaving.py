"""Items that leave the line, many at a time: what lanes, counters and usage have to learn of them, summed up first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, String, func, literal_column

from invoke_host.limits import usage
from invoke_host.limits.bookings import kept, settled
from invoke_host.limits.usage import Booking
from invoke_host.queue.store.counters import Tally
from invoke_host.queue.store.items import QueueItem, Status
from invoke_host.queue.store.settle import ended
from invoke_host.queue.tables import queue_items


class Leaver(NamedTuple):
    """As little of an item as is needed to take it out of the line; it is read by the thousand.

    Of `created_at` the minute is enough.
    """

    id: int
    batch_id: str
    queue_id: str
    user_id: str
    destination: str | None
    status: Status
    created_at: str
    started_at: str | None
    estimated_us: int | None
    charged_us: int | None
    booked_us: int

    @classmethod
    def of(cls, item: QueueItem) -> Leaver:
        """The item, as far as it matters."""
        return cls(*(getattr(item, name) for name in cls._fields))


#: Usage is counted by the minute: more of the time would only make items look different from each other.
_MINUTE = func.substr(queue_items.c.created_at, literal_column("1"), literal_column("16"), type_=String)

#: Of a Leaver, in its order.
COLUMNS: Final = tuple(_MINUTE if name == "created_at" else queue_items.c[name] for name in Leaver._fields)

#: What tells items apart here: queue, owner, destination, status, minute.
_KIND = itemgetter(*range(2, 7))
_BOOKED_US = attrgetter("booked_us")


class Leaving:
    """Gathers what a transaction cancels or removes, and writes it once: lanes, then counters, then usage."""

    def __init__(self, now: str) -> None:
        self._now = now
        self._tally = Tally()
        self._booked: list[Booking] = []
        self._gone: list[Booking] = []

    def leave(self, items: Sequence[Leaver], new: Status | None) -> None:
        """These, of which none runs, are `canceled` now, or removed (None)."""
        kinds: list[tuple[Any, ...]] = list(map(_KIND, items))
        alike = Counter(kinds)
        engine_us: Counter[tuple[Any, ...]] = Counter()
        if len(alike) == 1:  # nearly always: thousands of one batch
            engine_us[kinds[0]] = sum(map(_BOOKED_US, items))
        else:
            for kind, item in zip(kinds, items, strict=True):
                engine_us[kind] += item.booked_us
        for kind, count in alike.items():
            one = Leaver._make((0, "", *kind, None, None, None, 0))
            self._tally.move(one, one.status, new, count)
            if one.status == "pending":
                self._booked.append(Booking(one.user_id, one.created_at, -count, -engine_us[kind]))
            else:
                images = count * kept(one.user_id, one.created_at, 0, one.status).images
                self._gone.append(Booking(one.user_id, one.created_at, images, engine_us[kind]))

    def stop(self, item: Leaver, new: Status | None) -> int:
        """This one, which ran, is `canceled` now, or removed (None); returns the device time that stays booked."""
        spent_us = ended(self._tally, item, new, now=self._now)
        booking, after_us = settled(
            item.user_id, item.created_at, item.booked_us, item.status, "canceled", spent_us=spent_us
        )
        if booking is not None:
            self._booked.append(booking)
        if new is None:
            self._gone.append(kept(item.user_id, item.created_at, after_us, "canceled"))
        return after_us

    def write(self, conn: Connection) -> None:
        """Once, after the items themselves."""
        self._tally.write(conn)
        usage.book(conn, self._booked)
        usage.forget(conn, self._gone)
