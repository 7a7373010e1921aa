"""What the queue and the limits tell each other: what waits and runs of whom, and what items were booked with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
)

from invoke_host.identity.groups.tables import group_members
from invoke_host.limits import admission, usage
from invoke_host.limits.admission import Fit
from invoke_host.limits.bookings import COUNTED
from invoke_host.limits.drift import drift as usage_drift
from invoke_host.limits.reports import Standing
from invoke_host.limits.usage import Booking
from invoke_host.queue.tables import queue_items, queue_lanes
from invoke_host.storage import PreparedSelect


def fitting(
    conn: Connection, user_id: str, works: Sequence[int], *, now: str, without: Mapping[str, int] | None = None
) -> Fit:
    """How many of these new items (their expected device times in microseconds) the user's limits let in.

    Ask it while holding the line, and `book` what was let in before the transaction ends. `without`: so many items of
    these users stand in their lanes already, and are not let in yet.
    """
    without = without or {}
    return admission.fitting(
        conn,
        user_id,
        works,
        pending=lambda: pending_of(conn, user_id) - without.get(user_id, 0),
        group_pending=lambda group_id: group_pending(conn, group_id) - _of_members(conn, group_id, without),
        now=now,
    )


def book(conn: Connection, user_id: str, works: Sequence[int], *, now: str) -> None:
    """Count new items, created now; `booked_us` of each is its expected device time."""
    usage.book(conn, [Booking(user_id, now, len(works), sum(works))])


def pending_of(conn: Connection, user_id: str) -> int:
    """How many of the user's items wait."""
    return _one(_PENDING, conn, user_id)


def group_pending(conn: Connection, group_id: str) -> int:
    """How many items of all who are in the group wait."""
    return _one(_GROUP_PENDING, conn, group_id)


def group_running(conn: Connection, group_id: str) -> int:
    """How many items of all who are in the group run."""
    return _one(_GROUP_RUNNING, conn, group_id)


def drift(conn: Connection) -> list[str]:
    """Where windows of usage differ from the items, one sentence each; for `doctor` and tests: it reads all."""
    return usage_drift(conn, _booked(conn))


class Places:
    """Implements `limits.reports.Line`."""

    def of_users(self, conn: Connection, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        """What waits and runs, by user id."""
        lane = queue_lanes.c
        rows = conn.execute(select(lane.user_id, lane.pending, lane.running).where(lane.user_id.in_(user_ids)))
        return {row.user_id: Standing(row.pending, row.running) for row in rows}

    def of_group(self, conn: Connection, group_id: str) -> Standing:
        """Of all members together."""
        return Standing(group_pending(conn, group_id), group_running(conn, group_id))


def _booked(conn: Connection) -> Iterator[Booking]:
    item = queue_items.c
    minute = func.substr(item.created_at, literal_column("1"), literal_column("16"))
    images = func.sum(case((item.status.in_(sorted(COUNTED)), 1), else_=0))
    query = select(item.user_id, minute, images, func.sum(item.booked_us)).group_by(item.user_id, minute)
    for user_id, created_at, count, booked_us in conn.execute(query):
        yield Booking(user_id, created_at, int(count), int(booked_us))


def _of_members(conn: Connection, group_id: str, counts: Mapping[str, int]) -> int:
    member = group_members.c
    found = select(member.user_id).where(member.group_id == group_id, member.user_id.in_(counts))
    return sum(counts[user_id] for user_id in conn.scalars(found)) if counts else 0


def _one(statement: PreparedSelect, conn: Connection, key: str) -> int:
    row = statement.first(conn, {"key_": key})
    return int(row[0]) if row else 0


def _in_group(count: ColumnElement[int]) -> Select[int]:
    lanes = group_members.join(queue_lanes, queue_lanes.c.user_id == group_members.c.user_id)
    total = cast(func.coalesce(func.sum(count), 0), BigInteger).label("total")
    return select(total).select_from(lanes).where(group_members.c.group_id == bindparam("key_"))


_PENDING = PreparedSelect(select(queue_lanes.c.pending).where(queue_lanes.c.user_id == bindparam("key_")))
_GROUP_PENDING = PreparedSelect(_in_group(queue_lanes.c.pending))
_GROUP_RUNNING = PreparedSelect(_in_group(queue_lanes.c.running))
