"""`/api/v1/auth`: mode, login, logout, first administrator, and what people do about their own account."""

from __future__ import annotations

from typing import Any, Final

from invoke_host.api import SYSTEM_USER_ID, Actor, BadRequest, Forbidden, Secret
from invoke_host.identity.login.devices import device_cookie, set_device
from invoke_host.identity.login.own import Owner
from invoke_host.identity.login.password import Attempt
from invoke_host.identity.login.schema import (
    AuthStatus,
    GeneratedPassword,
    LoginAnswer,
    LoginRequest,
    MePatch,
    SetupAnswer,
    SetupRequest,
    Success,
)
from invoke_host.identity.login.service import LoginService
from invoke_host.identity.mode import NO_LOGIN_NEEDED, require_login_mode
from invoke_host.identity.sessions.cookies import clear_session, set_session
from invoke_host.identity.users.model import User
from invoke_host.identity.users.schema import UserDTO, user_dto
from invoke_host.identity.users.values import NewUser, UserChange
from invoke_host.web import (
    LOGGED_IN,
    PUBLIC,
    Route,
    actor_of,
    address_of,
    body_of,
    caller_of,
    json_response,
    origin_of,
    secure_of,
    web,
)

LOGIN: Final = web.AppKey("login", LoginService)

#: Where clients with `Authorization: Bearer` find the token of a session that takes the place of theirs.
_REFRESHED = "X-Refreshed-Token"
_DONE = {"success": True}


async def status(request: web.Request) -> web.StreamResponse:
    """Single-user mode has no login, so there is nothing to set up."""
    logins = request.app[LOGIN]
    return json_response(
        {
            "setup_required": await logins.setup_required(),
            "multiuser_enabled": logins.multi_user,
            "strict_password_checking": logins.strict,
            "admin_email": None,
        }
    )


async def login(request: web.Request) -> web.StreamResponse:
    """Begin a session: a token for API clients, the same one as a cookie for browsers."""
    logins, body, secure = _with_login(request), body_of(request, LoginRequest), secure_of(request)
    found = await logins.login(
        Attempt(
            name=body.email,
            password=Secret(body.password.get_secret_value()),
            remember=body.remember_me,
            address=address_of(request) or None,
            user_agent=_user_agent(request),
            device=device_cookie(request, secure=secure),
        )
    )
    response = json_response(
        {"token": found.issued.token, "user": user_dto(found.user), "expires_in": found.issued.expires_in_s}
    )
    set_session(response, found.issued, secure)
    set_device(response, found.device, secure=secure)
    return response


async def logout(request: web.Request) -> web.StreamResponse:
    """End this session: its token is worth nothing from now on, whoever has a copy."""
    actor = actor_of(request)
    response = json_response(_DONE)
    if actor.kind == "system":
        return response
    if actor.session_id is None or actor.id is None:
        raise BadRequest(f"{actor.provider!r} vouches for every request of yours; there is no session here to end")
    await request.app[LOGIN].logout(actor.id, actor.session_id, origin_of(request))
    clear_session(response, secure_of(request))
    return response


async def media_cookie(request: web.Request) -> web.StreamResponse:
    """Let the browser keep this session as a cookie, for pictures, downloads and event streams."""
    caller = caller_of(request)
    response = json_response(_DONE)
    if caller.session is not None:
        issued = await request.app[LOGIN].sessions.renew(caller.session)
        if issued is not None:
            set_session(response, issued, secure_of(request))
    return response


async def setup(request: web.Request) -> web.StreamResponse:
    """Make the first administrator, with the code that the server printed when it started."""
    logins, body = _with_login(request), body_of(request, SetupRequest)
    new = NewUser(body.email, body.display_name, Secret(body.password.get_secret_value()), is_admin=True)
    user = await logins.first_admin.make(new, body.setup_code, address_of(request) or None)
    return json_response({"success": True, "user": user_dto(user)})


async def me(request: web.Request) -> web.StreamResponse:
    """The caller; in single-user mode, the local administrator."""
    actor = actor_of(request)
    return json_response(_own_dto(actor, await request.app[LOGIN].users.get(actor.id or SYSTEM_USER_ID)))


async def change_me(request: web.Request) -> web.StreamResponse:
    """Change the name that is shown, or the password, which ends all sessions and begins a new one for the caller."""
    logins, body, actor = request.app[LOGIN], body_of(request, MePatch), actor_of(request)
    user_id = actor.id or SYSTEM_USER_ID
    change = UserChange() if body.display_name is None else UserChange(display_name=body.display_name)
    if body.new_password is None:
        return json_response(_own_dto(actor, await logins.own.rename(user_id, change, origin_of(request))))
    require_login_mode(actor)
    if actor.session_id is None:
        raise BadRequest(f"Your password is kept by {actor.provider!r}; change it there")
    user, issued = await logins.own.change_password(
        Owner(user_id, actor.session_id, origin_of(request), _user_agent(request)),
        change,
        None if body.current_password is None else Secret(body.current_password.get_secret_value()),
        Secret(body.new_password.get_secret_value()),
    )
    response = json_response(user_dto(user), headers={_REFRESHED: issued.token})
    set_session(response, issued, secure_of(request))
    return response


async def generate_password(request: web.Request) -> web.StreamResponse:
    """A strong password to give to somebody, or to take."""
    require_login_mode(actor_of(request))
    return json_response({"password": await request.app[LOGIN].generate_password()})


def _own_dto(actor: Actor, user: User) -> dict[str, Any]:
    # The internal user is no administrator in its row; whoever acts as it in single-user mode is one.
    return {**user_dto(user), "is_admin": user.is_admin or actor.kind == "system"}


def _with_login(request: web.Request) -> LoginService:
    logins = request.app[LOGIN]
    if not logins.multi_user:
        raise Forbidden(NO_LOGIN_NEEDED)
    return logins


def _user_agent(request: web.Request) -> str:
    return request.headers.get("User-Agent", "")


def _refused(*statuses: int) -> tuple[tuple[int, None], ...]:
    return tuple((status, None) for status in statuses)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/auth/status", status, PUBLIC, "Is there a login?", "auth", responses=((200, AuthStatus),)),
    Route("POST", "/api/v1/auth/login", login, PUBLIC, "Log in", "auth", body=LoginRequest,
          responses=((200, LoginAnswer), *_refused(401, 403, 429, 503))),
    Route("POST", "/api/v1/auth/logout", logout, LOGGED_IN, "Log out", "auth", scope="session",
          responses=((200, Success), *_refused(400))),
    Route("POST", "/api/v1/auth/media-cookie", media_cookie, LOGGED_IN, "Keep the session as a cookie", "auth",
          responses=((200, Success),), scope="session"),
    Route("POST", "/api/v1/auth/setup", setup, PUBLIC, "Make the first administrator", "auth", body=SetupRequest,
          responses=((200, SetupAnswer), *_refused(400, 403, 409, 429, 503))),
    Route("GET", "/api/v1/auth/me", me, LOGGED_IN, "Who am I?", "auth", responses=((200, UserDTO),)),
    Route("PATCH", "/api/v1/auth/me", change_me, LOGGED_IN, "Change my name or password", "auth", body=MePatch,
          responses=((200, UserDTO), *_refused(400, 401, 403, 429, 503)), scope="session"),
    Route("GET", "/api/v1/auth/generate-password", generate_password, LOGGED_IN, "Make up a password", "auth",
          responses=((200, GeneratedPassword), *_refused(403))),
)  # fmt: skip
