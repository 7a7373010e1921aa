"""All SQL about groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from invoke_host.api import BadRequest, NotFound
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.tables import users


@dataclass(frozen=True, slots=True)
class Group:
    """A group and how many are in it."""

    id: str
    name: str
    description: str
    created_at: str
    updated_at: str
    member_count: int


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a group. `provider`: the login provider that put them in; None: an administrator did."""

    user_id: str
    email: str
    display_name: str | None
    is_active: bool
    added_at: str
    provider: str | None


def name_key(name: str) -> str:
    """What makes two names the same."""
    return " ".join(name.casefold().split())


def by_id(conn: Connection, group_id: str) -> Group:
    """The group. Raises NotFound."""
    row = conn.execute(_GROUPS.where(groups.c.id == group_id)).one_or_none()
    if row is None:
        raise unknown(group_id)
    return _group(row)


def by_name(conn: Connection, name: str) -> Group | None:
    """The group of that name in any case, or None."""
    row = conn.execute(_GROUPS.where(groups.c.name_key == name_key(name))).one_or_none()
    return None if row is None else _group(row)


def page(conn: Connection, *, search: str, after: str, limit: int) -> tuple[list[Group], int]:
    """Groups in the order of their names, those behind the key `after`; and how many match in all."""
    matching = groups.c.name_key.contains(name_key(search), autoescape=True) if search else groups.c.id.is_not(None)
    total = conn.scalar(select(func.count()).select_from(groups).where(matching)) or 0
    rows = conn.execute(_GROUPS.where(matching, groups.c.name_key > after).order_by(groups.c.name_key).limit(limit))
    return [_group(row) for row in rows], total


def of_user(conn: Connection, user_id: str) -> frozenset[str]:
    """Ids of the groups that the user is in."""
    return frozenset(conn.scalars(select(group_members.c.group_id).where(group_members.c.user_id == user_id)))


def groups_of(conn: Connection, user_id: str) -> list[Group]:
    """The groups that the user is in, in the order of their names."""
    mine = select(group_members.c.group_id).where(group_members.c.user_id == user_id)
    return [_group(row) for row in conn.execute(_GROUPS.where(groups.c.id.in_(mine)).order_by(groups.c.name_key))]


def add(conn: Connection, group_id: str, name: str, description: str, *, now: str) -> None:
    """Make a group. Raises BadRequest when there is one of that name."""
    _refuse_taken(conn, name, group_id)
    row = {"id": group_id, "name": name, "name_key": name_key(name), "description": description}
    conn.execute(insert(groups).values(**row, created_at=now, updated_at=now))


def change(conn: Connection, group_id: str, name: str | None, description: str | None, *, now: str) -> None:
    """Change what is not None. Raises NotFound, and BadRequest when another group has that name."""
    values: dict[str, str] = {}
    if name is not None:
        _refuse_taken(conn, name, group_id)
        values |= {"name": name, "name_key": name_key(name)}
    if description is not None:
        values["description"] = description
    if conn.execute(update(groups).where(groups.c.id == group_id).values(**values, updated_at=now)).rowcount == 0:
        raise unknown(group_id)


def remove(conn: Connection, group_id: str) -> None:
    """Remove the group with its memberships; its members stay."""
    conn.execute(delete(group_members).where(group_members.c.group_id == group_id))
    conn.execute(delete(groups).where(groups.c.id == group_id))


def members(conn: Connection, group_id: str, *, after: str, limit: int) -> list[Member]:
    """Members in the order of their e-mail addresses, those behind the address `after`."""
    query = (
        select(
            users.c.id,
            users.c.email,
            users.c.display_name,
            users.c.is_active,
            group_members.c.added_at,
            group_members.c.provider,
        )
        .join(group_members, group_members.c.user_id == users.c.id)
        .where(group_members.c.group_id == group_id, users.c.email > after)
        .order_by(users.c.email)
        .limit(limit)
    )
    return [Member(*row) for row in conn.execute(query)]


def add_member(conn: Connection, group_id: str, user_id: str, *, now: str) -> bool:
    """Put a user into the group, as an administrator's own doing; False if they are in it by that already."""
    row = conn.execute(_membership(group_id, user_id).with_for_update()).first()
    if row is None:
        conn.execute(insert(group_members).values(group_id=group_id, user_id=user_id, added_at=now))
        return True
    this = (group_members.c.group_id == group_id, group_members.c.user_id == user_id)
    conn.execute(update(group_members).where(*this).values(provider=None))
    return row.provider is not None


def remove_member(conn: Connection, group_id: str, user_id: str) -> bool:
    """Take a user out of the group; False if they were not in it."""
    gone = conn.execute(
        delete(group_members).where(group_members.c.group_id == group_id, group_members.c.user_id == user_id)
    )
    return gone.rowcount > 0


def leave_all(conn: Connection, user_id: str) -> None:
    """Take a user out of every group, because they are removed."""
    conn.execute(delete(group_members).where(group_members.c.user_id == user_id))


def unknown(group_id: str) -> NotFound:
    """There is no such group."""
    return NotFound(f"There is no group {group_id[:64]!r}.")


_COUNT = (
    select(func.count())
    .select_from(group_members)
    .where(group_members.c.group_id == groups.c.id)
    .correlate(groups)
    .scalar_subquery()
)
_GROUPS = select(
    groups.c.id, groups.c.name, groups.c.description, groups.c.created_at, groups.c.updated_at, _COUNT.label("members")
)


def _group(row: Sequence[Any]) -> Group:
    return Group(*row)


def _membership(group_id: str, user_id: str) -> Select[str | None]:
    return select(group_members.c.provider).where(
        group_members.c.group_id == group_id, group_members.c.user_id == user_id
    )


def _refuse_taken(conn: Connection, name: str, group_id: str) -> None:
    same = select(groups.c.id).where(groups.c.name_key == name_key(name), groups.c.id != group_id)
    if conn.scalar(same) is not None:
        raise BadRequest(f"There is a group named {name!r} already; names differ by more than case.")
