"""Naming people and groups to share with: by id, by exact e-mail address, or by the name of a group.

There is no list of people to choose from, and what is not found is answered alike whatever the reason is. Everybody may
name a group that they are in, administrators any.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from invoke_host.api import SYSTEM_USER_ID, Actor, FieldProblem, InvalidInput, fold_login
from invoke_host.identity.groups.store import name_key
from invoke_host.identity.groups.tables import groups
from invoke_host.identity.naming import shown_name
from invoke_host.identity.tables import users

#: The type of the problem that somebody is not found.
PROBLEM = "grantee"


@dataclass(frozen=True, slots=True)
class Naming:
    """How somebody is named: exactly one is given."""

    user_id: str | None = None
    email: str | None = None
    group_id: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Grantee:
    """Whom something is for, one of both ids, and what they are called."""

    user_id: str | None
    group_id: str | None
    name: str


def find(conn: Connection, actor: Actor, naming: Naming) -> Grantee | InvalidInput:
    """The one that is named, who can't be removed before the end of the transaction; else what is to be said.

    That is handed back and not raised, because first it has to be seen whether the actor may ask at all.
    """
    if naming.user_id is not None:
        return _user(conn, actor, users.c.id == naming.user_id, "user_id", naming.user_id)
    if naming.email is not None:
        return _user(conn, actor, users.c.email == fold_login(naming.email), "email", naming.email)
    if naming.group_id is not None:
        return _group(conn, actor, groups.c.id == naming.group_id, "group_id", naming.group_id)
    return _group(conn, actor, groups.c.name_key == name_key(naming.group or ""), "group", naming.group or "")


def _user(conn: Connection, actor: Actor, which: ColumnElement[bool], field: str, said: str) -> Grantee | InvalidInput:
    found = conn.execute(
        select(users.c.id, users.c.display_name, users.c.email)
        .where(which, users.c.is_active, users.c.id != SYSTEM_USER_ID)
        .with_for_update(read=True, key_share=True)
    ).one_or_none()
    if found is None:
        return _nobody(field, f"there is no active user {said[:80]!r} on this host")
    return Grantee(found.id, None, shown_name(found.display_name, found.email, to_admin=actor.is_admin))


def _group(conn: Connection, actor: Actor, which: ColumnElement[bool], field: str, said: str) -> Grantee | InvalidInput:
    query = select(groups.c.id, groups.c.name).where(which).with_for_update(read=True, key_share=True)
    found = conn.execute(query).one_or_none()
    if found is not None and (actor.is_admin or found.id in actor.groups):
        return Grantee(None, found.id, found.name)
    which_groups = "on this host" if actor.is_admin else "that you are in"
    return _nobody(field, f"there is no group {said[:80]!r} {which_groups}")


def _nobody(field: str, message: str) -> InvalidInput:
    return InvalidInput([FieldProblem(("body", field), message, PROBLEM)])
