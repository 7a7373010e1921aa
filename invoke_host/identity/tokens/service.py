"""API tokens: make, list, revoke. Never more than their owner may; what they open is the web's business."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, select

from invoke_host.api import SYSTEM_USER_ID, Conflict, Forbidden, NotFound
from invoke_host.audit.record import Origin, Target, append
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.known import require_user
from invoke_host.identity.tables import users
from invoke_host.identity.tokens import store
from invoke_host.identity.tokens.store import ApiToken
from invoke_host.storage import Storage

#: Tokens that one user may have.
MOST_TOKENS = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A new token. `text` is what its user presents; it can't be had again."""

    token: ApiToken
    text: str


class TokenService:
    """What users do with their API tokens, and administrators with everybody's."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def create(
        self, user_id: str, *, name: str, scopes: frozenset[str], expires_in_days: int | None, origin: Origin
    ) -> Made:
        """A new token of that user.

        Raises:
            Forbidden: the user is inactive, gone or internal, or asks for `admin` without being administrator.
            Conflict: they have MOST_TOKENS already.
        """
        now = self._clock.now()
        ends = None if expires_in_days is None else timestamp(now + timedelta(days=expires_in_days))
        text = store.new_text()
        token = await self._storage.write(
            _create, user_id, text, name=name, scopes=scopes, expires_at=ends, origin=origin, now=timestamp(now)
        )
        return Made(token, text)

    async def of_user(self, user_id: str) -> list[ApiToken]:
        """The user's tokens, expired ones too, the newest first. Raises NotFound if there is no such user."""
        return await self._storage.read(_of_user, user_id)

    async def revoke(self, user_id: str, token_id: str, origin: Origin) -> None:
        """End a token of the user for good. Raises NotFound if they have none of that id."""
        await self._storage.write(_revoke, user_id, token_id, origin, timestamp(self._clock.now()))


def _of_user(conn: Connection, user_id: str) -> list[ApiToken]:
    found = store.of_user(conn, user_id)
    if not found:
        require_user(conn, user_id)
    return found


def _create(
    conn: Connection,
    user_id: str,
    text: str,
    *,
    name: str,
    scopes: frozenset[str],
    expires_at: str | None,
    origin: Origin,
    now: str,
) -> ApiToken:
    # Locked, so that no deactivation passes between this look and the new row, and that nobody counts at the same time.
    user = conn.execute(
        select(users.c.is_active, users.c.is_admin).where(users.c.id == user_id).with_for_update()
    ).first()
    if user is None or not user.is_active or user_id == SYSTEM_USER_ID:
        raise Forbidden("this account can't have API tokens")
    if "admin" in scopes and not user.is_admin:
        raise Forbidden("only administrators can make tokens with the scope 'admin'")
    if store.count(conn, user_id) >= MOST_TOKENS:
        raise Conflict(f"there are {MOST_TOKENS} tokens already; revoke one first")
    token = store.create(conn, user_id, text, name=name, scopes=scopes, expires_at=expires_at, now=now)
    details = {"user_id": user_id, "scopes": sorted(scopes), "expires_at": expires_at}
    append(conn, origin, "token.create", Target("token", token.id, name), details=details, now=now)
    return token


def _revoke(conn: Connection, user_id: str, token_id: str, origin: Origin, now: str) -> None:
    token = store.revoke(conn, user_id, token_id)
    if token is None:
        raise NotFound("there is no such token")
    append(conn, origin, "token.revoke", Target("token", token_id, token.name), details={"user_id": user_id}, now=now)
