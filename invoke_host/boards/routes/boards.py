"""`/api/v1/boards`: boards themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from invoke_host.api import FieldProblem
from invoke_host.boards.schema import (
    BoardChanges,
    BoardDTO,
    BoardPage,
    BoardsQuery,
    DeleteBoardQuery,
    DeletedBoard,
    NewBoardQuery,
)
from invoke_host.boards.service import BoardService
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, origin_of, query_of, web

BOARDS: Final = web.AppKey("boards", BoardService)


async def list_boards(request: web.Request) -> web.Response:
    """Boards that the caller sees: a page, or with `all` a list of everything."""
    query = query_of(request, BoardsQuery)
    service, actor = request.app[BOARDS], actor_of(request)
    if query.all_boards:
        return json_response(await service.everything(actor, query.order, archived=query.include_archived))
    page = await service.page(actor, query.list_query())
    return json_response(
        {
            "limit": query.limit,
            "offset": query.offset,
            "total": page.total,
            "items": page.items,
            "next_cursor": page.next_cursor,
        }
    )


async def create_board(request: web.Request) -> web.Response:
    """Make a board; it is private."""
    name = query_of(request, NewBoardQuery).board_name
    return json_response(await request.app[BOARDS].create(actor_of(request), name), 201)


async def get_board(request: web.Request) -> web.Response:
    """One board."""
    return json_response(await request.app[BOARDS].get(actor_of(request), board_id_of(request)))


async def change_board(request: web.Request) -> web.Response:
    """Rename or archive a board, choose its cover, or decide who sees it."""
    change = body_of(request, BoardChanges).patch()
    board = await request.app[BOARDS].patch(actor_of(request), board_id_of(request), change, origin_of(request))
    return json_response(board)


async def delete_board(request: web.Request) -> web.Response:
    """Delete a board. Its images are on no board from then on, or with `include_images` in the trash."""
    board_id, include = board_id_of(request), query_of(request, DeleteBoardQuery).include_images
    gone = await request.app[BOARDS].delete(actor_of(request), board_id, origin_of(request), include_images=include)
    return json_response(
        {
            "board_id": board_id,
            "deleted_board_images": [] if include else gone.images,
            "deleted_images": gone.images if include else [],
            "deleted_board_videos": [],
            "deleted_videos": [],
            "failed_images": [],
            "failed_videos": [],
        }
    )


def board_id_of(request: web.Request) -> str:
    """The board id in the path, whatever the client wrote there."""
    return request.match_info["board_id"]


async def _more_problems(request: web.Request, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
    """Whether the cover is wrong too, for a body that is refused for other reasons."""
    cover = values.get("cover_image_name")
    if not isinstance(cover, str):
        return []
    return await request.app[BOARDS].cover_problems(actor_of(request), board_id_of(request), cover)


ROOT: Final = "/api/v1/boards"
ONE: Final = f"{ROOT}/{{board_id}}"
TAG: Final = "boards"

ROUTES: tuple[Route, ...] = (
    Route("GET", f"{ROOT}/", list_boards, LOGGED_IN, "List boards", TAG, query=BoardsQuery,
          responses=((200, BoardPage | list[BoardDTO]),)),
    Route("POST", f"{ROOT}/", create_board, LOGGED_IN, "Make a board", TAG, query=NewBoardQuery,
          responses=((201, BoardDTO),)),
    Route("GET", ONE, get_board, LOGGED_IN, "Get a board", TAG, responses=((200, BoardDTO), (404, None))),
    Route("PATCH", ONE, change_board, LOGGED_IN, "Change a board", TAG, body=BoardChanges, review=_more_problems,
          responses=((200, BoardDTO), (403, None), (404, None))),
    Route("DELETE", ONE, delete_board, LOGGED_IN, "Delete a board", TAG, query=DeleteBoardQuery,
          responses=((200, DeletedBoard), (403, None), (404, None))),
)  # fmt: skip
