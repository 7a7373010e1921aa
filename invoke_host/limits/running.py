"""Whether one more item of a user may start: the caps on running items, asked at the claim.

On a host without weights and caps on running items, `configured` is all that is ever asked.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, literal_column, or_, select

from invoke_host.limits import effective
from invoke_host.limits.effective import Effective
from invoke_host.limits.tables import limits

_CAP = "max_running"


def configured() -> ColumnElement[bool]:
    """SQL: has anybody a weight or a cap on running items? Two looks into an index, for a column of another SELECT."""
    return or_(*(_exists(name) for name in ("weight", _CAP)))


def may_start(
    conn: Connection,
    user_id: str,
    running: int,
    group_running: Callable[[str], int],
    *,
    known: Effective | None = None,
) -> bool:
    """May the user, of whom `running` items run, start one more? `group_running(group_id)` counts those of its members.

    `known` is what `effective.of` said, for who asked already.
    """
    bound = effective.of(conn, user_id) if known is None else known
    own = bound.each.get(_CAP)
    if own is not None and own.value is not None and running >= own.value:
        return False
    return all(group_running(rule.group_id) < rule.value for rule in bound.together if rule.name == _CAP)


def _exists(name: str) -> ColumnElement[bool]:
    return select(literal_column("1")).where(limits.c.name == literal_column(f"'{name}'")).correlate(None).exists()
