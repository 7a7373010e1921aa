"""What an operation on many items is about, found before it begins, so that looking for it holds no writer.

Ids only, a page at a time. The step that changes them looks at each item again, so an id that was found here is no
promise: meanwhile the item may have been begun, finished, removed or handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select
from sqlalchemy.sql.elements import True_

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.queue.store.items import TERMINAL, UNINDEXED_ID, Status, has_status, unindexed
from invoke_host.queue.tables import queue_items
from invoke_host.storage import PreparedSelect

_ID = itemgetter(0)

#: Ids in one page.
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items of a queue: in one of `statuses`, and of these batches, this destination, this user where given.

    `after` and `through` bound the ids: what is enqueued while a long operation runs is not part of it.
    """

    queue_id: str
    statuses: tuple[Status, ...]
    batch_ids: tuple[str, ...] | None = None
    destination: str | None = None
    user_id: str | None = None
    after: int = 0
    through: int | None = None

    @property
    def unfinished(self) -> bool:
        """True if it is about items that wait or run, and no others."""
        return not set(self.statuses) & set(TERMINAL)


@dataclass(frozen=True, slots=True)
class Page:
    """Ids, in order, and what is left to look at; None at the end."""

    ids: Sequence[int]
    rest: Selection | None


def candidates(conn: Connection, access: AccessEngine, actor: Actor, action: str, which: Selection) -> Page:
    """The next items of a selection to which the actor may do this."""
    through = which.through if which.through is not None else newest_id(conn)
    which = replace(which, through=through)
    allowed = access.predicate(actor, action)
    ids: list[int] = []
    # One status at a time where few items have it: a partial index can't serve an OR of two.
    for statuses in [(status,) for status in which.statuses] if which.unfinished else [which.statuses]:
        ids += map(_ID, PreparedSelect(_found(which, statuses, allowed)).all(conn, {}))
    # Each of them may have brought a whole page; what is beyond the first is found again.
    page = sorted(ids)[:PAGE]
    return Page(page, replace(which, after=page[-1]) if len(ids) >= PAGE else None)


def newest_id(conn: Connection) -> int:
    """The id up to which an operation that begins now goes."""
    return conn.execute(select(func.max(queue_items.c.id))).scalar() or 0


def _found(which: Selection, statuses: Sequence[Status], allowed: ColumnElement[bool]) -> Select[Any]:
    columns = queue_items.c
    # Few items are unfinished, many are history. The former are read through the partial index of their status; the
    # latter in the order of ids, by the narrowest index: of one's own items, if these are all that one may change.
    at = UNINDEXED_ID if which.unfinished else columns.id
    everybody = isinstance(getattr(allowed, "element", allowed), True_) and which.user_id is None
    whole = everybody and not which.unfinished
    queue = columns.queue_id if whole else unindexed(columns.queue_id)
    destination = columns.destination if whole else unindexed(columns.destination)
    where = [or_(*map(has_status, statuses)), allowed, queue == which.queue_id, at > which.after, at <= which.through]
    if which.batch_ids is not None:
        where.append(columns.batch_id.in_(which.batch_ids))
    if which.destination is not None:
        where.append(destination == which.destination)
    if which.user_id is not None:
        where.append(columns.user_id == which.user_id)
    return select(columns.id).where(and_(*where)).order_by(at).limit(PAGE)
