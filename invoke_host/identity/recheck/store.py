"""SQL of the re-check: who is to be asked about, and what follows from the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, false, or_, select, update

from invoke_host.audit.record import HOST, Target, append
from invoke_host.identity.sessions.tables import sessions
from invoke_host.identity.tables import identities, users
from invoke_host.identity.tokens.tables import api_tokens
from invoke_host.identity.users import store as users_store
from invoke_host.identity.users.changes import target
from invoke_host.ownership import Owned


@dataclass(frozen=True, slots=True)
class Due:
    """An identity that was last asked about too long ago. `subject` and `login` are what the provider knows."""

    provider: str
    subject: str
    login: str
    user_id: str
    checked_at: str | None


def due(
    conn: Connection, provider: str, before: str, most: int, working: ColumnElement[bool] | None = None, *, now: str
) -> list[Due]:
    """Identities of the provider not asked about since `before`, whose users have something to lose, longest ago first.

    That is a session by that identity, an API token, or what `working` says of the row of `users`. A time yet to come
    was written before the clock was set back, and says nothing.
    """
    # By the user's id, which is indexed; a session belongs to the user of its identity.
    by_it = (sessions.c.user_id == identities.c.user_id, sessions.c.provider == provider)
    alive = or_(
        exists().where(*by_it, sessions.c.subject == identities.c.subject),
        exists().where(api_tokens.c.user_id == identities.c.user_id),
        false() if working is None else working,
    )
    checked_at = identities.c.checked_at
    never_or_long_ago = or_(checked_at.is_(None), checked_at <= before, checked_at > now)
    query = (
        select(
            identities.c.provider,
            identities.c.subject,
            identities.c.login,
            identities.c.user_id,
            checked_at,
        )
        .join(users, users.c.id == identities.c.user_id)
        .where(identities.c.provider == provider, never_or_long_ago, users.c.is_active, alive)
        .order_by(checked_at.nulls_first(), identities.c.subject)
        .limit(most)
    )
    return [Due(*row) for row in conn.execute(query)]


def vouched(conn: Connection, provider: str, subjects: Sequence[str], *, now: str) -> None:
    """The provider still knows them. Whether it was otherwise before is the business of `UserService.resolve`."""
    theirs = (identities.c.provider == provider, identities.c.subject.in_(subjects))
    conn.execute(update(identities).where(*theirs).values(checked_at=now))


def block(conn: Connection, one: Due, code: str, owned: Sequence[Owned], *, now: str) -> bool:
    """The provider says no: end the identity's sessions and, where the user has no other way in, their work.

    Their API tokens are refused as long as no identity of theirs is good (`callers`); nothing of theirs is removed.
    Whether this is new; False too if they have logged in while the provider was asked, or are somebody else by now.
    """
    users_store.lock_users(conn)
    user = users_store.locked(conn, one.user_id)
    this = (identities.c.provider == one.provider, identities.c.subject == one.subject)
    found = conn.execute(
        select(identities.c.user_id, identities.c.checked_at, identities.c.blocked_at).where(*this).with_for_update()
    ).one_or_none()
    if user is None or found is None or (found.user_id, found.checked_at) != (one.user_id, one.checked_at):
        return False
    fresh = found.blocked_at is None
    conn.execute(update(identities).where(*this).values(checked_at=now, blocked_at=found.blocked_at or now))
    theirs = (sessions.c.provider == one.provider, sessions.c.subject == one.subject)
    ended = conn.execute(delete(sessions).where(sessions.c.user_id == user.id, *theirs)).rowcount
    details: dict[str, object] = {
        "provider": one.provider,
        "subject": one.subject,
        "reason": code,
        "sessions_ended": ended,
    }
    others = exists().where(identities.c.user_id == user.id, identities.c.blocked_at.is_(None))
    if not conn.scalar(select(others)):
        details["stopped"] = {each.name: each.stop(conn, user.id, now=now) for each in owned}
    if fresh:
        # What was begun with a session that has just ended makes no new one.
        users_store.change(conn, user.id, {"auth_epoch": user.auth_epoch + 1}, now=now)
        append(conn, HOST, "identity.block", target(user), details=details, now=now)
    return fresh


def end_overdue(conn: Connection, provider: str, before: str, *, now: str) -> int:
    """End the sessions of identities that could not be asked about since `before`; how many. Work goes on."""
    overdue = exists().where(
        identities.c.provider == sessions.c.provider,
        identities.c.subject == sessions.c.subject,
        identities.c.checked_at <= before,
    )
    ended = conn.execute(delete(sessions).where(sessions.c.provider == provider, overdue)).rowcount
    if ended:
        details = {"provider": provider, "reason": "unavailable", "sessions_ended": ended}
        append(conn, HOST, "session.end", Target("provider", provider, provider), details=details, now=now)
    return ended
