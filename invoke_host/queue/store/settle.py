"""Settling what lanes were charged when their items were begun: by what the items really took."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, bindparam, update

from invoke_host.limits import usage
from invoke_host.limits.bookings import settled
from invoke_host.limits.usage import Booking
from invoke_host.queue.store.counters import Counted, Tally
from invoke_host.queue.store.items import QueueItem, Status
from invoke_host.queue.tables import queue_items
from invoke_host.storage import PreparedWrite


class Ended(Counted, Protocol):
    """What is asked of an item that is no longer in progress, as it was until now."""

    @property
    def status(self) -> Status: ...
    @property
    def estimated_us(self) -> int | None: ...
    @property
    def charged_us(self) -> int | None: ...
    @property
    def started_at(self) -> str | None: ...


def settle(conn: Connection, items: Iterable[QueueItem], *, now: str, engine_s: float | None = None) -> None:
    """These, as they are now, were in progress until this transaction: write lanes, counters, and usage."""
    tally = Tally()
    booked: list[Booking] = []
    for item in items:
        spent_us = ended(tally, item, item.status, old="in_progress", now=now, engine_s=engine_s)
        booking, booked_us = settled(
            item.user_id, item.created_at, item.booked_us, "in_progress", item.status, spent_us=spent_us
        )
        if booking is not None:
            booked.append(booking)
            _BOOKED.run(conn, {"item_id_": item.id, "booked_": booked_us})
    tally.write(conn)
    usage.book(conn, booked)


def ended(
    tally: Tally,
    item: Ended,
    new: Status | None,
    *,
    now: str,
    old: Status | None = None,
    engine_s: float | None = None,
) -> int:
    """An item leaves its status (`old` if it is not there any more) for another, None if it is deleted.

    Returns the device time that it is charged for.

    Completed ones took `engine_s`. Others that were in progress and come to nothing took what passed since they were
    begun, at most the estimate: nobody measured it, and somebody may have stood in their way. What returns to the queue
    and what had not begun took nothing.
    """
    old = old or item.status
    tally.move(item, old, new)
    if old != "in_progress":
        return 0
    real_us = _real_us(item, new, now, engine_s)
    charged, estimated = item.charged_us or 0, item.estimated_us or 0
    if estimated > 0:
        tally.charge(item.user_id, round(charged * real_us / estimated) - charged)
    return real_us


def _real_us(item: Ended, new: Status | None, now: str, engine_s: float | None) -> int:
    if new == "pending":
        return 0
    if engine_s is not None:
        return max(0, round(engine_s * 1e6))
    return min(item.estimated_us or 0, elapsed_us(item.started_at, now))


def elapsed_us(since: str | None, now: str) -> int:
    """Microseconds between two timestamps; 0 where the clock was set back."""
    if since is None:
        return 0
    passed = datetime.fromisoformat(now) - datetime.fromisoformat(since)
    return max(0, round(passed.total_seconds() * 1e6))


_BOOKED = PreparedWrite(
    update(queue_items).where(queue_items.c.id == bindparam("item_id_")).values(booked_us=bindparam("booked_"))
)
