"""Whose turn it is: the lane whose clock is furthest behind, of those that may be served, and in it the best item.

Each user has a lane, and its clock is the device time that it was given, over the user's weight: start-time fair
queueing (Goyal, Vin, Cheng: Start-Time Fair Queueing, SIGCOMM 1996), which is deficit round robin (Shreedhar, Varghese:
Efficient Fair Queueing using Deficit Round Robin, SIGCOMM 1995) with a vanishing quantum. See ADR 0503.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Select,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    select,
    update,
)

from invoke_host.limits import effective, running
from invoke_host.queue.store.active import owner_is_active
from invoke_host.queue.store.bookings import group_running
from invoke_host.queue.store.items import has_status
from invoke_host.queue.store.sql import insert_into, larger
from invoke_host.queue.store.state import FLOOR, floor_us, lock_line
from invoke_host.queue.tables import queue_items, queue_lanes, queue_pauses
from invoke_host.storage import PreparedSelect, PreparedWrite

Order = Literal["fair", "fifo"]

#: A lane that could not be served although it waited (its queue was paused, its owner had enough running) is at most
#: so far ahead of the others afterwards: it must not lock them out for as long as it had to wait itself.
CREDIT_US = 60_000_000

#: Where limits are set, so many lanes are looked at first; usually the first one may be served.
_FEW = 4
_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Pick:
    """The item that is next, its lane's clock and that of the line, and its owner's weight."""

    item_id: int
    user_id: str
    vtime_us: int
    floor_us: int
    weight: float = 1.0

    @property
    def start_us(self) -> int:
        """The clock at which the lane is served: credit is bounded."""
        return max(self.vtime_us, self.floor_us - CREDIT_US)


def pick(conn: Connection, order: Order = "fair") -> Pick | None:
    """Who is next, None if nobody may be served. Reads only: a host where all is paused or capped writes nothing."""
    row = _FIRST[order].first(conn, {})
    if row is None:
        return None
    return _pick_within_limits(conn, order) if row[-1] == 1 else Pick(*row[:-1])


def waits(conn: Connection, order: Order = "fair") -> bool:
    """Whether `pick` finds somebody."""
    row = _FIRST["fair"].first(conn, {})  # which is the cheaper one, and finds somebody whenever the other does
    return row is not None and (row[-1] != 1 or _pick_within_limits(conn, order) is not None)


def begins_at(conn: Connection) -> int:
    """The clock of a lane that begins to wait now: that of the line, or of who is next, if that one is behind.

    Who is next is behind the line where several of their items were begun and most of what these were charged was given
    back: they took less than expected, or were canceled. Who comes now must not wait until that is made up for.
    """
    floor, found = floor_us(conn), pick(conn)
    return floor if found is None else min(floor, found.start_us)


def pause_own(conn: Connection, user_id: str, paused: bool) -> None:
    """Stop or resume taking the user's items. Who resumes waits as if they had just come: a pause earns nothing."""
    lock_line(conn)
    if paused:
        _PAUSE.run(conn, {"user_id": user_id, "paused": True})
    else:
        _RESUME.run(conn, {"user_id_": user_id, "begin_": begins_at(conn)})


def may_be_taken(item_queue_id: ColumnElement[str]) -> ColumnElement[bool]:
    """True where no administrator has paused that queue."""
    return ~exists().where(queue_pauses.c.queue_id == item_queue_id)


def _pick_within_limits(conn: Connection, order: Order) -> Pick | None:
    """The same where somebody has a weight or a cap on running items: lane by lane, in the order of the line."""
    groups: Callable[[str], int] = cache(partial(group_running, conn))
    for count in (_FEW, _ALL):
        rows = _EACH[order].all(conn, {"count_": count})
        for *row, busy in rows:
            bound = effective.of(conn, row[1])
            if running.may_start(conn, row[1], busy, groups, known=bound):
                return replace(Pick(*row), weight=bound.weight)
        if len(rows) < count:
            break
    return None


#: Lanes from which something may be taken, in the words of their partial index.
WAITS: ColumnElement[bool] = literal_column("queue_lanes.pending > 0 AND NOT queue_lanes.paused")


def _best_item() -> ColumnElement[int]:
    own = queue_items.alias("own")
    return (
        select(own.c.id)
        .with_hint(own, "INDEXED BY ix_queue_items_pending", "sqlite")
        .where(own.c.user_id == queue_lanes.c.user_id, has_status("pending", own), may_be_taken(own.c.queue_id))
        .order_by(own.c.priority.desc(), own.c.id)
        .limit(literal_column("1"))
        .correlate(queue_lanes)
        .scalar_subquery()
    )


def _in_line(order: Order, more: ColumnElement[Any], limit: ColumnElement[int]) -> Select[Any]:
    # No join with the items: SQLite, with statistics of a small queue, would begin with them. One by id is safe.
    lane = queue_lanes.c
    best = _best_item()
    waiting = select(best.label("item_id"), lane.user_id, lane.vtime_us, FLOOR.label("floor"), more.label("more"))
    waiting = waiting.where(WAITS, owner_is_active(lane.user_id))
    if order == "fair":
        return waiting.where(best.is_not(None)).order_by(lane.vtime_us, lane.since).limit(limit)
    each = waiting.cte("each").prefix_with("MATERIALIZED")  # or the best item is looked up for each of its mentions
    item = queue_items.alias("best")
    priority = select(item.c.priority).where(item.c.id == each.c.item_id).scalar_subquery()
    return select(each).where(each.c.item_id.is_not(None)).order_by(priority.desc(), each.c.item_id).limit(limit)


def _pause(dialect: str) -> Insert:
    row = insert_into(queue_lanes, dialect)
    return row.on_conflict_do_update(index_elements=[queue_lanes.c.user_id], set_={"paused": row.excluded.paused})


def _resumed() -> dict[str, Any]:
    first = (
        select(func.min(queue_items.c.id))
        .where(queue_items.c.user_id == queue_lanes.c.user_id, has_status("pending"))
        .correlate(queue_lanes)
        .scalar_subquery()
    )
    since = func.coalesce(first, queue_lanes.c.since)
    begin = bindparam("begin_", type_=queue_lanes.c.vtime_us.type)
    return {"paused": false(), "vtime_us": larger(queue_lanes.c.vtime_us, begin), "since": since}


_ORDERS: tuple[Order, ...] = ("fair", "fifo")
_FIRST = {order: PreparedSelect(_in_line(order, running.configured(), literal_column("1"))) for order in _ORDERS}
_EACH = {
    order: PreparedSelect(_in_line(order, queue_lanes.c.running, bindparam("count_", type_=Integer())))
    for order in _ORDERS
}
_PAUSE = PreparedWrite(_pause)
_RESUME = PreparedWrite(
    update(queue_lanes).where(queue_lanes.c.user_id == bindparam("user_id_"), queue_lanes.c.paused).values(_resumed())
)
