"""The outbox in SQL: append in the transaction that makes the event true, read after commit, prune the old end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from invoke_host.api import Event, UserId
from invoke_host.events.tables import outbox
from invoke_host.storage import PreparedSelect, PreparedWrite

#: Rows that one call of `prune` removes at most, so that it never holds the writer for long.
PRUNE_STEP = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """The ids that the outbox holds now; both 0 when it is empty."""

    first: int
    last: int


def append(
    conn: Connection,
    kind: str,
    payload: Mapping[str, Any],
    audience: UserId | None,
    *,
    now: str,
    board_id: str | None = None,
    except_board_id: str | None = None,
    except_user_id: UserId | None = None,
) -> None:
    """Write an event; clients get it after the caller's transaction commits, and never if it does not.

    `audience` is the user whom it concerns (administrators see it too); None = everybody. With `board_id` it also goes
    to all who see that board when it is sent, and None is then nobody in particular. Those who see `except_board_id`
    and the user `except_user_id` don't get it. `now` is a `clock.timestamp`.
    """
    _APPEND.run(
        conn,
        {
            "kind": kind,
            "audience": audience,
            "payload": orjson.dumps(dict(payload)).decode(),
            "created_at": now,
            "board_id": board_id,
            "except_board_id": except_board_id,
            "except_user_id": except_user_id,
        },
    )


_APPEND = PreparedWrite(insert(outbox))
_READ = select(
    outbox.c.id,
    outbox.c.kind,
    outbox.c.payload,
    outbox.c.audience,
    outbox.c.created_at,
    outbox.c.board_id,
    outbox.c.except_board_id,
    outbox.c.except_user_id,
).order_by(outbox.c.id)
_AFTER = PreparedSelect(
    _READ.where(outbox.c.id > bindparam("last_id_"), outbox.c.id <= bindparam("up_to_")).limit(bindparam("limit_"))
)
_LAST = 2**62


def read_after(conn: Connection, last_id: int, limit: int, *, up_to: int | None = None) -> list[Event]:
    """At most `limit` events with an id above `last_id` (and not above `up_to`), oldest first."""
    values = {"last_id_": last_id, "up_to_": _LAST if up_to is None else up_to, "limit_": limit}
    return [_event(row) for row in _AFTER.all(conn, values)]


def read_ids(conn: Connection, ids: Sequence[int]) -> list[Event]:
    """Those of the given events that exist, oldest first."""
    return [_event(row) for row in conn.execute(_READ.where(outbox.c.id.in_(ids)))]


def span(conn: Connection) -> Span:
    """The oldest and the newest id, for judging whether a client can resume."""
    # Two scalar subqueries: SQLite answers min() and max() from the index only when each stands alone.
    first = select(func.min(outbox.c.id)).scalar_subquery()
    last = select(func.max(outbox.c.id)).scalar_subquery()
    row = conn.execute(select(first, last)).one()
    return Span(row[0] or 0, row[1] or 0)


def prune(conn: Connection, keep: int) -> int:
    """Remove up to PRUNE_STEP of the oldest events beyond the newest `keep` (at least one stays); returns how many.

    Call it again, in a new transaction, while it returns PRUNE_STEP.
    """
    now = span(conn)
    through = min(now.last - max(keep, 1), now.first + PRUNE_STEP - 1)
    if not now.last or through < now.first:
        return 0
    return conn.execute(delete(outbox).where(outbox.c.id <= through)).rowcount


def _event(row: Sequence[Any]) -> Event:
    number, kind, payload, audience, created_at, board_id, except_board_id, except_user_id = row
    return Event(
        kind=kind,
        payload=orjson.loads(payload),
        audience=_user(audience),
        created_at=datetime.fromisoformat(created_at).replace(tzinfo=UTC),
        id=number,
        board_id=board_id,
        except_board_id=except_board_id,
        except_user_id=_user(except_user_id),
    )


def _user(user_id: str | None) -> UserId | None:
    return None if user_id is None else UserId(user_id)
