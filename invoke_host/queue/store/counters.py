"""Lanes and counters, kept in the transaction that changes the items, so that no answer depends on history.

Rows are written in one order (lanes, then counts, then totals, each sorted), so that two writers never wait for each
other in a circle.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import (
    Connection,
    Insert,
    Integer,
    Table,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)

from invoke_host.queue.store.items import Status
from invoke_host.queue.store.sql import insert_into, larger
from invoke_host.queue.store.state import FLOOR
from invoke_host.queue.tables import destination_counts, queue_counts, queue_items, queue_lanes, queue_totals
from invoke_host.storage import PreparedSelect, PreparedWrite


class Counted(Protocol):
    """What the counters need to know of an item."""

    @property
    def queue_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def destination(self) -> str | None: ...


@dataclass(slots=True)
class _Lane:
    """What changes in one lane; `since` is the smallest id of what begins to wait."""

    pending: int = 0
    running: int = 0
    us: int = 0
    since: int | None = None


class Tally:
    """Gathers what changes and writes it once, at the end of the transaction."""

    def __init__(self) -> None:
        self._lanes: defaultdict[str, _Lane] = defaultdict(_Lane)
        self._counts: dict[tuple[str, ...], int] = {}
        self._totals: dict[tuple[str, ...], int] = {}
        self._destinations: dict[tuple[str, ...], int] = {}

    def move(
        self, item: Counted, old: Status | None, new: Status | None, count: int = 1, *, first_id: int | None = None
    ) -> None:
        """`count` items like this one went from a status to another; None = they did not exist, or do no more.

        `first_id` is the smallest id of several that wait now; else it is the item's own.
        """
        if old is not None:
            self._add(item, old, -count)
        if new is not None:
            self._add(item, new, count)
        if new == "pending":
            lane = self._lanes[item.user_id]
            first = getattr(item, "id", 0) if first_id is None else first_id
            lane.since = first if lane.since is None else min(first, lane.since)

    def charge(self, user_id: str, us: int) -> None:
        """Move the lane's clock on by so much; back if it is negative."""
        self._lanes[user_id].us += us

    def write(self, conn: Connection, *, begin_us: int | None = None) -> None:
        """Bring the counters up to date. Lanes begin to wait at that clock (`lanes.begins_at`), else at the line's."""
        for user_id in sorted(self._lanes):
            lane = self._lanes[user_id]
            change = {"pending_": lane.pending, "running_": lane.running, "us_": lane.us, "user_id_": user_id}
            if lane.pending > 0:
                _WAITING.run(conn, {**change, "since_": lane.since or 0, "begin_": begin_us})
            elif lane.pending or lane.running or lane.us:
                _LANE.run(conn, change)
        _COUNTS.add(conn, self._counts)
        _DESTINATIONS.add(conn, self._destinations)
        _TOTALS.add(conn, self._totals)

    def _add(self, item: Counted, status: Status, delta: int) -> None:
        queue_id, user_id, destination = item.queue_id, item.user_id, item.destination
        key, total = (queue_id, user_id, status), (queue_id, status)
        self._counts[key] = self._counts.get(key, 0) + delta
        self._totals[total] = self._totals.get(total, 0) + delta
        if destination is not None:
            place = (queue_id, destination, user_id, status)
            self._destinations[place] = self._destinations.get(place, 0) + delta
        if status == "pending":
            self._lanes[user_id].pending += delta
        elif status == "in_progress":
            self._lanes[user_id].running += delta


def pending_in_all(conn: Connection) -> int:
    """How many items wait, whoever owns them, under whichever queue id: these are words of the clients' choice."""
    row = _PENDING.first(conn, {})
    return 0 if row is None else int(row[0])


def forget_user(conn: Connection, user_id: str) -> None:
    """All items of a user are removed: take them out of what is counted over all users, before their own counts go."""
    own = queue_counts.c
    rows = conn.execute(select(own.queue_id, own.status, own.count).where(own.user_id == user_id))
    counts: dict[tuple[str, ...], int] = {(queue_id, status): -count for queue_id, status, count in rows}
    _TOTALS.add(conn, counts)
    _EMPTY_TOTALS.many(conn, [{"queue_id_": queue} for queue in sorted({key[0] for key in counts})])


def forget_empty_destinations(conn: Connection, places: Iterable[tuple[str, str]]) -> None:
    """Drop counters of these (queue, destination) that are zero, or every destination ever used would leave rows."""
    _EMPTY.many(conn, [{"queue_id_": queue, "destination_": destination} for queue, destination in sorted(places)])


def forget_empty_queues(conn: Connection, lanes: Iterable[tuple[str, str]]) -> None:
    """Drop counters of these (queue, user) where nothing is counted any more, or every queue id ever used would stay.

    Call it while holding the line: nobody begins to count there meanwhile.
    """
    rows = [{"queue_id_": queue, "user_id_": user} for queue, user in sorted(lanes)]
    _EMPTY_COUNTS.many(conn, rows)
    _EMPTY_TOTALS.many(conn, [{"queue_id_": queue} for queue in sorted({row["queue_id_"] for row in rows})])


