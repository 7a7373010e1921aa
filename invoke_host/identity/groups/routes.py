"""`/api/v1/groups`: groups of users, for administrators; everybody sees which ones they are in."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict
from typing import Any, Final

from invoke_host.api import SYSTEM_USER_ID, FieldProblem, InvalidInput
from invoke_host.identity.groups.schema import (
    GroupDTO,
    GroupPage,
    GroupPatch,
    GroupsQuery,
    MemberPage,
    MembersQuery,
    NewGroup,
)
from invoke_host.identity.groups.service import GroupService
from invoke_host.identity.groups.store import Group, name_key
from invoke_host.web import ADMIN, LOGGED_IN, Route, actor_of, body_of, json_response, origin_of, query_of, web

GROUPS: Final = web.AppKey("groups", GroupService)


async def list_groups(request: web.Request) -> web.StreamResponse:
    """Groups in the order of their names."""
    query = query_of(request, GroupsQuery)
    found, total = await request.app[GROUPS].page(
        search=query.search, after=_after(query.cursor), limit=query.limit + 1
    )
    more = len(found) > query.limit
    shown = found[: query.limit]
    cursor = _cursor(name_key(shown[-1].name)) if more else None
    return json_response({"items": [_dto(group) for group in shown], "total": total, "next_cursor": cursor})


async def my_groups(request: web.Request) -> web.StreamResponse:
    """The groups that the caller is in."""
    user_id = actor_of(request).id or SYSTEM_USER_ID
    return json_response([_dto(group) for group in await request.app[GROUPS].of_user(user_id)])


async def create_group(request: web.Request) -> web.StreamResponse:
    """Make a group; 400 when there is one of that name."""
    body = body_of(request, NewGroup)
    group = await request.app[GROUPS].create(body.name, body.description, origin_of(request))
    return json_response(_dto(group), 201)


async def get_group(request: web.Request) -> web.StreamResponse:
    """One group."""
    return json_response(_dto(await request.app[GROUPS].get(request.match_info["group_id"])))


async def change_group(request: web.Request) -> web.StreamResponse:
    """Rename a group or describe it anew."""
    body = body_of(request, GroupPatch)
    group = await request.app[GROUPS].change(
        request.match_info["group_id"], body.name, body.description, origin_of(request)
    )
    return json_response(_dto(group))


async def delete_group(request: web.Request) -> web.StreamResponse:
    """Remove a group. Its members stay users; what was granted to the group is granted to nobody."""
    await request.app[GROUPS].delete(request.match_info["group_id"], origin_of(request))
    return web.Response(status=204)


async def list_members(request: web.Request) -> web.StreamResponse:
    """Who is in a group."""
    query = query_of(request, MembersQuery)
    found = await request.app[GROUPS].members(
        request.match_info["group_id"], after=_after(query.cursor), limit=query.limit + 1
    )
    shown = found[: query.limit]
    cursor = _cursor(shown[-1].email) if len(found) > query.limit else None
    return json_response({"items": [asdict(member) for member in shown], "next_cursor": cursor})


async def add_member(request: web.Request) -> web.StreamResponse:
    """Put a user into a group; no change when they are in it already."""
    match = request.match_info
    await request.app[GROUPS].add_member(match["group_id"], match["user_id"], origin_of(request))
    return web.Response(status=204)


async def remove_member(request: web.Request) -> web.StreamResponse:
    """Take a user out of a group."""
    match = request.match_info
    await request.app[GROUPS].remove_member(match["group_id"], match["user_id"], origin_of(request))
    return web.Response(status=204)


def _dto(group: Group) -> dict[str, Any]:
    return {
        "group_id": group.id,
        "name": group.name,
        "description": group.description,
        "created_at": group.created_at,
        "updated_at": group.updated_at,
        "member_count": group.member_count,
    }


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _after(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode().replace("\0", "")
    except (binascii.Error, ValueError):
        problem = FieldProblem(("query", "cursor"), "not a cursor of this list; take `next_cursor` as it is")
        raise InvalidInput([problem]) from None


_ONE = "/api/v1/groups/{group_id}"
_MEMBER = "/api/v1/groups/{group_id}/members/{user_id}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/groups/", list_groups, ADMIN, "List groups", "groups", query=GroupsQuery,
          responses=((200, GroupPage),)),
    Route("GET", "/api/v1/groups/mine", my_groups, LOGGED_IN, "List own groups", "groups",
          responses=((200, list[GroupDTO]),)),
    Route("POST", "/api/v1/groups/", create_group, ADMIN, "Make a group", "groups", body=NewGroup,
          responses=((201, GroupDTO),)),
    Route("GET", _ONE, get_group, ADMIN, "Get a group", "groups", responses=((200, GroupDTO),)),
    Route("PATCH", _ONE, change_group, ADMIN, "Change a group", "groups", body=GroupPatch,
          responses=((200, GroupDTO),)),
    Route("DELETE", _ONE, delete_group, ADMIN, "Remove a group", "groups", responses=((204, None),)),
    Route("GET", f"{_ONE}/members", list_members, ADMIN, "List members", "groups", query=MembersQuery,
          responses=((200, MemberPage),)),
    Route("PUT", _MEMBER, add_member, ADMIN, "Add a member", "groups", responses=((204, None),)),
    Route("DELETE", _MEMBER, remove_member, ADMIN, "Remove a member", "groups", responses=((204, None),)),
)  # fmt: skip
