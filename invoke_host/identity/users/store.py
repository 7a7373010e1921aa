"""All SQL about users. Their identities at login providers are in `identities.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, or_, select, update

from invoke_host.api import SYSTEM_USER_ID, fold_login
from invoke_host.identity.tables import identities, users
from invoke_host.identity.users.model import USER_COLUMNS, User, user_of
from invoke_host.identity.users.paging import Place
from invoke_host.storage import PreparedSelect, quick


@dataclass(frozen=True, slots=True)
class UserPage:
    """Users, newest first; how many match in all, and where to go on (None at the end)."""

    users: list[User]
    total: int
    next: Place | None


def lock_users(conn: Connection) -> None:
    """Let no other transaction change who is an administrator until this one ends. Call it first in a write.

    Where writers run at once, they queue up at the row of `system`; rows that refer to it can still be added, and that
    is why it is not locked whole.
    """
    conn.execute(select(users.c.id).where(users.c.id == SYSTEM_USER_ID).with_for_update(key_share=True)).one_or_none()


@quick
def by_id(conn: Connection, user_id: str) -> User | None:
    """The user of that id."""
    return _one(_BY_ID.first(conn, {"id_": user_id}))


@quick
def by_email(conn: Connection, email: str) -> User | None:
    """The user of that address, which must be folded."""
    return _one(_BY_EMAIL.first(conn, {"email_": email}))


def locked(conn: Connection, user_id: str, *, whole: bool = False) -> User | None:
    """The user, whom no other transaction changes until this one ends; with `whole`, none can refer to them anew."""
    query = select(*USER_COLUMNS).where(users.c.id == user_id).with_for_update(key_share=not whole)
    return _one(conn.execute(query).one_or_none())


def active_admins(conn: Connection) -> int:
    """How many could log in and administrate."""
    return conn.scalar(select(func.count()).select_from(users).where(ACTIVE_ADMIN)) or 0


def any_active_admin(conn: Connection) -> bool:
    """Whether there is one who could log in and administrate."""
    return conn.execute(select(users.c.id).where(ACTIVE_ADMIN).limit(1)).first() is not None


def page(conn: Connection, search: str, limit: int, after: Place | None, *, with_system: bool = False) -> UserPage:
    """Users whose e-mail address or display name contains `search`, newest first, at most `limit` behind `after`."""
    matching = _matching(search)
    if not with_system:
        matching = and_(matching, users.c.id != SYSTEM_USER_ID)
    total = conn.scalar(select(func.count()).select_from(users).where(matching)) or 0
    query = select(*USER_COLUMNS).where(matching)
    if after is not None:
        older = and_(users.c.created_at == after.created_at, users.c.id < after.id)
        query = query.where(or_(users.c.created_at < after.created_at, older))
    rows = conn.execute(query.order_by(users.c.created_at.desc(), users.c.id.desc()).limit(limit + 1)).all()
    found = [user_of(row) for row in rows[:limit]]
    more = len(rows) > limit > 0
    return UserPage(found, total, Place(found[-1].created_at, found[-1].id) if more else None)


def add(conn: Connection, user: User) -> None:
    """Insert the row. A taken address violates the table's unique rule: ask `by_email` first."""
    conn.execute(
        insert(users).values(
            id=user.id,
            email=user.email,
            display_name=user.display_name,
            is_admin=user.is_admin,
            is_active=user.is_active,
            created_at=user.created_at,
            updated_at=user.updated_at,
            auth_epoch=user.auth_epoch,
        )
    )


def change(conn: Connection, user_id: str, values: Mapping[str, Any], *, now: str) -> None:
    """Set columns of the row."""
    conn.execute(update(users).where(users.c.id == user_id).values(**values, updated_at=now))


def remove(conn: Connection, user_id: str) -> None:
    """Delete the row; nothing may refer to it any more."""
    conn.execute(delete(users).where(users.c.id == user_id))


def logged_in(conn: Connection, user_id: str, provider: str, subject: str, now: str) -> None:
    """Note when a login was good."""
    conn.execute(update(users).where(users.c.id == user_id).values(last_login_at=now))
    conn.execute(
        update(identities)
        .where(identities.c.provider == provider, identities.c.subject == subject, identities.c.user_id == user_id)
        .values(last_login_at=now, checked_at=now, blocked_at=None)
    )


#: Those of whom one must remain.
ACTIVE_ADMIN = and_(users.c.is_admin, users.c.is_active, users.c.id != SYSTEM_USER_ID)

_BY_ID = PreparedSelect(select(*USER_COLUMNS).where(users.c.id == bindparam("id_", type_=users.c.id.type)))
_BY_EMAIL = PreparedSelect(select(*USER_COLUMNS).where(users.c.email == bindparam("email_", type_=users.c.email.type)))


def _one(row: Sequence[Any] | None) -> User | None:
    return None if row is None else user_of(row)


def _matching(search: str) -> ColumnElement[bool]:
    if not search:
        return users.c.id.is_not(None)
    # Databases fold the case of ASCII letters only; for others the usual spellings are looked for one by one.
    spellings = {search, search.lower(), search.upper(), search.title(), search.casefold()}
    return or_(
        users.c.email.contains(fold_login(search), autoescape=True),
        *(users.c.display_name.icontains(each, autoescape=True) for each in sorted(spellings)),
    )
