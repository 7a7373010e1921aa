"""The image routes, with the paths, names and success codes that InvokeAI clients know.

They are LOGGED_IN and not `requires(...)`: every unit of work below asks the access engine in the same statement or
transaction that reads or changes the image, so that a check of its own before it would only cost a second query.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel

from invoke_host.api.web import Handler, Scope
from invoke_host.images import media
from invoke_host.images.rows import BASE_URL
from invoke_host.images.schema import (
    DeletedImages,
    ImageChanges,
    ImageDTO,
    ImageNames,
    ImageNamesPage,
    ImagePage,
    ImagesQuery,
    ImageUrls,
    Metadata,
    NamesQuery,
    StarredImages,
    UnstarredImages,
    WorkflowAndGraph,
)
from invoke_host.images.service import Deleted, ImageService
from invoke_host.web import ADMIN, LOGGED_IN, Access, Route, actor_of, body_of, json_response, query_of, web

IMAGES: Final = web.AppKey("images", ImageService)

#: A thousand names of the host's own length, with room to spare.
_NAMES_BODY_BYTES = 256 * 1024


async def list_images(request: web.Request) -> web.Response:
    """A page of images."""
    query = query_of(request, ImagesQuery)
    page = await request.app[IMAGES].page(actor_of(request), query.list_query(), board_id=query.board_id)
    return json_response(
        {
            "items": page.items,
            "offset": query.offset,
            "limit": query.limit,
            "total": page.total,
            "next_cursor": page.next_cursor,
        }
    )


async def list_names(request: web.Request) -> web.Response:
    """All names; grows with the gallery, so new clients page with a cursor instead."""
    query = query_of(request, NamesQuery)
    service = request.app[IMAGES]
    names, starred = await service.names(actor_of(request), query.filters, query.order, board_id=query.board_id)
    return json_response({"image_names": names, "starred_count": starred, "total_count": len(names)})


async def by_names(request: web.Request) -> web.Response:
    """Those of the named images that the caller may see."""
    names = body_of(request, ImageNames).image_names
    return json_response(await request.app[IMAGES].by_names(actor_of(request), names))


async def get_image(request: web.Request) -> web.Response:
    """One image."""
    return json_response(await request.app[IMAGES].get(actor_of(request), _name(request)))


async def patch_image(request: web.Request) -> web.Response:
    """Change one image."""
    change = body_of(request, ImageChanges).patch()
    return json_response(await request.app[IMAGES].patch(actor_of(request), _name(request), change))


async def delete_image(request: web.Request) -> web.Response:
    """Delete one image."""
    return _deleted(await request.app[IMAGES].delete(actor_of(request), _name(request)))


async def get_metadata(request: web.Request) -> web.Response:
    """How it was made."""
    return json_response(await request.app[IMAGES].metadata(actor_of(request), _name(request)))


async def get_workflow(request: web.Request) -> web.Response:
    """Workflow and graph inside the file; pictures made by this host carry none."""
    await request.app[IMAGES].require(actor_of(request), _name(request))
    return json_response({"workflow": None, "graph": None})


async def get_urls(request: web.Request) -> web.Response:
    """Where its files are."""
    name = _name(request)
    await request.app[IMAGES].require(actor_of(request), name)
    base = f"{BASE_URL}/{name}"
    return json_response({"image_name": name, "image_url": f"{base}/full", "thumbnail_url": f"{base}/thumbnail"})


async def get_full(request: web.Request) -> web.StreamResponse:
    """The picture."""
    return await _send(request, thumbnail=False, content_type="image/png")


async def get_thumbnail(request: web.Request) -> web.StreamResponse:
    """The thumbnail."""
    return await _send(request, thumbnail=True, content_type="image/webp")


async def delete_images(request: web.Request) -> web.Response:
    """Delete the named images."""
    names = body_of(request, ImageNames).image_names
    return _deleted(await request.app[IMAGES].delete_many(actor_of(request), names))


async def star(request: web.Request) -> web.Response:
    """Star the named images."""
    names = body_of(request, ImageNames).image_names
    done, failed = await request.app[IMAGES].star(actor_of(request), names, starred=True)
    return json_response({"starred_images": done, "failed_images": failed, "affected_boards": []})


async def unstar(request: web.Request) -> web.Response:
    """Take the star off the named images."""
    names = body_of(request, ImageNames).image_names
    done, failed = await request.app[IMAGES].star(actor_of(request), names, starred=False)
    return json_response({"unstarred_images": done, "failed_images": failed, "affected_boards": []})


async def count_intermediates(request: web.Request) -> web.Response:
    """How many intermediate images the caller has."""
    return json_response(await request.app[IMAGES].count_intermediates(actor_of(request)))


async def clear_intermediates(request: web.Request) -> web.Response:
    """Delete all intermediate images."""
    return json_response(await request.app[IMAGES].clear_intermediates(actor_of(request)))


async def delete_uncategorized(request: web.Request) -> web.Response:
    """Delete the caller's images that are on no board."""
    return _deleted(await request.app[IMAGES].delete_uncategorized(actor_of(request)))


