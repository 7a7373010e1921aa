"""Finished items that need not be kept: which they are, the oldest first, and removing some of them.

How many are finished is known from the totals, and the oldest are found by an index: nothing here reads what is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Text, bindparam, func, literal_column, select

from invoke_host.queue.store.bulk import remove
from invoke_host.queue.store.items import TERMINAL
from invoke_host.queue.store.leaving import COLUMNS, Leaver
from invoke_host.queue.store.sql import among, as_list
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.tables import queue_items, queue_totals
from invoke_host.storage import PreparedSelect

#: Ids found at once.
PAGE = 5_000


def older_than(conn: Connection, before: str) -> Sequence[int]:
    """The oldest items that were finished before then, by the time at which they were; at most a page."""
    return [row[0] for row in _OLDER.all(conn, {"before_": before, "limit_": PAGE})]


def beyond(conn: Connection, keep: int) -> Sequence[int]:
    """The oldest finished items beyond the newest `keep`, of all queues and users together; at most a page."""
    excess = _finished(conn) - keep
    if excess <= 0:
        return []
    return [row[0] for row in _OLDEST.all(conn, {"limit_": min(excess, PAGE)})]


def forget_step(conn: Connection, ids: Sequence[int], *, keep: int | None, forget_before: str, now: str) -> int:
    """Remove those of the items that are still there; their pictures stay. Returns how many.

    With `keep` only as many as leave so many finished ones: somebody else may have removed others since the ids were
    found.
    """
    lock_line(conn)
    if keep is not None:
        ids = ids[: max(0, _finished(conn) - keep)]
    found = [Leaver(*row) for row in _THESE.all(conn, {"ids_": as_list(ids)})]
    return remove(conn, found, forget_before=forget_before, now=now)


def _finished(conn: Connection) -> int:
    row = _FINISHED.first(conn, {})
    return int(row[0] or 0) if row else 0


# Written out exactly as in the partial index, for the partial index.
_IS_FINISHED = queue_items.c.status.in_([literal_column(f"'{status}'") for status in TERMINAL])
_FINISHED = PreparedSelect(
    select(func.sum(queue_totals.c.count)).where(
        queue_totals.c.status.in_([literal_column(f"'{status}'") for status in TERMINAL])
    )
)
_OLDEST_FIRST = (
    select(queue_items.c.id)
    .where(_IS_FINISHED)
    .order_by(queue_items.c.completed_at, queue_items.c.id)
    .limit(bindparam("limit_"))
)
_OLDEST = PreparedSelect(_OLDEST_FIRST)
_OLDER = PreparedSelect(_OLDEST_FIRST.where(queue_items.c.completed_at < bindparam("before_")))
_THESE = PreparedSelect(
    select(*COLUMNS)
    .where(among(queue_items.c.id, bindparam("ids_", type_=Text)), _IS_FINISHED)
    .order_by(queue_items.c.id)
    .with_for_update()
)
