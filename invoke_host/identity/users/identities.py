"""All SQL about who a user is at the login providers. The key is (provider, subject), never a name or an address."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from invoke_host.identity.tables import identities, users
from invoke_host.identity.users.model import USER_COLUMNS, User, user_of
from invoke_host.identity.users.values import Linked
from invoke_host.storage import PreparedSelect, quick

#: Longest subject and login that are stored.
MAX_SUBJECT = 255
MAX_LOGIN = 320


@dataclass(frozen=True, slots=True)
class Known:
    """The user behind an identity, and what the provider last called them."""

    user: User
    login: str
    blocked: bool = False


@quick
def known(conn: Connection, provider: str, subject: str) -> Known | None:
    """Who that is here; None if nobody."""
    row = _KNOWN.first(conn, {"provider_": provider, "subject_": subject})
    return None if row is None else Known(user_of(row), row[len(USER_COLUMNS)], row[len(USER_COLUMNS) + 1] is not None)


def identity(conn: Connection, provider: str, subject: str) -> str | None:
    """The id of the user behind an identity."""
    found = known(conn, provider, subject)
    return None if found is None else found.user.id


def identities_of(conn: Connection, user_id: str) -> list[Linked]:
    """All identities of a user, the oldest first."""
    query = (
        select(
            identities.c.provider,
            identities.c.subject,
            identities.c.login,
            identities.c.created_at,
            identities.c.last_login_at,
            identities.c.blocked_at,
        )
        .where(identities.c.user_id == user_id)
        .order_by(identities.c.created_at, identities.c.provider, identities.c.subject)
    )
    return [Linked(*row) for row in conn.execute(query)]


def subjects(conn: Connection, provider: str, user_id: str) -> list[str]:
    """What the user is to one provider; nearly always one, or none."""
    mine = select(identities.c.subject).where(identities.c.user_id == user_id, identities.c.provider == provider)
    return list(conn.scalars(mine.order_by(identities.c.created_at, identities.c.subject)))


def link(
    conn: Connection, user_id: str, provider: str, subject: str, login: str, *, now: str, vouched: bool = False
) -> None:
    """Let that identity be this user; `vouched`: the provider itself has just said so.

    A linked one violates the primary key: ask `identity` first.
    """
    row = {"provider": provider, "subject": subject, "user_id": user_id, "login": login[:MAX_LOGIN]}
    conn.execute(insert(identities).values(**row, created_at=now, checked_at=now if vouched else None))


def rename(conn: Connection, provider: str, subject: str, login: str) -> None:
    """Note what the provider calls them now."""
    this = (identities.c.provider == provider, identities.c.subject == subject)
    conn.execute(update(identities).where(*this).values(login=login[:MAX_LOGIN]))


def unblock(conn: Connection, provider: str, subject: str, *, now: str) -> None:
    """The provider vouches for them, as of now."""
    this = (identities.c.provider == provider, identities.c.subject == subject)
    conn.execute(update(identities).where(*this).values(checked_at=now, blocked_at=None))


def unlink(conn: Connection, user_id: str, provider: str, subject: str) -> bool:
    """Let that identity be nobody; False if it was not this user."""
    this = (identities.c.provider == provider, identities.c.subject == subject, identities.c.user_id == user_id)
    return conn.execute(delete(identities).where(*this)).rowcount > 0


def unlink_all(conn: Connection, user_id: str) -> None:
    """Let no identity be this user."""
    conn.execute(delete(identities).where(identities.c.user_id == user_id))


_KNOWN = PreparedSelect(
    select(*USER_COLUMNS, identities.c.login, identities.c.blocked_at)
    .join(identities, identities.c.user_id == users.c.id)
    .where(
        identities.c.provider == bindparam("provider_", type_=identities.c.provider.type),
        identities.c.subject == bindparam("subject_", type_=identities.c.subject.type),
    )
)
