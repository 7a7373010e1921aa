"""Canceling and deleting items, one or many, in steps short enough that other writers get their turn.

Canceling wins over everything: the item is canceled in the row at once and its lease token is gone, so whatever the
worker still does can't be stored. The dispatcher notices and stops the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden
from invoke_host.queue.access import CANCEL, DELETE
from invoke_host.queue.store.active import owner_is_active
from invoke_host.queue.store.announce import items_changed, status_changed
from invoke_host.queue.store.batches import forget_empty
from invoke_host.queue.store.counters import Tally, forget_empty_destinations
from invoke_host.queue.store.items import (
    ITEM_COLUMNS,
    TERMINAL,
    UNINDEXED_ID,
    QueueItem,
    Status,
    has_status,
    queue_item,
    unindexed,
)
from invoke_host.queue.store.reads import unknown_item
from invoke_host.queue.tables import queue_items

#: Items changed in one transaction.
STEP = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items of a queue: in one of `statuses`, and of these batches or this destination where those are given.

    `after` and `through` bound the ids: what is enqueued while a long operation runs is not part of it.
    """

    queue_id: str
    statuses: tuple[Status, ...]
    batch_ids: tuple[str, ...] | None = None
    destination: str | None = None
    after: int = 0
    through: int = 2**62

    @property
    def unfinished(self) -> bool:
        """True if it is about items that wait or run, and no others."""
        return not set(self.statuses) & set(TERMINAL)


@dataclass(frozen=True, slots=True)
class Step:
    """How many items one step changed, and what is left to look at; None at the end."""

    count: int
    rest: Selection | None


def newest_id(conn: Connection) -> int:
    """The id up to which an operation that begins now goes."""
    return conn.execute(select(func.max(queue_items.c.id))).scalar() or 0


def cancel_one(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_id: int, *, now: str
) -> QueueItem:
    """Cancel an item; one that is finished stays as it is. Raises NotFound or Forbidden."""
    item = _permitted_one(conn, access, actor, CANCEL.name, queue_id, item_id)
    if item.status in TERMINAL:
        return item
    return cancel_items(conn, [item], now=now)[0]


def delete_one(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_id: int, *, forget_before: str, now: str
) -> None:
    """Remove an item, whatever it is doing; its pictures stay. Its batch goes as in `delete_step`.

    Raises NotFound or Forbidden.
    """
    item = _permitted_one(conn, access, actor, DELETE.name, queue_id, item_id)
    _delete(conn, [item], now=now)
    forget_empty(conn, [item.batch_id], forget_before=forget_before)


def cancel_step(conn: Connection, access: AccessEngine, actor: Actor, which: Selection, *, now: str) -> Step:
    """Cancel the next items of a selection of unfinished ones that the actor may cancel."""
    items = _select(conn, access.predicate(actor, CANCEL.name), which)
    cancel_items(conn, items, now=now)
    return _step(items, which)


def cancel_forsaken(conn: Connection, *, now: str) -> int:
    """Cancel what runs for users who are deactivated; returns how many items.

    Whoever deactivates users through the host cancels their work in the same transaction; this is for rows that were
    changed in any other way.
    """
    query = select(*ITEM_COLUMNS).where(has_status("in_progress"), ~owner_is_active(queue_items.c.user_id))
    items = [queue_item(row) for row in conn.execute(query.order_by(queue_items.c.id).with_for_update())]
    return len(cancel_items(conn, items, now=now))


def delete_step(
    conn: Connection, access: AccessEngine, actor: Actor, which: Selection, *, forget_before: str, now: str
) -> Step:
    """Remove the next items of a selection that the actor may delete; their pictures stay.

    Batches that are left without items go too, unless an idempotency key younger than `forget_before` needs them.
    """
    items = _select(conn, access.predicate(actor, DELETE.name), which)
    _delete(conn, items, now=now)
    forget_empty(conn, sorted({item.batch_id for item in items}), forget_before=forget_before)
    return _step(items, which)


