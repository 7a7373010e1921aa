"""Canceling and deleting items, one or many. Each function is one step: it holds the writer for a few milliseconds.

Canceling wins over everything: the item is canceled in the row at once and its lease token is gone, so whatever the
worker still does can't be stored. The dispatcher notices and stops the work. How many statements a step takes does not
depend on how many items it changes, but for those that run, of which there are as many as devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import ColumnElement, Connection, Text, bindparam, delete, or_, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden
from invoke_host.queue.access import CANCEL, DELETE
from invoke_host.queue.store.active import owner_is_active
from invoke_host.queue.store.announce import items_changed, status_changed
from invoke_host.queue.store.batches import forget_empty
from invoke_host.queue.store.counters import forget_empty_destinations, forget_empty_queues
from invoke_host.queue.store.items import ITEM_COLUMNS, TERMINAL, QueueItem, Status, has_status, queue_item
from invoke_host.queue.store.leaving import COLUMNS, Leaver, Leaving
from invoke_host.queue.store.reads import unknown_item
from invoke_host.queue.store.sql import among, as_list
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.tables import queue_items
from invoke_host.storage import PreparedSelect, PreparedWrite

UNFINISHED: tuple[Status, ...] = ("pending", "in_progress")

_ID = itemgetter(0)


def cancel_one(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_id: int, *, now: str
) -> QueueItem:
    """Cancel an item; one that is finished stays as it is. Raises NotFound or Forbidden."""
    lock_line(conn)
    item = _permitted_one(conn, access, actor, CANCEL.name, queue_id, item_id)
    if item.status in TERMINAL:
        return item
    return _cancel_one(conn, Leaver.of(item), now=now)


def delete_one(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_id: int, *, forget_before: str, now: str
) -> None:
    """Remove an item, whatever it is doing; its pictures stay. Its batch goes as in `delete_step`.

    Raises NotFound or Forbidden.
    """
    lock_line(conn)
    item = _permitted_one(conn, access, actor, DELETE.name, queue_id, item_id)
    remove(conn, [Leaver.of(item)], forget_before=forget_before, now=now)


def cancel_step(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    ids: Sequence[int],
    statuses: Sequence[Status],
    *,
    now: str,
) -> int:
    """Cancel those of the items that are in one of these (unfinished) statuses and that the actor may cancel.

    Returns how many it canceled.
    """
    lock_line(conn)
    return cancel(conn, _still(conn, access.predicate(actor, CANCEL.name), ids, statuses), now=now)


def delete_step(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    ids: Sequence[int],
    statuses: Sequence[Status],
    *,
    forget_before: str,
    now: str,
) -> int:
    """Remove those of the items that are in one of these statuses and that the actor may delete; pictures stay.

    Batches that are left without items go too, unless an idempotency key younger than `forget_before` needs them.
    Returns how many items it removed.
    """
    lock_line(conn)
    found = _still(conn, access.predicate(actor, DELETE.name), ids, statuses)
    return remove(conn, found, forget_before=forget_before, now=now)


def cancel_of_user(conn: Connection, user_id: str, *, now: str) -> int:
    """Cancel all that waits or runs of a user; returns how many items. In one piece, so that none begins meanwhile."""
    lock_line(conn)
    return sum(
        cancel(conn, [Leaver(*row) for row in _OF_USER[status].all(conn, {"user_id_": user_id})], now=now)
        for status in UNFINISHED
    )


def cancel_forsaken(conn: Connection, *, now: str) -> int:
    """Cancel what runs for users who are deactivated; returns how many items.

    Whoever deactivates users through the host cancels their work in the same transaction; this is for rows that were
    changed in any other way.
    """
    lock_line(conn)
    return cancel(conn, [Leaver(*row) for row in _FORSAKEN.all(conn, {})], now=now)


def cancel(conn: Connection, items: Sequence[Leaver], *, now: str) -> int:
    """Cancel these unfinished items, whoever asks; the line is locked and so are their rows. Returns how many."""
    if len(items) == 1:
        _cancel_one(conn, items[0], now=now)
        return 1
    waiting = [item for item in items if item.status == "pending"]
    leaving = Leaving(now)
    if waiting:
        leaving.leave(waiting, "canceled")
        _CANCEL.run(conn, {"ids_": as_list(map(_ID, waiting)), "now_": now, "booked_": 0})
    stopped = [_cancel(conn, item, leaving, now) for item in items if item.status != "pending"]
    leaving.write(conn)
    for item in stopped:
        status_changed(conn, item, now=now)
    items_changed(conn, waiting, "canceled", now=now)
    return len(items)


def remove(conn: Connection, items: Sequence[Leaver], *, forget_before: str, now: str) -> int:
    """Remove these items, whoever asks; the line is locked and so are their rows. Returns how many."""
    if not items:
        return 0
    _DELETE.run(conn, {"ids_": as_list(map(_ID, items))})
    leaving = Leaving(now)
    leaving.leave([item for item in items if item.status != "in_progress"], None)
    for item in items:
        if item.status == "in_progress":
            leaving.stop(item, None)
    leaving.write(conn)
    forget_empty_destinations(conn, {(item.queue_id, item.destination) for item in items if item.destination})
    forget_empty_queues(conn, {(item.queue_id, item.user_id) for item in items})
    forget_empty(conn, sorted({item.batch_id for item in items}), forget_before=forget_before)
    items_changed(conn, items, "deleted", now=now)
    return len(items)


def _cancel_one(conn: Connection, item: Leaver, *, now: str) -> QueueItem:
    leaving = Leaving(now)
    canceled = _cancel(conn, item, leaving, now)
    leaving.write(conn)
    status_changed(conn, canceled, now=now)
    return canceled


def _cancel(conn: Connection, item: Leaver, leaving: Leaving, now: str) -> QueueItem:
    booked_us = 0
    if item.status == "in_progress":
        booked_us = leaving.stop(item, "canceled")
    else:
        leaving.leave([item], "canceled")
    row = _CANCEL_ONE.first(conn, {"id_": item.id, "now_": now, "booked_": booked_us})
    assert row is not None, "the caller has locked this row"  # noqa: S101
    return queue_item(row)


def _permitted_one(
    conn: Connection, access: AccessEngine, actor: Actor, action: str, queue_id: str, item_id: int
) -> QueueItem:
    row = _one(access.predicate(actor, action)).first(conn, {"id_": item_id})
    if row is None or (item := queue_item(row)).queue_id != queue_id:
        raise unknown_item(queue_id, item_id)
    if not row[-1]:
        raise Forbidden(f"Queue item {item_id} belongs to somebody else.")
    return item


def _still(
    conn: Connection, allowed: ColumnElement[bool], ids: Sequence[int], statuses: Sequence[Status]
) -> list[Leaver]:
    rows = _these(allowed, tuple(statuses)).all(conn, {"ids_": as_list(ids)})
    return [Leaver(*row) for row in rows]


@lru_cache(2048)
def _one(allowed: ColumnElement[bool]) -> PreparedSelect:
    query = select(*ITEM_COLUMNS, allowed.label("permitted")).where(queue_items.c.id == bindparam("id_"))
    return PreparedSelect(query.with_for_update(of=queue_items))


@lru_cache(2048)
def _these(allowed: ColumnElement[bool], statuses: tuple[Status, ...]) -> PreparedSelect:
    query = select(*COLUMNS).where(_AMONG, or_(*map(has_status, statuses)), allowed)
    return PreparedSelect(query.order_by(queue_items.c.id).with_for_update(of=queue_items))


_AMONG = among(queue_items.c.id, bindparam("ids_", type_=Text))
_CANCELED = {
    "status": "canceled",
    "status_sequence": queue_items.c.status_sequence + 1,
    "lease_token": None,
    "lease_until": None,
    "booked_us": bindparam("booked_"),
    "cancel_requested_at": bindparam("now_"),
    "updated_at": bindparam("now_"),
    "completed_at": bindparam("now_"),
}
_CANCEL = PreparedWrite(update(queue_items).where(_AMONG).values(_CANCELED))
_CANCEL_ONE = PreparedWrite(
    update(queue_items).where(queue_items.c.id == bindparam("id_")).values(_CANCELED).returning(*ITEM_COLUMNS)
)
_DELETE = PreparedWrite(delete(queue_items).where(_AMONG))
_OF_USER = {
    status: PreparedSelect(
        select(*COLUMNS)
        .where(queue_items.c.user_id == bindparam("user_id_"), has_status(status))
        .order_by(queue_items.c.id)
        .with_for_update()
    )
    for status in UNFINISHED
}
_FORSAKEN = PreparedSelect(
    select(*COLUMNS)
    .where(has_status("in_progress"), ~owner_is_active(queue_items.c.user_id))
    .order_by(queue_items.c.id)
    .with_for_update()
)
