"""The few facts about the queue as a whole: the clock of the line, and which queues and lanes are paused."""

from __future__ import annotations

from sqlalchemy import Connection, Insert, bindparam, delete, func, literal_column, select

from invoke_host.queue.store.sql import insert_into, larger
from invoke_host.queue.tables import queue_pauses, queue_state
from invoke_host.storage import PreparedSelect, PreparedWrite, quick

_CLOCK = "vtime_us"


def lock_line(conn: Connection) -> None:
    """Hold the line until the transaction ends, where several can write at once; take it before items and lanes."""
    if conn.dialect.name != "sqlite":
        _CLOCK_AT_LEAST.run(conn, {"key": _CLOCK, "value": 0})


def advance(conn: Connection, vtime_us: int) -> None:
    """Set the clock of the line to that of a lane that is served, unless it stands higher already."""
    _CLOCK_AT_LEAST.run(conn, {"key": _CLOCK, "value": vtime_us})


#: The clock of the line, in SQL: that of the lane which was the furthest of those that were served.
FLOOR = func.coalesce(
    select(queue_state.c.value).where(queue_state.c.key == literal_column(f"'{_CLOCK}'")).scalar_subquery(),
    literal_column("0"),
    type_=queue_state.c.value.type,
)


def floor_us(conn: Connection) -> int:
    """The clock of the line."""
    row = _FLOOR.first(conn, {})
    return 0 if row is None else int(row[0])


@quick
def is_paused(conn: Connection, queue_id: str) -> bool:
    """True while no new item of this queue may be started."""
    return _PAUSED.first(conn, {"queue_id_": queue_id}) is not None


def set_paused(conn: Connection, queue_id: str, paused: bool, *, now: str) -> None:
    """Stop or resume taking items of a queue; lasts over restarts."""
    lock_line(conn)
    if paused:
        _PAUSE.run(conn, {"queue_id": queue_id, "created_at": now})
    else:
        _RESUME.run(conn, {"queue_id_": queue_id})


def _clock_at_least(dialect: str) -> Insert:
    row = insert_into(queue_state, dialect)
    value = larger(queue_state.c.value, row.excluded.value)
    return row.on_conflict_do_update(index_elements=[queue_state.c.key], set_={"value": value})


def _pause(dialect: str) -> Insert:
    row = insert_into(queue_pauses, dialect)
    return row.on_conflict_do_nothing(index_elements=[queue_pauses.c.queue_id])


_CLOCK_AT_LEAST = PreparedWrite(_clock_at_least)
_FLOOR = PreparedSelect(select(FLOOR.label("floor")))
_PAUSED = PreparedSelect(select(queue_pauses.c.queue_id).where(queue_pauses.c.queue_id == bindparam("queue_id_")))
_PAUSE = PreparedWrite(_pause)
_RESUME = PreparedWrite(delete(queue_pauses).where(queue_pauses.c.queue_id == bindparam("queue_id_")))
