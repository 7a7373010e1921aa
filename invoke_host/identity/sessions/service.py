"""Sessions as the host deals with them: begin one, hand out and renew its token, list and end them.

A session's row is its whole life: while it is there and in time, its tokens are good; ending it deletes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from invoke_host import ids
from invoke_host.api import SYSTEM_USER_ID, BackgroundTask, NotAuthenticated, NotFound
from invoke_host.audit.record import Origin, Target, append
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.known import require_user
from invoke_host.identity.sessions import store
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.life import Lifetimes, Limits
from invoke_host.identity.sessions.signing import SessionClaims, sign
from invoke_host.identity.sessions.store import NewSession, Session
from invoke_host.identity.tables import users
from invoke_host.storage import Storage

#: How often sessions that are over are cleared away.
PRUNE_EVERY_S = 600.0


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token for a session, and for how many seconds it is good."""

    token: str
    expires_in_s: int
    session: Session


class SessionService:
    """`ring` signs, `times` say how long things last (`config.auth.sessions`)."""

    def __init__(self, storage: Storage, ring: KeyRing, clock: Clock, times: Lifetimes) -> None:
        self.ring = ring
        self.times = times
        self._storage = storage
        self._clock = clock

    def begin(
        self,
        conn: Connection,
        user_id: str,
        provider: str,
        subject: str,
        *,
        remember: bool,
        address: str,
        user_agent: str,
        epoch: int,
        now: datetime,
    ) -> Session:
        """A new session, in the caller's write transaction.

        `epoch` is the user's `auth_epoch` as it was before the password was verified, so that a login that began before
        a password change or a deactivation makes no session after it.

        Raises:
            NotAuthenticated: the epoch is another by now, or the user is inactive, gone or internal.
        """
        row = conn.execute(
            select(users.c.auth_epoch, users.c.is_active).where(users.c.id == user_id).with_for_update()
        ).first()
        if row is None or not row.is_active or row.auth_epoch != epoch or user_id == SYSTEM_USER_ID:
            raise NotAuthenticated("the account has changed since the login began")
        ends_at = timestamp(now + timedelta(seconds=self.times.longest_s))
        new = NewSession(user_id, provider, subject, remember, address, user_agent, ends_at)
        return store.create(conn, new, timestamp(now))

    def issue(self, session: Session) -> IssuedToken:
        """A token for the session, good for the configured time, but never beyond the session's end."""
        now = self._clock.now()
        lifetime_s = self.times.remembered_lifetime_s if session.remember else self.times.lifetime_s
        issued_at = int(now.timestamp())
        expires_at = min(issued_at + lifetime_s, int(_moment(session.ends_at).timestamp()))
        claims = SessionClaims(session.user_id, session.id, ids.new_id(), issued_at, expires_at)
        return IssuedToken(sign(self.ring, claims), max(0, expires_at - issued_at), session)

    async def renew(self, claims: SessionClaims) -> IssuedToken | None:
        """A fresh token for the same session; None if the session is over, perhaps by the request just served."""
        session = await self._storage.read(store.find, claims.session_id)
        if session is None or session.user_id != claims.user_id or not self._is_live(session):
            return None
        return self.issue(session)

    async def of_user(self, user_id: str) -> list[Session]:
        """The user's live sessions, the newest first. Raises NotFound if there is no such user."""
        return [each for each in await self._storage.read(_of_user, user_id) if self._is_live(each)]

    async def end(self, user_id: str, session_id: str, origin: Origin) -> None:
        """End one session of a user, noted in the audit log. Raises NotFound if the user has none of that id."""
        await self._storage.write(_end, user_id, session_id, origin, timestamp(self._clock.now()))

    async def end_all(self, user_id: str, origin: Origin, *, keep: str | None = None) -> int:
        """End the user's sessions but the one to `keep`, noted in the audit log; how many there were.

        Raises NotFound if there is no such user.
        """
        return await self._storage.write(_end_all, user_id, keep, origin, timestamp(self._clock.now()))

    async def prune(self) -> int:
        """Clear away what is over; how many sessions."""
        limits = Limits.at(self._clock.now(), self.times)
        return await self._storage.write(
            store.prune,
            now=limits.now,
            idle_since=limits.idle_since,
            remembered_idle_since=limits.remembered_idle_since,
        )

    def prune_task(self) -> BackgroundTask:
        """`prune`, repeated."""

        async def run() -> None:
            await self.prune()

        return BackgroundTask("sessions-prune", run, PRUNE_EVERY_S)

    def _is_live(self, session: Session) -> bool:
        return Limits.at(self._clock.now(), self.times).allow(
            remember=session.remember, last_seen_at=session.last_seen_at, ends_at=session.ends_at
        )


def _of_user(conn: Connection, user_id: str) -> list[Session]:
    found = store.of_user(conn, user_id)
    if not found:
        require_user(conn, user_id)
    return found


def _end(conn: Connection, user_id: str, session_id: str, origin: Origin, now: str) -> None:
    if not store.end(conn, session_id, user_id):
        raise NotFound("there is no such session")
    append(conn, origin, "session.end", Target("session", session_id), details={"user_id": user_id}, now=now)


def _end_all(conn: Connection, user_id: str, keep: str | None, origin: Origin, now: str) -> int:
    count = store.end_all(conn, user_id, keep=keep)
    if count:
        append(conn, origin, "session.end", Target("user", user_id), details={"count": count}, now=now)
    else:
        require_user(conn, user_id)
    return count


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
