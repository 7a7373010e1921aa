"""The few facts about the queue as a whole: whose turn it is, and whether it is paused."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from sqlalchemy import Connection, Insert, Select, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.queue.tables import queue_state
from invoke_host.storage import quick


def next_turn(conn: Connection) -> int:
    """The next turn's number, 1 for the first; who asks holds the line until their transaction ends."""
    return int(conn.execute(_add(conn.dialect.name), {"key": "turn", "value": 1}).scalar_one())


def lock_line(conn: Connection) -> None:
    """Hold the line as `next_turn` does, without taking a turn, where several can write at once."""
    conn.execute(_add(conn.dialect.name), {"key": "turn", "value": 0})


@quick
def is_paused(conn: Connection) -> bool:
    """True while no new item may be started."""
    return bool(conn.execute(_VALUE, {"key_": "paused"}).scalar())


def set_paused(conn: Connection, paused: bool) -> None:
    """Stop or resume taking items; lasts over restarts."""
    conn.execute(_set(conn.dialect.name), {"key": "paused", "value": int(paused)})


_VALUE: Select[int] = select(queue_state.c.value).where(queue_state.c.key == bindparam("key_"))


@lru_cache(2)
def _add(dialect: str) -> Insert:
    return _upsert(dialect, "add")


@lru_cache(2)
def _set(dialect: str) -> Insert:
    return _upsert(dialect, "set")


def _upsert(dialect: str, how: Literal["add", "set"]) -> Insert:
    row = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(queue_state)
    value = queue_state.c.value + row.excluded.value if how == "add" else row.excluded.value
    changed = row.on_conflict_do_update(index_elements=[queue_state.c.key], set_={"value": value})
    return changed.returning(queue_state.c.value)
