"""All SQL of sessions that is not on the path of every request (that is `credentials`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, insert, or_, select, update

from invoke_host import ids
from invoke_host.identity.sessions.tables import sessions
from invoke_host.masking import one_line
from invoke_host.storage import quick

_ADDRESS = 64
_USER_AGENT = 255


@dataclass(frozen=True, slots=True)
class NewSession:
    """Who has logged in and how. `provider` and `subject` are the identity; `ends_at` no renewal goes beyond."""

    user_id: str
    provider: str
    subject: str
    remember: bool
    address: str
    user_agent: str
    ends_at: str


@dataclass(frozen=True, slots=True)
class Session:
    """One row of `sessions`."""

    id: str
    user_id: str
    provider: str
    subject: str
    remember: bool
    created_at: str
    last_seen_at: str
    ends_at: str
    address: str
    user_agent: str


_COLUMNS = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.provider,
    sessions.c.subject,
    sessions.c.remember,
    sessions.c.created_at,
    sessions.c.last_seen_at,
    sessions.c.ends_at,
    sessions.c.address,
    sessions.c.user_agent,
)


def create(conn: Connection, new: NewSession, now: str) -> Session:
    """Add a session. What the client says about itself is cut to fit and kept on one line."""
    session = Session(
        id=ids.new_id(),
        user_id=new.user_id,
        provider=new.provider,
        subject=new.subject,
        remember=new.remember,
        created_at=now,
        last_seen_at=now,
        ends_at=new.ends_at,
        address=new.address[:_ADDRESS],
        user_agent=one_line(new.user_agent[:_USER_AGENT])[:_USER_AGENT],
    )
    values = {column.name: getattr(session, column.name) for column in _COLUMNS}
    conn.execute(insert(sessions).values(values))
    return session


@quick
def find(conn: Connection, session_id: str) -> Session | None:
    """The session, live or not yet cleared away, or None."""
    row = conn.execute(select(*_COLUMNS).where(sessions.c.id == session_id)).first()
    return None if row is None else _session(row)


@quick
def of_user(conn: Connection, user_id: str) -> list[Session]:
    """All sessions of a user, the newest first."""
    rows = conn.execute(
        select(*_COLUMNS)
        .where(sessions.c.user_id == user_id)
        .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
    )
    return [_session(row) for row in rows]


def end(conn: Connection, session_id: str, user_id: str | None = None) -> bool:
    """End a session (with `user_id`: only if it is theirs); whether there was one."""
    condition = sessions.c.id == session_id
    if user_id is not None:
        condition = and_(condition, sessions.c.user_id == user_id)
    return conn.execute(delete(sessions).where(condition)).rowcount > 0


def end_all(conn: Connection, user_id: str, *, keep: str | None = None) -> int:
    """End all sessions of a user but the one to `keep`; how many there were."""
    condition = sessions.c.user_id == user_id
    if keep is not None:
        condition = and_(condition, sessions.c.id != keep)
    return conn.execute(delete(sessions).where(condition)).rowcount


def end_everybodys(conn: Connection) -> int:
    """End all sessions of all users; how many there were."""
    return conn.execute(delete(sessions)).rowcount


def touch(conn: Connection, seen: Mapping[str, str]) -> None:
    """Note when sessions were last used; older times than the stored ones and ended sessions change nothing."""
    if seen:
        rows = [{"id_": session_id, "at_": at} for session_id, at in seen.items()]
        conn.execute(_TOUCH, rows)


def prune(conn: Connection, *, now: str, idle_since: str, remembered_idle_since: str) -> int:
    """Clear away sessions that are over: at their end, or unused since before the times given; how many."""
    over = or_(
        sessions.c.ends_at <= now,
        and_(sessions.c.last_seen_at <= remembered_idle_since),
        and_(sessions.c.last_seen_at <= idle_since, sessions.c.remember.is_(False)),
    )
    return conn.execute(delete(sessions).where(over)).rowcount


_TOUCH = (
    update(sessions)
    .where(sessions.c.id == bindparam("id_"), sessions.c.last_seen_at < bindparam("at_"))
    .values(last_seen_at=bindparam("at_"))
)


def _session(row: Row[*tuple[Any, ...]]) -> Session:
    return Session(*row)
