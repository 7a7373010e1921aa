"""Asking for a failed or canceled picture once more: a new item, in the same batch, with the same request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden
from invoke_host.queue.access import RETRY
from invoke_host.queue.store.announce import items_changed
from invoke_host.queue.store.counters import Tally, open_lane
from invoke_host.queue.store.enqueue import full, room
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, queue_item
from invoke_host.queue.store.reads import unknown_item
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.tables import queue_items


@dataclass(frozen=True, slots=True)
class Retried:
    """Ids of the items that were asked for again (not those that were in no state for it), and of the new ones."""

    old_ids: list[int]
    new_ids: list[int]


def retry(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    queue_id: str,
    item_ids: Sequence[int],
    *,
    max_size: int,
    now: str,
) -> Retried:
    """Put failed and canceled items into the queue again, for their owners; others and missing ones are passed over.

    Raises:
        NotFound: one of them is in another queue.
        Forbidden: the actor may not retry one of them; then none is.
        TooManyRequests: the queue has no room for all of them; then none is.
    """
    lock_line(conn)
    items = _permitted(conn, access, actor, queue_id, item_ids)
    again = [item for item in items if item.status in ("failed", "canceled")]
    if not again:
        return Retried([], [])
    if len(again) > room(conn, queue_id, max_size=max_size):
        raise full(queue_id, max_size)
    conn.execute(insert(queue_items), [_values(item, now) for item in again])
    newest = conn.execute(
        select(*ITEM_COLUMNS)
        .where(queue_items.c.batch_id.in_({item.batch_id for item in again}))
        .order_by(queue_items.c.id.desc())
        .limit(len(again))
    )
    new = sorted(map(queue_item, newest), key=lambda item: item.id)
    tally = Tally()
    for item in new:
        open_lane(conn, item.user_id, item.id)
        tally.move(item, None, "pending")
    tally.write(conn)
    items_changed(conn, new, "retried", now=now)
    return Retried([item.id for item in again], [item.id for item in new])


def _permitted(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_ids: Sequence[int]
) -> list[QueueItem]:
    permitted = func.coalesce(access.predicate(actor, RETRY.name), False).label("permitted")
    query = select(*ITEM_COLUMNS, permitted).where(queue_items.c.id.in_(set(item_ids))).order_by(queue_items.c.id)
    rows = conn.execute(query.with_for_update()).all()
    for row in rows:
        if row.queue_id != queue_id:
            raise unknown_item(queue_id, row.id)
    for row in rows:
        if not row.permitted:
            raise Forbidden(f"Queue item {row.id} belongs to somebody else; nothing was retried.")
    return [queue_item(row) for row in rows]


def _values(item: QueueItem, now: str) -> dict[str, object]:
    kept = ("batch_id", "batch_index", "queue_id", "user_id", "origin", "destination", "priority", "request")
    return {
        **{name: getattr(item, name) for name in kept},
        "session_id": ids.new_id(),
        "status": "pending",
        "retried_from_item_id": item.retried_from_item_id or item.id,
        "created_at": now,
        "updated_at": now,
    }
