"""`/api/v1/boards/{board_id}/grants` and `/transfer`: who else may do what, and whose the board is."""

from __future__ import annotations

from typing import Final

from invoke_host.api import NotFound
from invoke_host.boards.routes.boards import BOARDS, ONE, TAG, board_id_of
from invoke_host.boards.schema import BoardDTO, GrantDTO, Grants, NewGrant, NewOwner
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, origin_of, web


async def list_grants(request: web.Request) -> web.Response:
    """Users and groups that the board is shared with."""
    return json_response({"grants": await request.app[BOARDS].grants(actor_of(request), board_id_of(request))})


async def put_grant(request: web.Request) -> web.Response:
    """Share the board with a user or a group, or change their role."""
    body = body_of(request, NewGrant)
    service = request.app[BOARDS]
    grant = await service.grant(actor_of(request), board_id_of(request), body.naming(), body.role, origin_of(request))
    return json_response(grant)


async def leave_board(request: web.Request) -> web.Response:
    """Give up what the board's owner granted the caller."""
    await request.app[BOARDS].leave(actor_of(request), board_id_of(request), origin_of(request))
    return web.Response(status=204)


async def delete_grant(request: web.Request) -> web.Response:
    """Take a grant back, or leave it as the one whom it is for."""
    grant_id = _number(request.match_info["grant_id"])
    await request.app[BOARDS].revoke(actor_of(request), board_id_of(request), grant_id, origin_of(request))
    return web.Response(status=204)


async def transfer_board(request: web.Request) -> web.Response:
    """Give the board to another user. Images stay whose they are, and other grants as they were."""
    body = body_of(request, NewOwner)
    board = await request.app[BOARDS].transfer(
        actor_of(request), board_id_of(request), body.naming(), body.keep_role, origin_of(request)
    )
    return json_response(board)


def _number(text: str) -> int:
    """The id in the path; what can't be one is the id of nothing."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(f"There is no grant {text[:64]!r}.")
    return int(text)


_GRANTS: Final = f"{ONE}/grants"

ROUTES: tuple[Route, ...] = (
    Route("GET", _GRANTS, list_grants, LOGGED_IN, "List grants", TAG,
          responses=((200, Grants), (403, None), (404, None))),
    Route("PUT", _GRANTS, put_grant, LOGGED_IN, "Share a board", TAG, body=NewGrant,
          responses=((200, GrantDTO), (403, None), (404, None), (429, None))),
    Route("DELETE", f"{_GRANTS}/mine", leave_board, LOGGED_IN, "Leave a board", TAG,
          responses=((204, None), (404, None))),
    Route("DELETE", f"{_GRANTS}/{{grant_id}}", delete_grant, LOGGED_IN, "Take a grant back", TAG,
          responses=((204, None), (403, None), (404, None))),
    Route("POST", f"{ONE}/transfer", transfer_board, LOGGED_IN, "Give a board away", TAG, body=NewOwner,
          responses=((200, BoardDTO), (403, None), (404, None), (429, None))),
)  # fmt: skip
