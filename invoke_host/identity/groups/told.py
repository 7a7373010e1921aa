"""Memberships that a login provider decides about: added and removed as it says, beside those of administrators."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby

from sqlalchemy import Connection, bindparam, delete, insert, select

from invoke_host import ids
from invoke_host.audit.record import Origin, Target, append
from invoke_host.identity.groups import store
from invoke_host.identity.groups.store import name_key
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.users.values import cleaned_line
from invoke_host.storage import PreparedSelect

#: Longest name of a group, and of the key it is found by.
_NAME = 128


def by_key(names: Iterable[str]) -> dict[str, str]:
    """Names of groups by what they are compared by. What can be no group's name is left out, never cut to fit."""
    cleaned = (cleaned_line(name) for name in sorted(names))
    return {key: name for name in cleaned if len(name) <= _NAME and 0 < len(key := name_key(name)) <= _NAME}


def would_change(conn: Connection, provider: str, user_id: str, names: frozenset[str]) -> bool:
    """Whether `apply` would change anything: one quick statement."""
    wanted, rows = by_key(names).keys(), _MEMBERSHIPS.all(conn, {"user_id_": user_id})
    given = {key for key, by in rows if by == provider}
    return not (given <= wanted and wanted <= {key for key, _ in rows})


def apply(
    conn: Connection, provider: str, user_id: str, email: str, names: frozenset[str], origin: Origin, *, now: str
) -> None:
    """Let the user be in exactly these groups as far as the provider decides. The user's row is locked by the caller.

    Groups that do not exist are made. Where somebody else put the user in already, that stays as it is.
    """
    if not would_change(conn, provider, user_id, names):
        return
    wanted = by_key(names)
    mine: dict[str, str | None] = {row[0]: row[1] for row in _MEMBERSHIPS.all(conn, {"user_id_": user_id})}
    before = {key for key, by in mine.items() if by == provider}
    named = select(groups.c.name_key, groups.c.id, groups.c.name).where(groups.c.name_key.in_({*wanted, *before}))
    found = {row.name_key: (row.id, row.name) for row in conn.execute(named)}
    details = {"user_id": user_id, "email": email, "provider": provider}
    for key in sorted(wanted.keys() - mine.keys()):
        group_id, name = found.get(key) or (_make(conn, wanted[key], provider, origin, now), wanted[key])
        row = {"group_id": group_id, "user_id": user_id, "added_at": now, "provider": provider}
        conn.execute(insert(group_members).values(row))
        append(conn, origin, "group.member.add", Target("group", group_id, name), details=details, now=now)
    for key in sorted(before - wanted.keys()):
        group_id, name = found[key]
        this = (group_members.c.group_id == group_id, group_members.c.user_id == user_id)
        conn.execute(delete(group_members).where(*this, group_members.c.provider == provider))
        append(conn, origin, "group.member.remove", Target("group", group_id, name), details=details, now=now)


def forget_others(conn: Connection, providers: Collection[str], origin: Origin, *, now: str) -> int:
    """End the memberships that were given by providers which are asked no more; how many there were.

    They come back with the next login or re-check where the provider does.
    """
    theirs = group_members.c.provider.not_in(sorted(providers))  # NULL, an administrator's own, is never "not in"
    query = select(group_members.c.provider, group_members.c.user_id).where(theirs).order_by(group_members.c.provider)
    rows = conn.execute(query).all()
    for provider, gone in groupby(rows, key=lambda row: row.provider):
        details = {"members": len(list(gone)), "reason": "not_configured"}
        append(conn, origin, "group.member.remove", Target("provider", provider, provider), details=details, now=now)
    if rows:
        conn.execute(delete(group_members).where(theirs))
    return len(rows)


def _make(conn: Connection, name: str, provider: str, origin: Origin, now: str) -> str:
    group_id = ids.new_id()
    store.add(conn, group_id, name, f"Made because the login provider {provider!r} names it.", now=now)
    append(conn, origin, "group.create", Target("group", group_id, name), details={"provider": provider}, now=now)
    return group_id


#: Keys of the groups that a user is in, and who put them there.
_MEMBERSHIPS = PreparedSelect(
    select(groups.c.name_key, group_members.c.provider)
    .join(group_members, group_members.c.group_id == groups.c.id)
    .where(group_members.c.user_id == bindparam("user_id_"))
)
