"""What a request carries to prove who sends it: session or API token. All of it is judged here, in one function.

A credential proves identity only. Its row and the user's are read for each request, so that whatever ends it, in this
process or another one, ends it at the next request. Refusals never tell why.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from invoke_host.api import ANONYMOUS, Actor, BackgroundTask, NotAuthenticated, RequestView
from invoke_host.clock import Clock, timestamp
from invoke_host.identity import callers
from invoke_host.identity.sessions import cookies
from invoke_host.identity.sessions.life import Limits
from invoke_host.identity.sessions.service import IssuedToken, SessionService
from invoke_host.identity.sessions.signing import SessionClaims, Verifier
from invoke_host.identity.tokens.store import PREFIX, TOKEN_LENGTH, digest
from invoke_host.identity.usage import Usage
from invoke_host.storage import Storage

#: Says which scheme to use, as RFC 9110 demands of every 401.
CHALLENGE = {"WWW-Authenticate": "Bearer"}

#: Sessions whose tokens' ends are remembered.
_MOST_SESSIONS = 65_536

Carrier = Literal["bearer", "cookie", "provider", "none"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, and by what they were recognised. `session` is set for sessions only."""

    actor: Actor
    carrier: Carrier = "none"
    session: SessionClaims | None = None


#: Nobody.
STRANGER = Caller(ANONYMOUS)


class StaleCookieError(NotAuthenticated):
    """The request's only credential of the host's own is a cookie that is not good (any more)."""


class Credentials:
    """Judges sessions and API tokens. `providers`: names of those in use; sessions made by others are not honoured."""

    def __init__(
        self,
        storage: Storage,
        sessions: SessionService,
        clock: Clock,
        *,
        providers: Collection[str] | None = None,
    ) -> None:
        self.sessions = sessions
        self.usage = Usage(storage, clock, idle_s=sessions.times.idle_s)
        self._storage = storage
        self._clock = clock
        self._providers = None if providers is None else frozenset(providers)
        self._verifier = Verifier(sessions.ring)
        # When the latest token that was shown for a session ends, so that no stream outlives it. Bounded.
        self._token_ends: OrderedDict[str, int] = OrderedDict()

    async def caller(self, view: RequestView) -> Caller | None:
        """Who sends this, or None if it carries no credential of the host's own.

        A Bearer decides alone, whatever else is there; other schemes are not ours (a proxy's Basic, say).

        Raises:
            NotAuthenticated: the credential is not good; StaleCookieError if it is a cookie.
        """
        authorization = view.headers.get("authorization")
        if authorization is not None:
            scheme, _, text = authorization.partition(" ")
            if scheme.lower() == "bearer":
                return await self._bearer(text.strip(), view)
        cookie = cookies.read(view.headers.get("cookie"), view.secure)
        if cookie is None:
            return None
        found = await self._session(cookie, "cookie")
        if found is None:
            raise StaleCookieError("Invalid or expired token", headers=CHALLENGE)
        return found

    async def renew(self, caller: Caller) -> IssuedToken | None:
        """A fresh token for the caller's session; None if there is none, or it is over."""
        return None if caller.session is None else await self.sessions.renew(caller.session)

    async def recheck(self, actors: Sequence[Actor]) -> list[Actor | None]:
        """Each as they are by now, None for those who would be refused; for what stays open, such as event streams.

        One read. Counts as no use of the session; one whose tokens have all ended is refused.
        """
        now = self._clock.now()
        seconds, limits = now.timestamp(), Limits.at(now, self.sessions.times)
        wanted = [
            None if self._token_ends.get(each.session_id or "", seconds + 1) <= seconds else each for each in actors
        ]
        return await self._storage.read(self._recheck, wanted, limits)

    def flush_task(self) -> BackgroundTask:
        """Writes down when credentials were last used."""
        return self.usage.flush_task()

    async def stop(self) -> None:
        """Write down what is not yet; call it before the storage closes."""
        await self.usage.flush()

    async def _bearer(self, text: str, view: RequestView) -> Caller:
        found = await (self._api_token(text, view) if text.startswith(PREFIX) else self._session(text, "bearer"))
        if found is None:
            raise NotAuthenticated("Invalid or expired token", headers=CHALLENGE)
        return found

    async def _session(self, token: str, carrier: Carrier) -> Caller | None:
        now = self._clock.now()
        claims = self._verifier.session(token, now)
        if claims is None:
            return None
        row = await self._storage.read(callers.by_session, claims.session_id)
        if row is None or row.user_id != claims.user_id or not self._allows(row, Limits.at(now, self.sessions.times)):
            return None
        self.usage.session(row.id, row.last_seen_at, now)
        self._note_end(claims)
        return Caller(row.actor(), carrier, claims)

    async def _api_token(self, text: str, view: RequestView) -> Caller | None:
        if len(text) != TOKEN_LENGTH or not text.isascii():
            return None
        row = await self._storage.read(callers.by_hash, digest(text))
        now = self._clock.now()
        if row is None or not _in_time(row, timestamp(now)):
            return None
        self.usage.token(row.id, row.last_used_at, now, view.client or view.peer)
        return Caller(row.actor(), "bearer")

    def _note_end(self, claims: SessionClaims) -> None:
        ends = self._token_ends
        if ends.get(claims.session_id, 0) < claims.expires_at:
            ends[claims.session_id] = claims.expires_at
            ends.move_to_end(claims.session_id)
            if len(ends) > _MOST_SESSIONS:
                ends.popitem(last=False)

    def _allows(self, row: callers.SessionRow, limits: Limits) -> bool:
        if self._providers is not None and row.provider not in self._providers:
            return False
        last_seen_at = self.usage.last_seen(row.id, row.last_seen_at)
        return limits.allow(remember=row.remember, last_seen_at=last_seen_at, ends_at=row.ends_at)

    def _recheck(self, conn: Connection, actors: Sequence[Actor | None], limits: Limits) -> list[Actor | None]:
        known: dict[Actor, Actor | None] = {}
        for actor in actors:
            if actor is not None and actor not in known:
                known[actor] = self._now(conn, actor, limits)
        return [None if actor is None else known[actor] for actor in actors]

    def _now(self, conn: Connection, actor: Actor, limits: Limits) -> Actor | None:
        if actor.kind != "user" or actor.id is None:
            return actor  # the local administrator, or nobody: not recognised by any row
        if actor.session_id is not None:
            session = callers.by_session(conn, actor.session_id)
            good = session is not None and session.user_id == actor.id and self._allows(session, limits)
            return session.actor() if session is not None and good else None
        if actor.token_id is not None:
            token = callers.by_token_id(conn, actor.token_id)
            return token.actor() if token is not None and _in_time(token, limits.now) else None
        if not callers.is_linked(conn, actor.id, actor.provider):
            return None  # an administrator has unlinked the identity that the provider vouched for
        return callers.by_user(conn, actor.id, actor.provider)


def _in_time(row: callers.TokenRow, now: str) -> bool:
    return row.expires_at is None or now < row.expires_at
