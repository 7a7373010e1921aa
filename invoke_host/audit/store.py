"""Reading the audit log. Every page costs the same, however long the log is and whatever is asked for.

One index leads to the rows (of the target, else the actor, else the action, else all by id), newest first. Whatever
else is asked for is looked at row by row, at most SCANNED rows for a page; if that does not fill the page, its cursor
says where to go on all the same. A time is turned into an id first, by halving: ids and times grow together, but for
clocks that are set back and transactions that overtake each other, and for those a margin is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from invoke_host.audit.tables import audit_log
from invoke_host.clock import timestamp

#: Rows that one page looks at.
SCANNED = 2000

#: How far ids and times may be out of step.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `details` is a JSON object as text."""

    id: int
    at: str
    action: str
    outcome: str
    actor_id: str | None
    actor_name: str
    via: str
    address: str | None
    target_type: str | None
    target_id: str | None
    target_name: str | None
    details: str


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows; None = no matter. `since` is the first moment, `until` the first that is too late."""

    action: str | None = None
    actor_id: str | None = None
    target_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def match(self, entry: Entry) -> bool:
        """Whether a row is asked for."""
        return (
            self.action in (None, entry.action)
            and self.actor_id in (None, entry.actor_id)
            and self.target_id in (None, entry.target_id)
            and (self.since is None or entry.at >= timestamp(self.since))
            and (self.until is None or entry.at < timestamp(self.until))
        )


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Rows, newest first, and the id to go on before; None at the end. It may be short, or empty, and not the last."""

    entries: list[Entry]
    next_before: int | None


def page(conn: Connection, filters: Filters, limit: int, before: int | None) -> AuditPage:
    """Matching rows older than the row `before` (None: the newest)."""
    query = _leading(filters)
    for bound in _bounds(conn, filters, before):
        query = query.where(bound)
    scanned = max(SCANNED, limit + 1)
    found: list[Entry] = []
    last = None
    rows = conn.execute(query.order_by(audit_log.c.id.desc()).limit(scanned))
    seen = 0
    for row in rows:
        seen += 1
        entry = _entry(row)
        if not filters.match(entry):
            last = entry.id
            continue
        if len(found) == limit:
            rows.close()
            return AuditPage(found, found[-1].id)
        found.append(entry)
        last = entry.id
    return AuditPage(found, last if seen == scanned else None)


def after(conn: Connection, entry_id: int, limit: int) -> list[Entry]:
    """Rows behind that id (0: all), oldest first. Where writers run at once, a lower id may appear a moment later."""
    query = _ALL.where(audit_log.c.id > entry_id).order_by(audit_log.c.id).limit(limit)
    return [_entry(row) for row in conn.execute(query)]


def newest(conn: Connection, limit: int) -> list[Entry]:
    """The last rows, oldest first."""
    rows = conn.execute(_ALL.order_by(audit_log.c.id.desc()).limit(limit)).all()
    return [_entry(row) for row in reversed(rows)]


_COLUMNS = (
    audit_log.c.id,
    audit_log.c.at,
    audit_log.c.action,
    audit_log.c.outcome,
    audit_log.c.actor_id,
    audit_log.c.actor_name,
    audit_log.c.via,
    audit_log.c.address,
    audit_log.c.target_type,
    audit_log.c.target_id,
    audit_log.c.target_name,
    audit_log.c.details,
)
_ALL = select(*_COLUMNS)


def _entry(row: Row[*tuple[Any, ...]] | Sequence[Any]) -> Entry:
    return Entry(*row)


def _leading(filters: Filters) -> Select[*tuple[Any, ...]]:
    """The narrowest index that fits; conditions on other columns could tempt the planner away from it."""
    if filters.target_id is not None:
        return _ALL.where(audit_log.c.target_id == filters.target_id)
    if filters.actor_id is not None:
        return _ALL.where(audit_log.c.actor_id == filters.actor_id)
    if filters.action is not None:
        return _ALL.where(audit_log.c.action == filters.action)
    return _ALL


def _bounds(conn: Connection, filters: Filters, before: int | None) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if before is not None:
        bounds.append(audit_log.c.id < before)
    if filters.since is not None:
        bounds.append(audit_log.c.id >= _first_at(conn, filters.since - MARGIN))
    if filters.until is not None:
        bounds.append(audit_log.c.id < _first_at(conn, filters.until + MARGIN))
    return bounds


def _first_at(conn: Connection, moment: datetime) -> int:
    """The first id at that moment or later, one more than the highest if there is none; a few dozen probes."""
    wanted = timestamp(moment)
    low, high = 0, (conn.scalar(select(func.max(audit_log.c.id))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        probe = select(audit_log.c.at).where(audit_log.c.id >= middle).order_by(audit_log.c.id).limit(1)
        at = conn.scalar(probe)
        if at is None or at >= wanted:
            high = middle
        else:
            low = middle + 1
    return low
