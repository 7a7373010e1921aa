"""When credentials were last used: kept in memory and written together, so that no request waits for a write."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from invoke_host.api import BackgroundTask
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.sessions import store as session_store
from invoke_host.identity.tokens import store as token_store
from invoke_host.storage import Storage

#: How often what was noted is written.
FLUSH_EVERY_S = 5.0

#: How often at most one credential is noted.
NOTE_EVERY_S = 60.0


class Usage:
    """What is not written yet. Used from the event loop only.

    With a short `idle_s` sessions are noted more often, so that one in use never seems idle.
    """

    def __init__(self, storage: Storage, clock: Clock, *, idle_s: float) -> None:
        self._storage = storage
        self._clock = clock
        self._session_every = timedelta(seconds=min(NOTE_EVERY_S, idle_s / 10))
        self._token_every = timedelta(seconds=NOTE_EVERY_S)
        self._sessions: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, str | None]] = {}

    def session(self, session_id: str, stored: str, now: datetime) -> None:
        """A session was used; `stored` is what its row says."""
        if self.last_seen(session_id, stored) <= timestamp(now - self._session_every):
            self._sessions[session_id] = timestamp(now)

    def last_seen(self, session_id: str, stored: str) -> str:
        """When the session was last used, by what is stored and what is not yet."""
        noted = self._sessions.get(session_id)
        return stored if noted is None or noted < stored else noted

    def token(self, token_id: str, stored: str | None, now: datetime, address: str | None) -> None:
        """An API token was used from that address; `stored` is what its row says."""
        noted = self._tokens.get(token_id)
        latest = stored if noted is None else noted[0]
        if latest is None or latest <= timestamp(now - self._token_every):
            self._tokens[token_id] = (timestamp(now), address)

    async def flush(self) -> None:
        """Write what was noted, in one transaction; if that fails, it is tried again next time."""
        sessions, tokens = dict(self._sessions), dict(self._tokens)
        if not sessions and not tokens:
            return
        await self._storage.write(_write, sessions, tokens)
        # Only now: until the row has it, memory is what keeps the session from seeming idle.
        self._sessions = {key: at for key, at in self._sessions.items() if sessions.get(key) != at}
        self._tokens = {key: use for key, use in self._tokens.items() if tokens.get(key) != use}

    def flush_task(self) -> BackgroundTask:
        """`flush`, repeated."""
        return BackgroundTask("credentials-usage", self.flush, FLUSH_EVERY_S)


def _write(conn: Connection, sessions: dict[str, str], tokens: dict[str, tuple[str, str | None]]) -> None:
    session_store.touch(conn, sessions)
    token_store.touch(conn, tokens)
