"""What users have used and what is left to them, for themselves and for administrators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, case, func, select

from invoke_host.api import NotFound
from invoke_host.identity.tables import users
from invoke_host.limits import effective, usage
from invoke_host.limits.effective import Effective, Source
from invoke_host.limits.names import LIMITS, Limit, Scope, Window
from invoke_host.limits.tables import usage_windows
from invoke_host.limits.usage import Used
from invoke_host.limits.windows import DAY_S, as_text, day_of, end_of, month_of

#: Days that a user's report goes back, today among them.
DAYS = 30


@dataclass(frozen=True, slots=True)
class Standing:
    """How many items wait and run."""

    pending: int = 0
    running: int = 0


class Line(Protocol):
    """What the queue tells about places in line; this room does not know the queue."""

    def of_users(self, conn: Connection, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        """By user id; who is not in it has nothing there."""
        ...

    def of_group(self, conn: Connection, group_id: str) -> Standing:
        """All of its members together."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """One limit and what is used of it. `resets_at` None: a cap."""

    name: str
    scope: Scope
    value: float
    used: float
    resets_at: str | None
    source: Source

    @property
    def remaining(self) -> float:
        """What is left, never less than nothing."""
        return max(0.0, self.value - self.used)


@dataclass(frozen=True, slots=True)
class UserReport:
    """All about one user. `days` are the last ones by date, today last, those with nothing too."""

    user_id: str
    weight: float
    weight_source: Source
    standing: Standing
    limits: list[Use]
    windows: Mapping[Window, Used]
    days: list[tuple[str, Used]]


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user in the table of all."""

    user_id: str
    email: str
    display_name: str | None
    standing: Standing
    day: Used
    month: Used


def of_user(conn: Connection, user_id: str, line: Line, now: str) -> UserReport:
    """What this user has used and may use. Raises NotFound."""
    if conn.scalar(select(users.c.id).where(users.c.id == user_id)) is None:
        raise NotFound(f"There is no user {user_id[:64]!r}.")
    bound = effective.of(conn, user_id)
    standing = line.of_users(conn, [user_id]).get(user_id, Standing())
    windows = usage.of_user(conn, user_id, now)
    return UserReport(
        user_id,
        bound.weight,
        bound.weight_source,
        standing,
        list(_uses(conn, bound, standing, windows, line, now)),
        windows,
        _days(conn, user_id, now),
    )


def of_all(conn: Connection, line: Line, now: str, *, search: str, after: str, limit: int) -> list[UserLine]:
    """Users behind that address, by address; `search` is part of the address or display name."""
    query = select(users.c.id, users.c.email, users.c.display_name).where(users.c.email > after)
    if search:
        named = func.lower(users.c.display_name).contains(search.lower(), autoescape=True)
        query = query.where(users.c.email.contains(search.casefold(), autoescape=True) | named)
    people = conn.execute(query.order_by(users.c.email).limit(limit)).all()
    ids = [row.id for row in people]
    standings, used = line.of_users(conn, ids), _used(conn, ids, now)
    nothing = (Used(0, 0), Used(0, 0))
    return [UserLine(*row, standings.get(row.id, Standing()), *used.get(row.id, nothing)) for row in people]


def _uses(
    conn: Connection,
    bound: Effective,
    standing: Standing,
    windows: Mapping[Window, Used],
    line: Line,
    now: str,
) -> Iterator[Use]:
    for name, found in bound.each.items():
        if found.value is not None:
            limit = LIMITS[name]
            used, resets_at = _used_of(limit, standing, windows, now)
            yield Use(name, "each", found.value, used, resets_at, found.source)
    groups: dict[str, tuple[Standing, Mapping[Window, Used]]] = {}
    for rule in bound.together:
        if rule.group_id not in groups:
            groups[rule.group_id] = (line.of_group(conn, rule.group_id), usage.of_group(conn, rule.group_id, now))
        used, resets_at = _used_of(LIMITS[rule.name], *groups[rule.group_id], now)
        yield Use(rule.name, "together", rule.value, used, resets_at, Source("group", rule.group_id, rule.group))


def _used_of(limit: Limit, standing: Standing, windows: Mapping[Window, Used], now: str) -> tuple[float, str | None]:
    if limit.window is None or limit.unit is None:
        return (standing.running if limit.name == "max_running" else standing.pending), None
    return windows[limit.window].of(limit.unit), as_text(end_of(limit.window, now))


def _days(conn: Connection, user_id: str, now: str) -> list[tuple[str, Used]]:
    today = day_of(now)
    first = today - (DAYS - 1) * DAY_S
    columns = usage_windows.c
    query = select(columns.starts_at, columns.images, columns.engine_us).where(
        columns.user_id == user_id, columns.unit == "day", columns.starts_at.between(first, today)
    )
    found = {row.starts_at: Used(row.images, row.engine_us) for row in conn.execute(query)}
    return [(as_text(day)[:10], found.get(day, Used(0, 0))) for day in range(first, today + 1, DAY_S)]


def _used(conn: Connection, user_ids: Sequence[str], now: str) -> Mapping[str, tuple[Used, Used]]:
    """What these users have used today and this month."""
    columns, today = usage_windows.c, day_of(now)
    is_today = columns.starts_at == today
    query = (
        select(
            columns.user_id,
            func.sum(case((is_today, columns.images), else_=0)),
            func.sum(case((is_today, columns.engine_us), else_=0)),
            func.sum(columns.images),
            func.sum(columns.engine_us),
        )
        .where(columns.user_id.in_(user_ids), columns.unit == "day", columns.starts_at.between(month_of(today), today))
        .group_by(columns.user_id)
    )
    return {row[0]: (Used(int(row[1]), int(row[2])), Used(int(row[3]), int(row[4]))) for row in conn.execute(query)}
