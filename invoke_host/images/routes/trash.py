"""The trash: what was deleted, back or for good.

LOGGED_IN and not `requires(...)` for the reason that `routes.changes` tells.
"""

from __future__ import annotations

from typing import Final

from invoke_host.images import media
from invoke_host.images.routes.common import ROOT, name_of, names_route, route
from invoke_host.images.schema import ImageNames
from invoke_host.images.services.trashing import ImageTrash
from invoke_host.images.trash_schema import EmptiedTrash, PurgedImages, RestoredImages, TrashedImages, TrashQuery
from invoke_host.web import Route, actor_of, body_of, json_response, origin_of, query_of, web

TRASH: Final = web.AppKey("image trash", ImageTrash)


async def list_trash(request: web.Request) -> web.Response:
    """A page of the trash."""
    query = query_of(request, TrashQuery)
    page = await request.app[TRASH].page(actor_of(request), limit=query.limit, cursor=query.place())
    return json_response({"items": page.items, "limit": query.limit, "next_cursor": page.next_cursor})


async def restore(request: web.Request) -> web.Response:
    """Take the named images out of the trash."""
    result = await request.app[TRASH].restore(actor_of(request), body_of(request, ImageNames).image_names)
    return json_response(
        {"restored_images": result.done, "failed_images": result.failed, "affected_boards": result.boards}
    )


async def purge(request: web.Request) -> web.Response:
    """Remove the named images in the trash for good."""
    names = body_of(request, ImageNames).image_names
    result = await request.app[TRASH].purge(actor_of(request), names, origin_of(request))
    return json_response({"purged_images": result.done, "failed_images": result.failed})


async def empty(request: web.Request) -> web.Response:
    """Remove all that the caller owns in the trash for good."""
    return json_response({"purged_count": await request.app[TRASH].empty(actor_of(request))})


async def get_full(request: web.Request) -> web.StreamResponse:
    """The picture of an image in the trash."""
    return await _send(request, thumbnail=False, content_type="image/png")


async def get_thumbnail(request: web.Request) -> web.StreamResponse:
    """The thumbnail of an image in the trash."""
    return await _send(request, thumbnail=True, content_type="image/webp")


async def _send(request: web.Request, *, thumbnail: bool, content_type: str) -> web.StreamResponse:
    service = request.app[TRASH]
    path, facts = await service.file(actor_of(request), name_of(request), thumbnail=thumbnail)
    return await media.send(request, path, facts, content_type=content_type, multi_user=service.multi_user)


_TRASH = f"{ROOT}/trash"
_ONE = f"{_TRASH}/i/{{name}}"

ROUTES: tuple[Route, ...] = (
    route("GET", _TRASH, list_trash, "List images in the trash, a page at a time", TrashedImages, query=TrashQuery),
    names_route("trash/restore", restore, "Take images out of the trash", RestoredImages),
    names_route("trash/purge", purge, "Remove images in the trash for good", PurgedImages),
    route("DELETE", _TRASH, empty, "Empty the caller's trash", EmptiedTrash),
    route(
        "GET", f"{_ONE}/full", get_full, "The picture, in the trash", None, media_type="image/png", refusals=(404, 410)
    ),
    route(
        "GET",
        f"{_ONE}/thumbnail",
        get_thumbnail,
        "The thumbnail, in the trash",
        None,
        media_type="image/webp",
        refusals=(404, 410),
    ),
)
