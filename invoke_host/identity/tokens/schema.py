"""What clients say and see about API tokens."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from invoke_host.identity.tokens.store import ApiToken
from invoke_host.masking import has_controls


def _visible(name: str) -> str:
    name = name.strip()
    if not name:
        raise ValueError("must not be blank")
    if has_controls(name):
        raise ValueError("must not contain control characters")
    return name


#: What a token may be good for; none includes another.
TokenScope = Literal["read", "generate", "manage-own", "admin"]


class NewToken(BaseModel):
    """A token to make. `expires_in_days`: good for ever when left out. `scopes`: none includes another."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_visible)]
    scopes: Annotated[frozenset[TokenScope], Field(min_length=1)]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class TokenDTO(BaseModel):
    """A token as it is listed: `hint` is how it begins. The token itself is not kept."""

    token_id: str
    name: str
    scopes: list[TokenScope]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    last_used_address: str | None
    hint: str


class MadeToken(TokenDTO):
    """The only answer that holds the token itself."""

    token: str


def token_dto(token: ApiToken) -> dict[str, Any]:
    """A token as clients get it."""
    return {
        "token_id": token.id,
        "name": token.name,
        "scopes": _ordered(token.scopes),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "last_used_address": token.last_used_address,
        "hint": token.hint,
    }


def _ordered(scopes: Collection[str]) -> list[str]:
    return [scope for scope in ("read", "generate", "manage-own", "admin") if scope in scopes]
