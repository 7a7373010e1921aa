"""`/api/v1/board_images`: putting images on boards and taking them off; and the names of what is on a board."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from invoke_host.boards.routes.boards import BOARDS, ONE, TAG, board_id_of
from invoke_host.images.moves import Moved
from invoke_host.images.query import Filters, Order
from invoke_host.images.routes.common import NAMES_BODY_BYTES
from invoke_host.images.routes.reads import READER
from invoke_host.images.schema import MAX_NAMES, Category
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, query_of, web

_BoardId = Annotated[str, StringConstraints(max_length=64)]
_Name = Annotated[str, StringConstraints(max_length=64)]
_Names = Annotated[list[_Name], Field(max_length=MAX_NAMES)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewBoardImage(_Body):
    """An image, and the board to put it on."""

    board_id: _BoardId
    image_name: _Name


class NewBoardImages(_Body):
    """Images, and the board to put them on."""

    board_id: _BoardId
    image_names: _Names


class BoardImage(_Body):
    """An image to take off its board."""

    image_name: _Name


class BoardImages(_Body):
    """Images to take off their boards."""

    image_names: _Names


class AddedImages(BaseModel):
    """Images that are on the board now, those that could not be put there, and the boards that changed by it."""

    added_images: list[str]
    failed_images: list[str]
    affected_boards: list[str]


class RemovedImages(BaseModel):
    """Images that are on no board now, those that could not be taken off, and the boards that changed by it."""

    removed_images: list[str]
    failed_images: list[str]
    affected_boards: list[str]


class BoardNamesQuery(BaseModel):
    """Which images of a board."""

    categories: list[Category] | None = Field(None, max_length=5, description="Any of these categories.")
    is_intermediate: bool | None = Field(None, description="Only intermediate images, or only others.")


async def list_names(request: web.Request) -> web.Response:
    """The names of all images on a board, starred ones first, then the newest; `none`: of those on no board."""
    query = query_of(request, BoardNamesQuery)
    categories = None if query.categories is None else frozenset(query.categories)
    filters = Filters(categories, query.is_intermediate, board_id=board_id_of(request))
    names, _ = await request.app[READER].names(actor_of(request), filters, Order())
    return json_response(names)


async def add_image(request: web.Request) -> web.Response:
    """Put an image on a board, off another one if need be; only the one who made it may."""
    body = body_of(request, NewBoardImage)
    return _added(await request.app[BOARDS].place_one(actor_of(request), body.board_id, body.image_name))


async def add_images(request: web.Request) -> web.Response:
    """Put images on a board, off others if need be; what is not the caller's is left out."""
    body = body_of(request, NewBoardImages)
    return _added(await request.app[BOARDS].place(actor_of(request), body.board_id, body.image_names))


async def remove_image(request: web.Request) -> web.Response:
    """Take an image off its board."""
    body = body_of(request, BoardImage)
    return _removed(await request.app[BOARDS].detach_one(actor_of(request), body.image_name))


async def remove_images(request: web.Request) -> web.Response:
    """Take images off their boards; those with which the caller may not do that are left out."""
    body = body_of(request, BoardImages)
    return _removed(await request.app[BOARDS].detach(actor_of(request), body.image_names))


def _added(moved: Moved) -> web.Response:
    answer = {"added_images": moved.done, "failed_images": moved.failed, "affected_boards": moved.boards}
    return json_response(answer, 201)


def _removed(moved: Moved) -> web.Response:
    answer = {"removed_images": moved.done, "failed_images": moved.failed, "affected_boards": moved.boards}
    return json_response(answer)


_ROOT: Final = "/api/v1/board_images"
_ADDED = ((201, AddedImages), (403, None), (404, None))

ROUTES: tuple[Route, ...] = (
    Route("GET", f"{ONE}/image_names", list_names, LOGGED_IN, "List the names of a board's images", TAG,
          query=BoardNamesQuery, responses=((200, list[str]), (404, None))),
    Route("POST", f"{_ROOT}/", add_image, LOGGED_IN, "Put an image on a board", TAG, body=NewBoardImage,
          responses=_ADDED),
    Route("DELETE", f"{_ROOT}/", remove_image, LOGGED_IN, "Take an image off its board", TAG, body=BoardImage,
          responses=((200, RemovedImages), (403, None), (404, None))),
    Route("POST", f"{_ROOT}/batch", add_images, LOGGED_IN, "Put images on a board", TAG, body=NewBoardImages,
          responses=_ADDED, body_limit_bytes=NAMES_BODY_BYTES),
    Route("POST", f"{_ROOT}/batch/delete", remove_images, LOGGED_IN, "Take images off their boards", TAG,
          body=BoardImages, responses=((200, RemovedImages),), body_limit_bytes=NAMES_BODY_BYTES),
)  # fmt: skip
