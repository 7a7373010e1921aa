"""All SQL of API tokens that is not on the path of every request (that is `credentials`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, update

from invoke_host import ids
from invoke_host.identity.tokens.tables import api_tokens
from invoke_host.storage import quick

#: How every API token begins, so that scanners of leaked secrets and people know it.
PREFIX = "ivh_"

#: 256 random bits in base64url.
TOKEN_LENGTH = len(PREFIX) + 43

_HINT = 10


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One row of `api_tokens`, without the hash."""

    id: str
    user_id: str
    name: str
    scopes: frozenset[str]
    hint: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    last_used_address: str | None


_COLUMNS = (
    api_tokens.c.id,
    api_tokens.c.user_id,
    api_tokens.c.name,
    api_tokens.c.scopes,
    api_tokens.c.hint,
    api_tokens.c.created_at,
    api_tokens.c.expires_at,
    api_tokens.c.last_used_at,
    api_tokens.c.last_used_address,
)


def new_text() -> str:
    """A new token as its user gets it, once."""
    return PREFIX + ids.new_token()


def digest(text: str) -> str:
    """What is stored and looked for. A plain hash: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


def create(
    conn: Connection, user_id: str, text: str, *, name: str, scopes: frozenset[str], expires_at: str | None, now: str
) -> ApiToken:
    """Add the token."""
    token = ApiToken(ids.new_id(), user_id, name, scopes, text[:_HINT], now, expires_at, None, None)
    conn.execute(
        insert(api_tokens).values(
            id=token.id,
            user_id=user_id,
            name=name,
            scopes=" ".join(sorted(scopes)),
            sha256=digest(text),
            hint=token.hint,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return token


def count(conn: Connection, user_id: str) -> int:
    """How many tokens the user has, expired ones included."""
    found = conn.execute(select(func.count()).select_from(api_tokens).where(api_tokens.c.user_id == user_id))
    return int(found.scalar_one())


@quick
def of_user(conn: Connection, user_id: str) -> list[ApiToken]:
    """The user's tokens, the newest first."""
    rows = conn.execute(
        select(*_COLUMNS)
        .where(api_tokens.c.user_id == user_id)
        .order_by(api_tokens.c.created_at.desc(), api_tokens.c.id.desc())
    )
    return [_token(row) for row in rows]


def revoke(conn: Connection, user_id: str, token_id: str) -> ApiToken | None:
    """Delete a token of the user; what it was, or None if there is none."""
    mine = and_(api_tokens.c.id == token_id, api_tokens.c.user_id == user_id)
    row = conn.execute(delete(api_tokens).where(mine).returning(*_COLUMNS)).first()
    return None if row is None else _token(row)


def revoke_all(conn: Connection, user_id: str) -> int:
    """Delete all tokens of the user; how many there were."""
    return conn.execute(delete(api_tokens).where(api_tokens.c.user_id == user_id)).rowcount


def touch(conn: Connection, used: Mapping[str, tuple[str, str | None]]) -> None:
    """Note when and from where tokens were last used; older times than the stored ones change nothing."""
    if used:
        conn.execute(_TOUCH, [{"id_": token_id, "at_": at, "from_": where} for token_id, (at, where) in used.items()])


_TOUCH = (
    update(api_tokens)
    .where(
        api_tokens.c.id == bindparam("id_"),
        or_(api_tokens.c.last_used_at.is_(None), api_tokens.c.last_used_at < bindparam("at_")),
    )
    .values(last_used_at=bindparam("at_"), last_used_address=bindparam("from_"))
)


def _token(row: Row[*tuple[Any, ...]]) -> ApiToken:
    return ApiToken(row[0], row[1], row[2], frozenset(row[3].split()), *row[4:])