def drift(conn: Connection) -> list[str]:
    """Where lanes and counters differ from the items, one sentence each; for `doctor` and tests: it counts all."""
    real: Counter[tuple[str, ...]] = Counter()
    kind = (queue_items.c.queue_id, queue_items.c.destination, queue_items.c.user_id, queue_items.c.status)
    for queue, destination, user, status, count in conn.execute(select(*kind, func.count()).group_by(*kind)):
        real["queue", queue, user, status] += count
        real["total", queue, status] += count
        if status in ("pending", "in_progress"):
            real["lane", user, "running" if status == "in_progress" else status] += count
        if destination is not None:
            real["destination", queue, destination, user, status] += count
    kept: dict[tuple[str, ...], int] = {("queue", *row[:3]): row[3] for row in conn.execute(select(queue_counts))}
    kept |= {("destination", *row[:4]): row[4] for row in conn.execute(select(destination_counts))}
    kept |= {("total", *row[:2]): row[2] for row in conn.execute(select(queue_totals))}
    for row in conn.execute(select(queue_lanes)):
        kept |= {("lane", row.user_id, "pending"): row.pending, ("lane", row.user_id, "running"): row.running}
    return [
        f"the counter {' / '.join(key)} says {kept.get(key, 0)}, there are {real.get(key, 0)} items"
        for key in sorted({*real, *kept})
        if kept.get(key, 0) != real.get(key, 0)
    ]


class _Counters:
    """A table of counts: what its key is made of, and the statement that adds to it."""

    def __init__(self, table: Table) -> None:
        self._names = tuple(column.name for column in table.primary_key.columns)
        self._table = table
        self._statement = PreparedWrite(self._adding)

    def add(self, conn: Connection, deltas: Mapping[tuple[str, ...], int]) -> None:
        """Count on, in the order of the keys; deltas may be negative."""
        if deltas:
            rows = [
                {**dict(zip(self._names, key, strict=True)), "count": deltas[key]}
                for key in sorted(deltas)
                if deltas[key]
            ]
            self._statement.many(conn, rows)

    def _adding(self, dialect: str) -> Insert:
        row = insert_into(self._table, dialect)
        count = self._table.c.count + row.excluded.count
        return row.on_conflict_do_update(index_elements=list(self._table.primary_key.columns), set_={"count": count})


def _waiting(dialect: str) -> Insert:
    # A lane that begins to wait does so at the clock of the line: idle time has earned nothing, debts are kept.
    lane = queue_lanes.c
    begin = func.coalesce(bindparam("begin_", type_=lane.vtime_us.type), FLOOR)
    row = insert_into(queue_lanes, dialect).values(
        user_id=bindparam("user_id_"),
        pending=bindparam("pending_"),
        running=bindparam("running_"),
        vtime_us=begin + bindparam("us_"),
        since=bindparam("since_"),
    )
    clock = lane.vtime_us + bindparam("us_")
    return row.on_conflict_do_update(
        index_elements=[lane.user_id],
        set_={
            "pending": lane.pending + row.excluded.pending,
            "running": lane.running + row.excluded.running,
            "vtime_us": case((lane.pending == 0, larger(clock, begin)), else_=clock),
            "since": case((lane.pending == 0, row.excluded.since), else_=lane.since),
        },
    )


_COUNTS = _Counters(queue_counts)
_DESTINATIONS = _Counters(destination_counts)
_TOTALS = _Counters(queue_totals)
_WAITING = PreparedWrite(_waiting)
_LANE = PreparedWrite(
    update(queue_lanes)
    .where(queue_lanes.c.user_id == bindparam("user_id_"))
    .values(
        pending=queue_lanes.c.pending + bindparam("pending_"),
        running=queue_lanes.c.running + bindparam("running_"),
        vtime_us=queue_lanes.c.vtime_us + bindparam("us_"),
    )
)
_EMPTY = PreparedWrite(
    delete(destination_counts).where(
        destination_counts.c.queue_id == bindparam("queue_id_"),
        destination_counts.c.destination == bindparam("destination_"),
        destination_counts.c.count == 0,
    )
)
_COUNTED, _TOTALED = queue_counts.alias("counted"), queue_totals.alias("totaled")
_EMPTY_COUNTS = PreparedWrite(
    delete(queue_counts).where(
        queue_counts.c.queue_id == bindparam("queue_id_"),
        queue_counts.c.user_id == bindparam("user_id_"),
        ~exists().where(
            _COUNTED.c.queue_id == bindparam("queue_id_"),
            _COUNTED.c.user_id == bindparam("user_id_"),
            _COUNTED.c.count != 0,
        ),
    )
)
_EMPTY_TOTALS = PreparedWrite(
    delete(queue_totals).where(
        queue_totals.c.queue_id == bindparam("queue_id_"),
        ~exists().where(_TOTALED.c.queue_id == bindparam("queue_id_"), _TOTALED.c.count != 0),
    )
)
_PENDING = PreparedSelect(
    select(func.coalesce(func.sum(queue_totals.c.count), 0, type_=Integer())).where(
        queue_totals.c.status == literal_column("'pending'")
    )
)
