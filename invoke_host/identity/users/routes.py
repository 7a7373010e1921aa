"""`/api/v1/auth/users`: users and their identities, for administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from invoke_host.api import FieldProblem, Forbidden
from invoke_host.identity.sessions import cookies
from invoke_host.identity.sessions.routes import SESSIONS
from invoke_host.identity.users.own_session import change_and_go_on
from invoke_host.identity.users.schema import (
    DeleteQuery,
    IdentityDTO,
    LinkBody,
    NewUserBody,
    Owns,
    TransferBody,
    Transferred,
    UserDTO,
    UserPatch,
    UsersQuery,
    identity_dto,
    user_dto,
)
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import UNSET, UserChange
from invoke_host.web import (
    ADMIN,
    Route,
    actor_of,
    body_of,
    caller_of,
    json_response,
    origin_of,
    query_of,
    secure_of,
    web,
)

USERS: Final = web.AppKey("users", UserService)


async def list_users(request: web.Request) -> web.StreamResponse:
    """Users, newest first, without the internal user. Headers tell how many match and where to go on."""
    query = query_of(request, UsersQuery)
    page = await _users(request).page(query.search, query.limit, query.after)
    headers = {"X-Total-Count": str(page.total)}
    if page.next is not None:
        headers["X-Next-Cursor"] = page.next.encode()
    return json_response([user_dto(user) for user in page.users], headers=headers)


async def create_user(request: web.Request) -> web.StreamResponse:
    """Make an account with a password; 400 when the address is taken or the password too weak."""
    new = body_of(request, NewUserBody).new_user
    if new.is_admin:
        _refuse_tokens(request)
    user = await _users(request).create(new, origin_of(request))
    return json_response(user_dto(user), 201)


async def get_user(request: web.Request) -> web.StreamResponse:
    """One user, also the internal one."""
    return json_response(user_dto(await _users(request).get(_user_id(request))))


async def change_user(request: web.Request) -> web.StreamResponse:
    """Change a user. A new password ends all sessions; deactivation ends tokens and running work as well.

    Who sets their own password goes on with a new session, in X-Refreshed-Token and the cookie.
    """
    change = body_of(request, UserPatch).change
    if change.password is not None or change.is_admin or change.email is not UNSET:
        _refuse_tokens(request)
    if change.password is not None and actor_of(request).id == _user_id(request):
        return await _change_own(request, change)
    return json_response(user_dto(await _users(request).change(_user_id(request), change, origin_of(request))))


async def delete_user(request: web.Request) -> web.StreamResponse:
    """Remove a user with sessions, tokens and memberships. Their content stays unless told otherwise."""
    await _users(request).delete(_user_id(request), query_of(request, DeleteQuery).choice, origin_of(request))
    return web.Response(status=204)


async def get_content(request: web.Request) -> web.StreamResponse:
    """How much a user owns: what is kept, handed over or removed when they are deleted."""
    shares = await _users(request).shares(_user_id(request))
    return json_response({"content": {share.name: share.count for share in shares}})


async def transfer_content(request: web.Request) -> web.StreamResponse:
    """Hand over what a user owns, all of it or some kinds, at once or not at all."""
    body = body_of(request, TransferBody)
    parts = None if body.parts is None else frozenset(body.parts)
    shares = await _users(request).transfer(_user_id(request), body.to_user_id, parts, origin_of(request))
    return json_response({"transferred": {share.name: share.count for share in shares}})


async def list_identities(request: web.Request) -> web.StreamResponse:
    """Who the user is at login providers, the oldest first."""
    return json_response([identity_dto(each) for each in await _users(request).identities(_user_id(request))])


async def link_identity(request: web.Request) -> web.StreamResponse:
    """Let an identity at a login provider be this user; 409 when it is somebody else."""
    _refuse_tokens(request)
    body, user_id = body_of(request, LinkBody), _user_id(request)
    await _users(request).link(user_id, body.provider, body.subject, body.login, origin_of(request))
    linked = await _users(request).identities(user_id)
    return json_response([identity_dto(each) for each in linked], 201)


async def unlink_identity(request: web.Request) -> web.StreamResponse:
    """Let an identity be nobody; all sessions of the user end."""
    _refuse_tokens(request)
    match = request.match_info
    await _users(request).unlink(_user_id(request), match["provider"], match["subject"], origin_of(request))
    return web.Response(status=204)


async def review(request: web.Request, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
    """What else is wrong with an account whose other fields are refused."""
    return await _users(request).problems(values)


async def _change_own(request: web.Request, change: UserChange) -> web.StreamResponse:
    caller = caller_of(request)
    if caller.session is None:
        return json_response(user_dto(await _users(request).change(_user_id(request), change, origin_of(request))))
    user, issued = await change_and_go_on(
        _users(request),
        request.app[SESSIONS],
        caller.session.session_id,
        _user_id(request),
        change,
        origin_of(request),
        user_agent=request.headers.get("User-Agent", ""),
    )
    response = json_response(user_dto(user))
    if issued is not None:
        response.headers["X-Refreshed-Token"] = issued.token
        if caller.carrier == "cookie":
            cookies.set_session(response, issued, secure_of(request))
    return response


def _refuse_tokens(request: web.Request) -> None:
    """For what makes a way to log in as administrator: with it, a token that leaks would outlive its end and scopes."""
    if actor_of(request).token_id is not None:
        raise Forbidden("log in for this: no API token may make administrators or change how somebody logs in")


def _users(request: web.Request) -> UserService:
    return request.app[USERS]


def _user_id(request: web.Request) -> str:
    return request.match_info["user_id"]


_ALL = "/api/v1/auth/users"
_ONE = f"{_ALL}/{{user_id}}"
_IDENTITIES = f"{_ONE}/identities"

ROUTES: tuple[Route, ...] = (
    Route("GET", _ALL, list_users, ADMIN, "List users", "users", query=UsersQuery, responses=((200, list[UserDTO]),)),
    Route("POST", _ALL, create_user, ADMIN, "Make a user", "users", body=NewUserBody, review=review,
          responses=((201, UserDTO), (400, None), (409, None))),
    Route("GET", _ONE, get_user, ADMIN, "Get a user", "users", responses=((200, UserDTO), (404, None))),
    Route("PATCH", _ONE, change_user, ADMIN, "Change a user", "users", body=UserPatch, review=review,
          responses=((200, UserDTO), (400, None), (404, None))),
    Route("DELETE", _ONE, delete_user, ADMIN, "Remove a user", "users", query=DeleteQuery,
          responses=((204, None), (400, None), (404, None), (409, None))),
    Route("GET", f"{_ONE}/content", get_content, ADMIN, "Count content", "users",
          responses=((200, Owns), (404, None))),
    Route("POST", f"{_ONE}/transfer", transfer_content, ADMIN, "Hand over content", "users", body=TransferBody,
          responses=((200, Transferred), (400, None), (404, None))),
    Route("GET", _IDENTITIES, list_identities, ADMIN, "List identities", "users",
          responses=((200, list[IdentityDTO]), (404, None))),
    Route("POST", _IDENTITIES, link_identity, ADMIN, "Link an identity", "users", body=LinkBody,
          responses=((201, list[IdentityDTO]), (400, None), (404, None), (409, None))),
    Route("DELETE", f"{_IDENTITIES}/{{provider}}/{{subject}}", unlink_identity, ADMIN, "Unlink an identity", "users",
          responses=((204, None), (404, None))),
)  # fmt: skip
