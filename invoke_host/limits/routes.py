"""`/api/v1/limits` and `/api/v1/usage` for administrators; `/api/v1/me/usage` for everybody about themselves."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from invoke_host.api import SYSTEM_USER_ID, FieldProblem, InvalidInput
from invoke_host.limits.schema import (
    AllLimitsDTO,
    GroupLimitsDTO,
    GroupLimitsPatch,
    LimitsDTO,
    LimitsPatch,
    ScopeQuery,
    UsageDTO,
    UsagePage,
    UsageQuery,
    UserLimitsDTO,
    all_dto,
    line_dto,
    rules_dto,
    usage_dto,
)
from invoke_host.limits.service import LimitService
from invoke_host.limits.values import OF_EVERYONE, Subject
from invoke_host.web import ADMIN, LOGGED_IN, Route, actor_of, body_of, json_response, origin_of, query_of, web

LIMITS: Final = web.AppKey("limits", LimitService)


async def get_limits(request: web.Request) -> web.StreamResponse:
    """All limits that are set, and which ones there are."""
    return json_response(all_dto(await request.app[LIMITS].everything()))


async def change_limits(request: web.Request) -> web.StreamResponse:
    """Set limits; what is left out stays. They hold from the next request and the next start of an item."""
    subject = _subject(request)
    body = body_of(request, GroupLimitsPatch if subject.kind == "group" else LimitsPatch)
    return json_response(rules_dto(await request.app[LIMITS].change(subject, body.change, origin_of(request))))


async def remove_limit(request: web.Request) -> web.StreamResponse:
    """Take a limit back: what holds without it holds again. 404 when it is not set."""
    scope, name = query_of(request, ScopeQuery).scope, request.match_info["name"]
    rules = await request.app[LIMITS].remove(_subject(request), scope, [name], origin_of(request))
    return json_response(rules_dto(rules))


async def list_usage(request: web.Request) -> web.StreamResponse:
    """What all users have used today and this month (UTC), by e-mail address."""
    query = query_of(request, UsageQuery)
    found = await request.app[LIMITS].usage_page(search=query.search, after=_after(query.cursor), limit=query.limit + 1)
    shown = found[: query.limit]
    cursor = _cursor(shown[-1].email) if len(found) > query.limit else None
    return json_response({"items": [line_dto(each) for each in shown], "next_cursor": cursor})


async def get_usage(request: web.Request) -> web.StreamResponse:
    """What a user has used and may use."""
    return json_response(usage_dto(await request.app[LIMITS].usage(request.match_info["user_id"])))


async def get_own_usage(request: web.Request) -> web.StreamResponse:
    """What the caller has used and may use."""
    return json_response(usage_dto(await request.app[LIMITS].usage(actor_of(request).id or SYSTEM_USER_ID)))


def _subject(request: web.Request) -> Subject:
    match = request.match_info
    if "group_id" in match:
        return Subject("group", match["group_id"])
    return Subject("user", match["user_id"]) if "user_id" in match else OF_EVERYONE


def _cursor(email: str) -> str:
    return base64.urlsafe_b64encode(email.encode()).decode()


def _after(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode().replace("\0", "")
    except (binascii.Error, ValueError):
        problem = FieldProblem(("query", "cursor"), "not a cursor of this list; take `next_cursor` as it is")
        raise InvalidInput([problem]) from None


_EVERYONE = "/api/v1/limits/everyone"
_GROUP = "/api/v1/limits/groups/{group_id}"
_USER = "/api/v1/limits/users/{user_id}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/limits", get_limits, ADMIN, "List limits", "limits", responses=((200, AllLimitsDTO),)),
    Route("PATCH", _EVERYONE, change_limits, ADMIN, "Limit everyone", "limits", body=LimitsPatch,
          responses=((200, LimitsDTO),)),
    Route("PATCH", _GROUP, change_limits, ADMIN, "Limit a group", "limits", body=GroupLimitsPatch,
          responses=((200, GroupLimitsDTO), (404, None))),
    Route("PATCH", _USER, change_limits, ADMIN, "Limit a user", "limits", body=LimitsPatch,
          responses=((200, UserLimitsDTO), (404, None))),
    Route("DELETE", f"{_EVERYONE}/{{name}}", remove_limit, ADMIN, "Unlimit everyone", "limits", query=ScopeQuery,
          responses=((200, LimitsDTO), (404, None))),
    Route("DELETE", f"{_GROUP}/{{name}}", remove_limit, ADMIN, "Unlimit a group", "limits", query=ScopeQuery,
          responses=((200, GroupLimitsDTO), (404, None))),
    Route("DELETE", f"{_USER}/{{name}}", remove_limit, ADMIN, "Unlimit a user", "limits", query=ScopeQuery,
          responses=((200, UserLimitsDTO), (404, None))),
    Route("GET", "/api/v1/usage", list_usage, ADMIN, "List usage", "limits", query=UsageQuery,
          responses=((200, UsagePage),)),
    Route("GET", "/api/v1/users/{user_id}/usage", get_usage, ADMIN, "Get a user's usage", "limits",
          responses=((200, UsageDTO), (404, None))),
    Route("GET", "/api/v1/me/usage", get_own_usage, LOGGED_IN, "Get own usage", "limits",
          responses=((200, UsageDTO),)),
)  # fmt: skip
