"""How many items are in which status, from the counters; only a batch, which is small, is counted row by row."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, NotFound
from invoke_host.queue.access import BATCH, DESTINATION_COUNTED, VIEW
from invoke_host.queue.store.items import STATUSES, has_status, unindexed
from invoke_host.queue.store.lease import running
from invoke_host.queue.store.state import is_paused
from invoke_host.queue.tables import batches, destination_counts, queue_counts, queue_items
from invoke_host.storage import quick


@quick
def overall(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str) -> dict[str, Any]:
    """The queue and its processor (schema.QueueAndProcessorStatus). Counts are over all users, for everybody."""
    rows = conn.execute(_COUNTS, {"queue_id_": queue_id, "user_id_": str(actor.id)}).all()
    own = {row.status: row.own for row in rows}
    found = conn.execute(_running(access.predicate(actor, VIEW.name)), {"queue_id_": queue_id}).first()
    return {
        "queue": {
            "queue_id": queue_id,
            "item_id": found.id if found else None,
            "session_id": found.session_id if found else None,
            "batch_id": found.batch_id if found else None,
            **_counts((row.status, row.total) for row in rows),
            "user_pending": own.get("pending", 0),
            "user_in_progress": own.get("in_progress", 0),
        },
        "processor": processor(conn),
    }


@quick
def processor(conn: Connection) -> dict[str, bool]:
    """Whether items are taken, and whether one is at work (schema.ProcessorStatus); of all queues."""
    return {"is_started": not is_paused(conn), "is_processing": running(conn)}


@quick
def of_batch(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, batch_id: str) -> dict[str, Any]:
    """How far a batch is (schema.BatchStatus). Raises NotFound for one of another queue or somebody else's too."""
    place = {"queue_id_": queue_id, "batch_id_": batch_id}
    found = conn.execute(_batch(access.predicate(actor, VIEW.name, BATCH)), place).first()
    if found is None:
        raise NotFound(f"There is no batch {batch_id[:64]!r} in queue {queue_id[:64]!r}.")
    return {
        "queue_id": queue_id,
        "batch_id": batch_id,
        "origin": found.origin,
        "destination": found.destination,
        **_counts((row[0], row[1]) for row in conn.execute(_IN_BATCH, {"batch_id_": batch_id})),
    }


@quick
def of_destination(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, destination: str
) -> dict[str, Any]:
    """Items for a destination that the actor may view (schema.DestinationCounts)."""
    statement = _for_destination(access.predicate(actor, VIEW.name, DESTINATION_COUNTED))
    rows = conn.execute(statement, {"queue_id_": queue_id, "destination_": destination})
    return {"queue_id": queue_id, "destination": destination, **_counts((row[0], row[1]) for row in rows)}


_COUNTS = (
    select(
        queue_counts.c.status,
        func.sum(queue_counts.c.count).label("total"),
        func.sum(case((queue_counts.c.user_id == bindparam("user_id_"), queue_counts.c.count), else_=0)).label("own"),
    )
    .where(queue_counts.c.queue_id == bindparam("queue_id_"))
    .group_by(queue_counts.c.status)
)
_IN_BATCH = (
    select(queue_items.c.status, func.count())
    .where(queue_items.c.batch_id == bindparam("batch_id_"))
    .group_by(queue_items.c.status)
)


@lru_cache(2048)
def _running(allowed: ColumnElement[bool]) -> Select[Any]:
    return (
        select(queue_items.c.id, queue_items.c.session_id, queue_items.c.batch_id)
        .where(has_status("in_progress"), unindexed(queue_items.c.queue_id) == bindparam("queue_id_"), allowed)
        .order_by(queue_items.c.started_at, queue_items.c.id)
        .limit(1)
    )


@lru_cache(2048)
def _batch(allowed: ColumnElement[bool]) -> Select[Any]:
    place = (batches.c.id == bindparam("batch_id_"), batches.c.queue_id == bindparam("queue_id_"))
    return select(batches.c.origin, batches.c.destination).where(*place, allowed)


@lru_cache(2048)
def _for_destination(allowed: ColumnElement[bool]) -> Select[Any]:
    counts = destination_counts.c
    return (
        select(counts.status, func.sum(counts.count))
        .where(counts.queue_id == bindparam("queue_id_"), counts.destination == bindparam("destination_"), allowed)
        .group_by(counts.status)
    )


def _counts(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    # PostgreSQL sums integers into a decimal.
    found = {status: int(count) for status, count in rows}
    counts: dict[str, int] = {status: found.get(status, 0) for status in STATUSES}
    return {**counts, "waiting": 0, "total": sum(counts.values())}
