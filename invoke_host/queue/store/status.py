"""How many items are in which status, from the counters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, func, literal_column, select
from sqlalchemy.sql import false

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.queue.access import DESTINATION_COUNTED, VIEW
from invoke_host.queue.store.items import STATUSES, has_status, unindexed
from invoke_host.queue.store.lease import running
from invoke_host.queue.store.state import is_paused
from invoke_host.queue.tables import (
    destination_counts,
    queue_counts,
    queue_items,
    queue_lanes,
    queue_pauses,
    queue_totals,
)
from invoke_host.storage import PreparedSelect, quick


@quick
def overall(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str) -> dict[str, Any]:
    """The queue and its processor (schema.QueueAndProcessorStatus). Counts are over all users, for everybody."""
    who = {"queue_id_": queue_id, "user_id_": str(actor.id)}
    rows = _COUNTS.all(conn, who)
    own = {row[0]: row[2] or 0 for row in rows}
    running = _running(access.predicate(actor, VIEW.name)).first(conn, {"queue_id_": queue_id})
    item_id, session_id, batch_id = running[:3] if running is not None and running[3] == 1 else (None, None, None)
    # They come with the counts, as another statement would cost as much; a queue that nobody used has none.
    paused, own_paused = rows[0][3:] if rows else _PAUSES.all(conn, who)[0]
    return {
        "queue": {
            "queue_id": queue_id,
            "item_id": item_id,
            "session_id": session_id,
            "batch_id": batch_id,
            **counts((row[0], row[1]) for row in rows),
            "user_pending": own.get("pending", 0),
            "user_in_progress": own.get("in_progress", 0),
            "user_paused": own_paused == 1,
        },
        "processor": {"is_started": paused is None, "is_processing": running is not None},
    }


@quick
def processor(conn: Connection, queue_id: str) -> dict[str, bool]:
    """Whether items of this queue are taken, and whether one is at work (schema.ProcessorStatus)."""
    return {"is_started": not is_paused(conn, queue_id), "is_processing": running(conn, queue_id)}


@quick
def of_destination(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, destination: str
) -> dict[str, Any]:
    """Items for a destination that the actor may view (schema.DestinationCounts)."""
    statement = _for_destination(access.predicate(actor, VIEW.name, DESTINATION_COUNTED))
    rows = conn.execute(statement, {"queue_id_": queue_id, "destination_": destination})
    return {"queue_id": queue_id, "destination": destination, **counts((row[0], row[1]) for row in rows)}


_OWN = and_(
    queue_counts.c.queue_id == queue_totals.c.queue_id,
    queue_counts.c.user_id == bindparam("user_id_"),
    queue_counts.c.status == queue_totals.c.status,
)
_PAUSED = (
    select(queue_pauses.c.queue_id).where(queue_pauses.c.queue_id == bindparam("queue_id_")).scalar_subquery(),
    select(queue_lanes.c.paused).where(queue_lanes.c.user_id == bindparam("user_id_")).scalar_subquery(),
)
_COUNTS = PreparedSelect(
    select(queue_totals.c.status, queue_totals.c.count, queue_counts.c.count, *_PAUSED)
    .select_from(queue_totals.outerjoin(queue_counts, _OWN))
    .where(queue_totals.c.queue_id == bindparam("queue_id_"))
)
_PAUSES = PreparedSelect(select(*_PAUSED))


@lru_cache(2048)
def _running(allowed: ColumnElement[bool]) -> PreparedSelect:
    # One that may be seen if there is any, else any: it says that something runs.
    seen = func.coalesce(allowed, false())
    return PreparedSelect(
        select(queue_items.c.id, queue_items.c.session_id, queue_items.c.batch_id, case((seen, 1), else_=0))
        .where(has_status("in_progress"), unindexed(queue_items.c.queue_id) == bindparam("queue_id_"))
        .order_by(case((seen, 0), else_=1), queue_items.c.started_at, queue_items.c.id)
        .limit(literal_column("1"))
    )


@lru_cache(2048)
def _for_destination(allowed: ColumnElement[bool]) -> Select[Any]:
    kept = destination_counts.c
    return (
        select(kept.status, func.sum(kept.count))
        .where(kept.queue_id == bindparam("queue_id_"), kept.destination == bindparam("destination_"), allowed)
        .group_by(kept.status)
    )


def counts(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Counts by status as answers have them (schema.StatusCounts)."""
    # PostgreSQL sums integers into a decimal.
    found = {status: int(count) for status, count in rows}
    by_status: dict[str, int] = {status: found.get(status, 0) for status in STATUSES}
    return {**by_status, "waiting": 0, "total": sum(by_status.values())}
