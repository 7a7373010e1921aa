"""Lanes and counters, kept in the transaction that changes the items, so that no answer depends on history.

Rows are written in one order (lanes, then counts, each sorted), so that two writers never wait for each other in a
circle.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection, Insert, Table, Update, bindparam, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.queue.store.items import Status
from invoke_host.queue.tables import destination_counts, queue_counts, queue_items, queue_lanes

#: Lanes that were never served stand this far below zero, plus the id of their first item: before all others, and
#: among themselves in the order in which they came. So do lanes whose turn was lost to a restart.
NEVER = -(2**60)


class Counted(Protocol):
    """What the counters need to know of an item."""

    @property
    def queue_id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def destination(self) -> str | None: ...


class Tally:
    """Gathers what changes and writes it once, at the end of the transaction."""

    def __init__(self) -> None:
        self._lanes: Counter[str] = Counter()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._destinations: Counter[tuple[str, str, str, str]] = Counter()

    def move(self, item: Counted, old: Status | None, new: Status | None, count: int = 1) -> None:
        """`count` items like this one went from a status to another; None = they did not exist, or do no more."""
        for status, delta in ((old, -count), (new, count)):
            if status is None:
                continue
            self._counts[(item.queue_id, item.user_id, status)] += delta
            if item.destination is not None:
                self._destinations[(item.queue_id, item.destination, item.user_id, status)] += delta
            if status == "pending":
                self._lanes[item.user_id] += delta

    def write(self, conn: Connection) -> None:
        """Bring the counters up to date. Every lane exists since the user's first enqueue (`open_lane`)."""
        lanes = [{"at_user_id": user, "delta": delta} for user, delta in sorted(self._lanes.items()) if delta]
        if lanes:
            conn.execute(_LANE, lanes)
        _write(conn, queue_counts, self._counts)
        _write(conn, destination_counts, self._destinations)


def open_lane(conn: Connection, user_id: str, first_item_id: int) -> None:
    """Make sure that the user has a place in line; one who was never served keeps the place of the first item."""
    conn.execute(_opened(conn.dialect.name), {"user_id": user_id, "pending": 0, "served": NEVER + first_item_id})


def pending_in(conn: Connection, queue_id: str) -> int:
    """How many items wait under this queue id, whoever owns them."""
    return conn.execute(_PENDING, {"queue_id_": queue_id}).scalar() or 0


def forget_empty_destinations(conn: Connection, destinations: list[str]) -> None:
    """Drop counters that reached zero, or every destination ever used would leave a few rows."""
    empty = destination_counts.c.count == 0
    if destinations:
        conn.execute(delete(destination_counts).where(empty, destination_counts.c.destination.in_(destinations)))


def drift(conn: Connection) -> list[str]:
    """Where lanes and counters differ from the items, one sentence each; for `doctor` and tests: it counts all."""
    real: dict[tuple[str, ...], int] = {}
    kind = (queue_items.c.queue_id, queue_items.c.destination, queue_items.c.user_id, queue_items.c.status)
    for queue, destination, user, status, count in conn.execute(select(*kind, func.count()).group_by(*kind)):
        keys: list[tuple[str, ...]] = [("queue", queue, user, status)] + [("lane", user)] * (status == "pending")
        keys += [("destination", queue, destination, user, status)] * (destination is not None)
        for key in keys:
            real[key] = real.get(key, 0) + count
    kept: dict[tuple[str, ...], int] = {("queue", *row[:3]): row[3] for row in conn.execute(select(queue_counts))}
    kept |= {("destination", *row[:4]): row[4] for row in conn.execute(select(destination_counts))}
    kept |= {("lane", row[0]): row[1] for row in conn.execute(select(queue_lanes))}
    return [
        f"the counter {' / '.join(key)} says {kept.get(key, 0)}, there are {real.get(key, 0)} items"
        for key in sorted({*real, *kept})
        if kept.get(key, 0) != real.get(key, 0)
    ]


_LANE = (
    update(queue_lanes)
    .where(queue_lanes.c.user_id == bindparam("at_user_id"))
    .values(pending=queue_lanes.c.pending + bindparam("delta"))
)
_PENDING = select(func.sum(queue_counts.c.count)).where(
    queue_counts.c.queue_id == bindparam("queue_id_"), queue_counts.c.status == "pending"
)


def _write(conn: Connection, table: Table, deltas: Counter[Any]) -> None:
    names = [column.name for column in table.primary_key.columns]
    more, fewer = [], []
    for key, delta in sorted(deltas.items()):
        if delta > 0:
            more.append({**dict(zip(names, key, strict=True)), "count": delta})
        elif delta < 0:
            fewer.append({**{f"at_{name}": part for name, part in zip(names, key, strict=True)}, "delta": delta})
    if fewer:
        conn.execute(_lowered(table), fewer)
    if more:
        conn.execute(_raised(table, conn.dialect.name), more)


@lru_cache(8)
def _lowered(table: Table) -> Update:
    place = [column == bindparam(f"at_{column.name}") for column in table.primary_key.columns]
    return update(table).where(*place).values(count=table.c.count + bindparam("delta"))


@lru_cache(8)
def _raised(table: Table, dialect: str) -> Insert:
    row = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    key = list(table.primary_key.columns)
    return row.on_conflict_do_update(index_elements=key, set_={"count": table.c.count + row.excluded.count})


@lru_cache(2)
def _opened(dialect: str) -> Insert:
    row = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(queue_lanes)
    never = (queue_lanes.c.pending == 0) & (queue_lanes.c.served < 0)
    served = case((never, row.excluded.served), else_=queue_lanes.c.served)
    return row.on_conflict_do_update(index_elements=[queue_lanes.c.user_id], set_={"served": served})
