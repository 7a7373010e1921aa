"""The newest items, of all or of some: pages that cost the same at any depth of history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.queue.access import VIEW
from invoke_host.queue.store.items import UNINDEXED_ID, Status, has_status, unindexed
from invoke_host.queue.store.reads import dtos, shown
from invoke_host.queue.tables import queue_items, queue_totals
from invoke_host.storage import PreparedSelect

#: Characters of requests in one answer: turning much more into JSON would hold everybody else's requests up.
MOST_TEXT = 4 << 20


@dataclass(frozen=True, slots=True)
class Filters:
    """Which items; None = no matter. `mine`: only the actor's own, also for administrators."""

    status: Status | None = None
    batch_id: str | None = None
    destination: str | None = None
    mine: bool = False


def newest(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    queue_id: str,
    filters: Filters,
    *,
    before: int | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The newest `limit` items, with an id below `before`; the oldest of them first.

    Fewer where their requests are longer than `MOST_TEXT` together; at least one if there is one.

    With a destination or a batch only such as the actor may view: that an item of somebody else has it is not to be
    learned. A status is public.
    """
    if filters.status is not None:
        # No further than the last one there is: who asks for two failed items does not read all of history.
        limit = min(limit, _total(conn, queue_id, filters.status))
    if limit == 0:
        return []
    viewable = access.predicate(actor, VIEW.name)
    at = UNINDEXED_ID if filters.status in ("pending", "in_progress") else queue_items.c.id
    statement = shown(viewable).where(*_which(filters, actor, queue_id, viewable))
    if before is not None:
        statement = statement.where(at < before)
    with conn.execute(statement.order_by(at.desc()).limit(limit)) as found:
        rows = list(_first(found))
    return dtos(conn, access, actor, rows[::-1])


def _first(rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
    """As many as may be in one answer."""
    size = 0
    for at, row in enumerate(rows):
        if row.may_view:
            size += len(row.request) + len(row.common or "")  # what a batch has in common is repeated in each item
        if at and size > MOST_TEXT:
            return
        yield row


def _which(
    filters: Filters, actor: Actor, queue_id: str, viewable: ColumnElement[bool]
) -> Iterator[ColumnElement[bool]]:
    """The conditions. The one that finds the fewest is left to its index; the others are only looked at."""
    item = queue_items.c
    by_status = filters.status in ("pending", "in_progress")
    by_batch = filters.batch_id is not None and not by_status
    by_owner = filters.mine and not by_status and not by_batch
    by_queue = not (by_status or by_batch or by_owner)
    if filters.status is not None:
        yield has_status(filters.status)
    if filters.batch_id is not None:
        yield viewable
        yield (item.batch_id if by_batch else unindexed(item.batch_id)) == filters.batch_id
    if filters.mine:
        yield (item.user_id if by_owner or by_status else unindexed(item.user_id)) == str(actor.id)
    if filters.destination is not None:
        yield viewable
        yield (item.destination if by_queue else unindexed(item.destination)) == filters.destination
    yield (item.queue_id if by_queue else unindexed(item.queue_id)) == queue_id


def _total(conn: Connection, queue_id: str, status: Status) -> int:
    row = _TOTAL.first(conn, {"queue_id_": queue_id, "status_": status})
    return 0 if row is None else int(row[0])


_TOTAL = PreparedSelect(
    select(queue_totals.c.count).where(
        queue_totals.c.queue_id == bindparam("queue_id_"), queue_totals.c.status == bindparam("status_")
    )
)