def _permitted_one(
    conn: Connection, access: AccessEngine, actor: Actor, action: str, queue_id: str, item_id: int
) -> QueueItem:
    permitted = access.predicate(actor, action).label("permitted")
    query = select(*ITEM_COLUMNS, permitted).where(queue_items.c.id == item_id).with_for_update()
    row = conn.execute(query).one_or_none()
    if row is None or row.queue_id != queue_id:
        raise unknown_item(queue_id, item_id)
    if not row.permitted:
        raise Forbidden(f"Queue item {item_id} belongs to somebody else.")
    return queue_item(row)


def _select(conn: Connection, allowed: ColumnElement[bool], which: Selection) -> list[QueueItem]:
    if not which.unfinished:
        return _matching(conn, allowed, which, which.statuses, STEP)
    # One status at a time: a partial index can't serve an OR of two.
    items: list[QueueItem] = []
    for status in which.statuses:
        items += _matching(conn, allowed, which, (status,), STEP - len(items))
    return items


def _matching(
    conn: Connection, allowed: ColumnElement[bool], which: Selection, statuses: Sequence[Status], limit: int
) -> list[QueueItem]:
    columns = queue_items.c
    # Few items are unfinished, many are history: the former are read through the partial index of their status, the
    # latter in the order of ids.
    at = UNINDEXED_ID if which.unfinished else columns.id
    queue = unindexed(columns.queue_id) if which.unfinished else columns.queue_id
    destination = unindexed(columns.destination) if which.unfinished else columns.destination
    query = select(*ITEM_COLUMNS).where(or_(*map(has_status, statuses)), allowed, queue == which.queue_id)
    query = query.where(at > which.after, at <= which.through)
    if which.batch_ids is not None:
        query = query.where(columns.batch_id.in_(which.batch_ids))
    if which.destination is not None:
        query = query.where(destination == which.destination)
    return [queue_item(row) for row in conn.execute(query.order_by(at).limit(limit).with_for_update())]


def _step(items: Sequence[QueueItem], which: Selection) -> Step:
    if len(items) < STEP:
        return Step(len(items), None)
    # What was unfinished is not in the selection any more; history is walked on from where it was left.
    return Step(len(items), which if which.unfinished else replace(which, after=items[-1].id))


def cancel_items(conn: Connection, items: Sequence[QueueItem], *, now: str) -> list[QueueItem]:
    """Cancel these unfinished items, whoever asks; returns them as they are now."""
    if not items:
        return []
    rows = conn.execute(
        update(queue_items)
        .where(queue_items.c.id.in_([item.id for item in items]))
        .values(
            status="canceled",
            status_sequence=queue_items.c.status_sequence + 1,
            lease_token=None,
            lease_until=None,
            cancel_requested_at=now,
            updated_at=now,
            completed_at=now,
        )
        .returning(*ITEM_COLUMNS)
    )
    canceled = {item.id: item for item in map(queue_item, rows)}
    tally = Tally()
    for item in items:
        tally.move(item, item.status, "canceled")
    tally.write(conn)
    single = len(items) == 1
    for item in items:
        if single or item.status == "in_progress":
            status_changed(conn, canceled[item.id], now=now)
    waiting = [item for item in items if item.status == "pending"]
    items_changed(conn, [] if single else waiting, "canceled", now=now)
    return [canceled[item.id] for item in items]


def _delete(conn: Connection, items: Sequence[QueueItem], *, now: str) -> None:
    if not items:
        return
    conn.execute(delete(queue_items).where(queue_items.c.id.in_([item.id for item in items])))
    tally = Tally()
    for item in items:
        tally.move(item, item.status, None)
    tally.write(conn)
    forget_empty_destinations(conn, sorted({item.destination for item in items if item.destination is not None}))
    items_changed(conn, items, "deleted", now=now)
