"""All SQL about which limits are set; what was used is in `usage`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.api import NotFound
from invoke_host.identity.groups.tables import groups
from invoke_host.identity.tables import users
from invoke_host.limits.names import Scope
from invoke_host.limits.tables import limits
from invoke_host.limits.values import OF_EVERYONE, Change, Subject


@dataclass(frozen=True, slots=True)
class Rules:
    """What is set for one subject. `name` is the group's, or the user's e-mail address."""

    subject: Subject
    name: str
    each: dict[str, float | None] = field(default_factory=dict)
    together: dict[str, float | None] = field(default_factory=dict)

    def of(self, scope: Scope) -> dict[str, float | None]:
        """The values of one scope."""
        return self.each if scope == "each" else self.together


@dataclass(frozen=True, slots=True)
class AllRules:
    """What is set for anybody, groups by name and users by address."""

    everyone: Rules
    groups: list[Rules]
    users: list[Rules]


def everything(conn: Connection) -> AllRules:
    """All limits there are."""
    found: dict[str, Rules] = {}
    for row in conn.execute(_ALL):
        subject = _subject(row.group_id, row.user_id)
        rules = found.setdefault(row.subject, Rules(subject, row.group_name or row.email or ""))
        rules.of(row.scope)[row.name] = row.value
    return AllRules(
        found.get(OF_EVERYONE.key, Rules(OF_EVERYONE, "")),
        _of_kind(found.values(), "group"),
        _of_kind(found.values(), "user"),
    )


def of_subject(conn: Connection, subject: Subject) -> Rules:
    """What is set for this one, perhaps nothing. Raises NotFound: there is no such group or user."""
    rules = Rules(subject, _name(conn, subject))
    for row in conn.execute(select(limits).where(limits.c.subject == subject.key).order_by(limits.c.name)):
        rules.of(row.scope)[row.name] = row.value
    return rules


def change(conn: Connection, subject: Subject, new: Change, *, now: str) -> None:
    """Set values that were judged before."""
    rows = [
        {
            "subject": subject.key,
            "scope": scope,
            "name": name,
            "value": None if value is None else float(value),
            "group_id": subject.group_id,
            "user_id": subject.user_id,
            "updated_at": now,
        }
        for scope, values in new.by_scope
        for name, value in sorted(values.items())
    ]
    if not rows:
        return
    row = (postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert)(limits)
    conn.execute(
        row.on_conflict_do_update(
            index_elements=list(limits.primary_key.columns),
            set_={"value": row.excluded.value, "updated_at": row.excluded.updated_at},
        ),
        rows,
    )


def remove(conn: Connection, subject: Subject, scope: Scope, name: str) -> bool:
    """Go back to what holds without it; False if it was not set."""
    place = (limits.c.subject == subject.key) & (limits.c.scope == scope) & (limits.c.name == name)
    return conn.execute(delete(limits).where(place)).rowcount > 0


def _of_kind(found: Iterable[Rules], kind: str) -> list[Rules]:
    return sorted((each for each in found if each.subject.kind == kind), key=lambda each: each.name.casefold())


def _name(conn: Connection, subject: Subject) -> str:
    if subject.kind == "everyone":
        return ""
    query: Select[str] = (
        select(groups.c.name).where(groups.c.id == subject.id)
        if subject.kind == "group"
        else select(users.c.email).where(users.c.id == subject.id)
    )
    name = conn.scalar(query)
    if name is None:
        raise NotFound(f"There is no {subject.kind} {subject.id[:64]!r}.")
    return name


def _subject(group_id: str | None, user_id: str | None) -> Subject:
    if group_id is not None:
        return Subject("group", group_id)
    return OF_EVERYONE if user_id is None else Subject("user", user_id)


_ALL = (
    select(limits, groups.c.name.label("group_name"), users.c.email)
    .select_from(
        limits.outerjoin(groups, groups.c.id == limits.c.group_id).outerjoin(users, users.c.id == limits.c.user_id)
    )
    .order_by(limits.c.subject, limits.c.name)
)
