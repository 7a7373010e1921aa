"""API tokens: users make, see and revoke their own; administrators see and revoke everybody's."""

from __future__ import annotations

from typing import Final

from invoke_host.identity.mode import require_login_mode
from invoke_host.identity.tokens.schema import MadeToken, NewToken, TokenDTO, token_dto
from invoke_host.identity.tokens.service import TokenService
from invoke_host.web import ADMIN, LOGGED_IN, Route, actor_of, body_of, json_response, origin_of, web

TOKENS: Final = web.AppKey("api_tokens", TokenService)


async def own_tokens(request: web.Request) -> web.Response:
    """The caller's tokens, the newest first, without the tokens themselves."""
    found = await _service(request).of_user(str(actor_of(request).id))
    return json_response([token_dto(each) for each in found])


async def create_token(request: web.Request) -> web.Response:
    """Make a token. This answer is the only one that shows it."""
    wanted = body_of(request, NewToken)
    made = await _service(request).create(
        str(actor_of(request).id),
        name=wanted.name,
        scopes=frozenset(wanted.scopes),
        expires_in_days=wanted.expires_in_days,
        origin=origin_of(request),
    )
    return json_response({"token": made.text, **token_dto(made.token)}, status=201)


async def revoke_own_token(request: web.Request) -> web.Response:
    """End a token for good; what uses it is refused from its next request on."""
    await _service(request).revoke(str(actor_of(request).id), request.match_info["token_id"], origin_of(request))
    return web.Response(status=204)


async def tokens_of_user(request: web.Request) -> web.Response:
    """A user's tokens, the newest first."""
    found = await _service(request).of_user(request.match_info["user_id"])
    return json_response([token_dto(each) for each in found])


async def revoke_token_of_user(request: web.Request) -> web.Response:
    """End a user's token for good."""
    await _service(request).revoke(request.match_info["user_id"], request.match_info["token_id"], origin_of(request))
    return web.Response(status=204)


def _service(request: web.Request) -> TokenService:
    require_login_mode(actor_of(request))
    return request.app[TOKENS]


_OWN = "/api/v1/auth/tokens"
_OF_USER = "/api/v1/auth/users/{user_id}/tokens"

ROUTES: tuple[Route, ...] = (
    Route("GET", _OWN, own_tokens, LOGGED_IN, "List own API tokens", "auth", scope="session",
          responses=((200, list[TokenDTO]), (403, None))),
    Route("POST", _OWN, create_token, LOGGED_IN, "Make an API token", "auth", body=NewToken, scope="session",
          responses=((201, MadeToken), (409, None))),
    Route("DELETE", f"{_OWN}/{{token_id}}", revoke_own_token, LOGGED_IN, "Revoke an own API token", "auth",
          scope="session", responses=((204, None), (404, None))),
    Route("GET", _OF_USER, tokens_of_user, ADMIN, "List a user's API tokens", "users",
          responses=((200, list[TokenDTO]), (404, None))),
    Route("DELETE", f"{_OF_USER}/{{token_id}}", revoke_token_of_user, ADMIN, "Revoke a user's API token", "users",
          responses=((204, None), (404, None))),
)  # fmt: skip