def _name(request: web.Request) -> str:
    return request.match_info["name"]


def _deleted(result: Deleted) -> web.Response:
    return json_response({"deleted_images": result.deleted, "failed_images": result.failed, "affected_boards": []})


async def _send(request: web.Request, *, thumbnail: bool, content_type: str) -> web.StreamResponse:
    service = request.app[IMAGES]
    path, facts = await service.file(actor_of(request), _name(request), thumbnail=thumbnail)
    return await media.send(request, path, facts, content_type=content_type, multi_user=service.multi_user)


_ROOT = "/api/v1/images"
_ONE = f"{_ROOT}/i/{{name}}"
_TAG = "images"


def _names_route(path: str, handler: Handler, summary: str, answer: object, *, scope: Scope = "manage-own") -> Route:
    return Route(
        "POST",
        f"{_ROOT}/{path}",
        handler,
        LOGGED_IN,
        summary=summary,
        tag=_TAG,
        body=ImageNames,
        responses=((200, answer),),
        body_limit_bytes=_NAMES_BODY_BYTES,
        scope=scope,
    )


def _route(
    method: Literal["GET", "PATCH", "DELETE"],
    path: str,
    handler: Handler,
    summary: str,
    answer: object,
    *,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    access: Access = LOGGED_IN,
    media_type: str | None = None,
    refusals: tuple[int, ...] = (),
) -> Route:
    return Route(
        method,
        path,
        handler,
        access,
        summary=summary,
        tag=_TAG,
        query=query,
        body=body,
        responses=((200, answer), *((status, None) for status in refusals)),
        media=media_type,
    )


ROUTES: tuple[Route, ...] = (
    _route(
        "GET", f"{_ROOT}/", list_images, "List images, a page at a time", ImagePage, query=ImagesQuery, refusals=(404,)
    ),
    _route(
        "GET",
        f"{_ROOT}/names",
        list_names,
        "List all names (use cursors instead)",
        ImageNamesPage,
        query=NamesQuery,
        refusals=(404,),
    ),
    _names_route("images_by_names", by_names, "Get images by name, in that order", list[ImageDTO], scope="read"),
    _names_route("delete", delete_images, "Delete images", DeletedImages),
    _names_route("star", star, "Star images", StarredImages),
    _names_route("unstar", unstar, "Unstar images", UnstarredImages),
    _route("GET", f"{_ROOT}/intermediates", count_intermediates, "Count intermediate images", int),
    _route(
        "DELETE", f"{_ROOT}/intermediates", clear_intermediates, "Delete all intermediate images", int, access=ADMIN
    ),
    _route("DELETE", f"{_ROOT}/uncategorized", delete_uncategorized, "Delete images on no board", DeletedImages),
    _route("GET", _ONE, get_image, "Get an image", ImageDTO, refusals=(404,)),
    _route("PATCH", _ONE, patch_image, "Change an image", ImageDTO, body=ImageChanges, refusals=(403, 404)),
    _route("DELETE", _ONE, delete_image, "Delete an image", DeletedImages, refusals=(403, 404)),
    _route("GET", f"{_ONE}/metadata", get_metadata, "How an image was made", Metadata, refusals=(404,)),
    _route(
        "GET", f"{_ONE}/workflow", get_workflow, "Workflow and graph of an image", WorkflowAndGraph, refusals=(404,)
    ),
    _route("GET", f"{_ONE}/urls", get_urls, "Where an image's files are", ImageUrls, refusals=(404,)),
    _route("GET", f"{_ONE}/full", get_full, "The picture", None, media_type="image/png", refusals=(404, 410)),
    _route(
        "GET", f"{_ONE}/thumbnail", get_thumbnail, "The thumbnail", None, media_type="image/webp", refusals=(404, 410)
    ),
)
