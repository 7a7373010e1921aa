"""The reads behind every credential: one indexed statement each, so that role and activity are never older than it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, bindparam, exists, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from invoke_host.api import SYSTEM_USER_ID, Actor, UserId
from invoke_host.identity.groups.tables import group_members
from invoke_host.identity.sessions.tables import sessions
from invoke_host.identity.tables import identities, users
from invoke_host.identity.tokens.tables import api_tokens
from invoke_host.storage import PlainRow, PreparedSelect, quick


class joined(GenericFunction[str]):  # noqa: N801 - reads as the SQL function it is
    """All values of a column with blanks between, NULL if there is none.

    `func.aggregate_strings` writes its separator anew at each run, which keeps statements from being prepared.
    """

    type = String()
    inherit_cache = True


@compiles(joined, "sqlite")
def _sqlite(element: joined, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **kwargs)}, ' ')"


@compiles(joined, "postgresql")
def _postgresql(element: joined, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **kwargs)}, ' ')"


_GROUPS = (
    select(joined(group_members.c.group_id))
    .where(group_members.c.user_id == users.c.id)
    .correlate(users)
    .scalar_subquery()
)

#: What `_actor` reads, at the end of each statement below.
_USER: tuple[ColumnElement[Any], ...] = (users.c.id, users.c.display_name, users.c.email, users.c.is_admin, _GROUPS)

_BLOCKED = exists().where(identities.c.user_id == users.c.id, identities.c.blocked_at.is_not(None))
_VOUCHED_FOR = exists().where(identities.c.user_id == users.c.id, identities.c.blocked_at.is_(None))


def _of_users(
    own: tuple[ColumnElement[Any], ...],
    key: ColumnElement[str],
    table: Table | None = None,
    *,
    not_blocked: bool = False,
) -> PreparedSelect:
    """Columns of a credential, then those of its user; nothing where the user is inactive or the internal one.

    With `not_blocked` nothing either where every provider that knew the user has taken its word back.
    """
    source = users if table is None else table.join(users, table.c.user_id == users.c.id)
    query = select(*own, *_USER).select_from(source)
    query = query.where(key == bindparam("key_"), users.c.is_active.is_(True), users.c.id != SYSTEM_USER_ID)
    return PreparedSelect(query.where(or_(~_BLOCKED, _VOUCHED_FOR)) if not_blocked else query)


_SESSION = (sessions.c.provider, sessions.c.remember, sessions.c.last_seen_at, sessions.c.ends_at)
_TOKEN = (api_tokens.c.id, api_tokens.c.scopes, api_tokens.c.expires_at, api_tokens.c.last_used_at)

_BY_SESSION = _of_users(_SESSION, sessions.c.id, sessions)
_BY_HASH = _of_users(_TOKEN, api_tokens.c.sha256, api_tokens, not_blocked=True)
_BY_TOKEN_ID = _of_users(_TOKEN, api_tokens.c.id, api_tokens, not_blocked=True)
_BY_USER = _of_users((), users.c.id)
_LINKED = PreparedSelect(
    select(identities.c.subject)
    .where(
        identities.c.user_id == bindparam("user_id_"),
        identities.c.provider == bindparam("provider_"),
        identities.c.blocked_at.is_(None),
    )
    .limit(1)
)


class SessionRow:
    """A session and its active user. `actor` is who they are by now."""

    __slots__ = ("_row", "ends_at", "id", "last_seen_at", "provider", "remember", "user_id")

    def __init__(self, session_id: str, row: PlainRow) -> None:
        self.provider: str = row[0]
        self.remember = row[1] == 1
        self.last_seen_at: str = row[2]
        self.ends_at: str = row[3]
        self.user_id: str = row[4]
        self.id = session_id
        self._row = row

    def actor(self) -> Actor:
        """The caller."""
        return _actor(self._row[4:], provider=self.provider, session_id=self.id)


class TokenRow:
    """An API token and its active user."""

    __slots__ = ("_row", "expires_at", "id", "last_used_at", "scopes")

    def __init__(self, row: PlainRow) -> None:
        self.id: str = row[0]
        self.scopes = frozenset(row[1].split())
        self.expires_at: str | None = row[2]
        self.last_used_at: str | None = row[3]
        self._row = row

    def actor(self) -> Actor:
        """The caller: never more than the user may, and administrator only where the token says so too."""
        return _actor(self._row[4:], token_id=self.id, token_scopes=self.scopes)


@quick
def by_session(conn: Connection, session_id: str) -> SessionRow | None:
    """The session with its user, or None if either is no more."""
    row = _BY_SESSION.first(conn, {"key_": session_id})
    return None if row is None else SessionRow(session_id, row)


@quick
def by_hash(conn: Connection, sha256: str) -> TokenRow | None:
    """The API token of this hash with its user, or None if either is no more."""
    row = _BY_HASH.first(conn, {"key_": sha256})
    return None if row is None else TokenRow(row)


def by_token_id(conn: Connection, token_id: str) -> TokenRow | None:
    """The same for a token that was already presented."""
    row = _BY_TOKEN_ID.first(conn, {"key_": token_id})
    return None if row is None else TokenRow(row)


@quick
def by_user(conn: Connection, user_id: str, provider: str = "") -> Actor | None:
    """An active user as a caller whom `provider` has recognised on the request, or None."""
    row = _BY_USER.first(conn, {"key_": user_id})
    return None if row is None else _actor(row, provider=provider)


def is_linked(conn: Connection, user_id: str, provider: str) -> bool:
    """Whether the user still has an identity at that provider, and the provider has not taken its word back."""
    return _LINKED.first(conn, {"user_id_": user_id, "provider_": provider}) is not None


def _actor(row: PlainRow, **more: Any) -> Actor:
    user_id, display_name, email, is_admin, groups = row
    scopes: frozenset[str] | None = more.get("token_scopes")
    return Actor(
        UserId(user_id),
        "user",
        display_name or email,
        is_admin=is_admin == 1 and (scopes is None or "admin" in scopes),
        groups=frozenset(groups.split()) if groups else frozenset(),
        **more,
    )
