"""When what waits will be begun: its place in the line, and how much device time goes before it.

The line is played forward in one statement. Each lane starts at its clock, and each of its items is reached when the
clock has moved on by the shares of those before it; the claim goes by the same clocks, with the same ties. What nobody
can know yet is left out: new items, canceled ones, limits on running items, and by how much estimates are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, case, cast, func, literal, select
from sqlalchemy.types import Double

from invoke_host.limits import effective, running
from invoke_host.queue.store.active import owner_is_active
from invoke_host.queue.store.items import has_status
from invoke_host.queue.store.lanes import CREDIT_US, WAITS, Order, may_be_taken, pick
from invoke_host.queue.store.rates import estimate, share
from invoke_host.queue.store.settle import elapsed_us
from invoke_host.queue.store.sql import larger
from invoke_host.queue.store.state import FLOOR
from invoke_host.queue.tables import queue_items, queue_lanes


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item is in the line: 1 = next. `before_us` is the device time of all that runs or is before it."""

    position: int
    before_us: int


def places(conn: Connection, order: Order, now: str) -> Mapping[int, Place]:
    """The places of all items that wait and may be begun, by id, the next one first. It reads the whole line."""
    ahead_us = _rest_of_running(conn, now)
    found: dict[int, Place] = {}
    for item_id, us in conn.execute(_line(order, _weights(conn))):
        found[item_id] = Place(len(found) + 1, ahead_us)
        ahead_us += us
    return found


def next_of(conn: Connection, queue_id: str, order: Order, now: str) -> int | None:
    """The id of the item of this queue that is taken first, None if none may be."""
    found = pick(conn, order)
    if found is None:
        return None
    if conn.scalar(select(queue_items.c.queue_id).where(queue_items.c.id == found.item_id)) == queue_id:
        return found.item_id
    # Another queue's is before it. Seldom, as most hosts have one queue.
    of_queue = set(conn.scalars(_OF_QUEUE, {"queue_id_": queue_id}))
    return next((item_id for item_id in places(conn, order, now) if item_id in of_queue), None)


def _rest_of_running(conn: Connection, now: str) -> int:
    item = queue_items.c
    rows = conn.execute(select(item.estimated_us, item.started_at).where(has_status("in_progress")))
    return sum(max(0, (estimated_us or 0) - elapsed_us(started_at, now)) for estimated_us, started_at in rows)


def _weights(conn: Connection) -> tuple[tuple[str, float], ...]:
    """Weights other than one of those who wait."""
    if not conn.scalar(select(running.configured())):
        return ()
    users = conn.scalars(select(queue_lanes.c.user_id).where(WAITS)).all()
    weights = [(user_id, effective.of(conn, user_id).weight) for user_id in users]
    return tuple((user_id, weight) for user_id, weight in weights if weight != 1)


_OF_QUEUE = (
    select(queue_items.c.id)
    .with_hint(queue_items, "INDEXED BY ix_queue_items_pending", "sqlite")
    .where(queue_items.c.queue_id == bindparam("queue_id_"), has_status("pending"))
)


@lru_cache(16)
def _line(order: Order, weights: tuple[tuple[str, float], ...]) -> Select[Any]:
    lane, item = queue_lanes.c, queue_items.c
    us = estimate(item.model, item.work)
    waiting = (
        select(
            item.id,
            item.user_id,
            item.priority,
            us.label("us"),
            share(us, _weight(lane.user_id, weights)).label("share"),
            lane.vtime_us,
            lane.since,
        )
        .join(queue_lanes, lane.user_id == item.user_id)
        .with_hint(queue_items, "INDEXED BY ix_queue_items_pending", "sqlite")
        .where(WAITS, has_status("pending"), may_be_taken(item.queue_id), owner_is_active(lane.user_id))
        .subquery("waiting")
    ).c
    if order == "fifo":
        return select(waiting.id, waiting.us).order_by(waiting.priority.desc(), waiting.id)
    # A lane is served at its clock, but as `Pick.start_us` says credit is bounded from the first item on.
    before = func.sum(waiting.share).over(
        partition_by=waiting.user_id, order_by=[waiting.priority.desc(), waiting.id], rows=(None, -1)
    )
    clock = case(
        (before.is_(None), waiting.vtime_us),
        else_=larger(waiting.vtime_us, FLOOR - CREDIT_US) + cast(before, BigInteger),
    )
    tagged = select(waiting.id, waiting.us, waiting.since, waiting.priority, clock.label("clock")).subquery("tagged").c
    return select(tagged.id, tagged.us).order_by(tagged.clock, tagged.since, tagged.priority.desc(), tagged.id)


def _weight(user_id: ColumnElement[str], weights: tuple[tuple[str, float], ...]) -> ColumnElement[float]:
    one: ColumnElement[float] = literal(1.0, Double())
    if not weights:
        return one
    return case({user: literal(weight, Double()) for user, weight in weights}, value=user_id, else_=one)
