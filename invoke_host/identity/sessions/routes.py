"""Sessions: users see and end their own, administrators everybody's."""

from __future__ import annotations

from typing import Final

from invoke_host.api import Actor
from invoke_host.identity.mode import require_login_mode
from invoke_host.identity.sessions import cookies
from invoke_host.identity.sessions.schema import EndedCount, SessionDTO, session_dto
from invoke_host.identity.sessions.service import SessionService
from invoke_host.web import (
    ADMIN,
    LOGGED_IN,
    Route,
    actor_of,
    json_response,
    origin_of,
    secure_of,
    web,
)

SESSIONS: Final = web.AppKey("sessions", SessionService)


async def own_sessions(request: web.Request) -> web.Response:
    """The caller's sessions, the newest first."""
    actor = _actor(request)
    found = await _service(request).of_user(str(actor.id))
    return json_response([session_dto(each, current=actor.session_id) for each in found])


async def end_other_sessions(request: web.Request) -> web.Response:
    """End all sessions of the caller but the one that asks."""
    actor = _actor(request)
    count = await _service(request).end_all(str(actor.id), origin_of(request), keep=actor.session_id)
    return json_response({"ended": count})


async def end_own_session(request: web.Request) -> web.Response:
    """End one session of the caller, which may be the one that asks."""
    actor, session_id = _actor(request), request.match_info["session_id"]
    await _service(request).end(str(actor.id), session_id, origin_of(request))
    response = web.Response(status=204)
    if session_id == actor.session_id:
        cookies.clear_session(response, secure_of(request))
    return response


async def sessions_of_user(request: web.Request) -> web.Response:
    """A user's sessions, the newest first."""
    actor = _actor(request)
    found = await _service(request).of_user(request.match_info["user_id"])
    return json_response([session_dto(each, current=actor.session_id) for each in found])


async def end_sessions_of_user(request: web.Request) -> web.Response:
    """End all sessions of a user."""
    _actor(request)
    count = await _service(request).end_all(request.match_info["user_id"], origin_of(request))
    return json_response({"ended": count})


async def end_session_of_user(request: web.Request) -> web.Response:
    """End one session of a user."""
    _actor(request)
    await _service(request).end(request.match_info["user_id"], request.match_info["session_id"], origin_of(request))
    return web.Response(status=204)


def _actor(request: web.Request) -> Actor:
    actor = actor_of(request)
    require_login_mode(actor)
    return actor


def _service(request: web.Request) -> SessionService:
    return request.app[SESSIONS]


_OWN = "/api/v1/auth/sessions"
_OF_USER = "/api/v1/auth/users/{user_id}/sessions"

ROUTES: tuple[Route, ...] = (
    Route("GET", _OWN, own_sessions, LOGGED_IN, "List own sessions", "auth", scope="session",
          responses=((200, list[SessionDTO]), (403, None))),
    Route("DELETE", _OWN, end_other_sessions, LOGGED_IN, "End own other sessions", "auth", scope="session",
          responses=((200, EndedCount),)),
    Route("DELETE", f"{_OWN}/{{session_id}}", end_own_session, LOGGED_IN, "End an own session", "auth", scope="session",
          responses=((204, None), (404, None))),
    Route("GET", _OF_USER, sessions_of_user, ADMIN, "List a user's sessions", "users",
          responses=((200, list[SessionDTO]), (404, None))),
    Route("DELETE", _OF_USER, end_sessions_of_user, ADMIN, "End a user's sessions", "users",
          responses=((200, EndedCount), (404, None))),
    Route("DELETE", f"{_OF_USER}/{{session_id}}", end_session_of_user, ADMIN, "End a session of a user", "users",
          responses=((204, None), (404, None))),
)  # fmt: skip
