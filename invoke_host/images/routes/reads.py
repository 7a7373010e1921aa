"""Listing and reading images.

They are LOGGED_IN and not `requires(...)`: every unit of work asks the access engine in the statement that reads, so
that a check of its own before it would only cost a second query.
"""

from __future__ import annotations

from typing import Final

from invoke_host.images.routes.common import ONE, ROOT, name_of, names_route, route
from invoke_host.images.rows import BASE_URL
from invoke_host.images.schema import (
    ImageDTO,
    ImageNames,
    ImageNamesPage,
    ImagePage,
    ImagesQuery,
    ImageUrls,
    NamesQuery,
)
from invoke_host.images.services.reading import ImageReader
from invoke_host.web import Route, actor_of, body_of, json_response, query_of, web

READER: Final = web.AppKey("image reader", ImageReader)


async def list_images(request: web.Request) -> web.Response:
    """A page of images."""
    query = query_of(request, ImagesQuery)
    page = await request.app[READER].page(actor_of(request), query.list_query())
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
    service = request.app[READER]
    names, starred = await service.names(actor_of(request), query.filters, query.order)
    return json_response({"image_names": names, "starred_count": starred, "total_count": len(names)})


async def by_names(request: web.Request) -> web.Response:
    """Those of the named images that the caller may see."""
    names = body_of(request, ImageNames).image_names
    return json_response(await request.app[READER].by_names(actor_of(request), names))


async def get_image(request: web.Request) -> web.Response:
    """One image."""
    return json_response(await request.app[READER].get(actor_of(request), name_of(request)))


async def get_urls(request: web.Request) -> web.Response:
    """Where its files are."""
    name = name_of(request)
    await request.app[READER].require(actor_of(request), name)
    base = f"{BASE_URL}/{name}"
    return json_response({"image_name": name, "image_url": f"{base}/full", "thumbnail_url": f"{base}/thumbnail"})


async def count_intermediates(request: web.Request) -> web.Response:
    """How many intermediate images the caller has."""
    return json_response(await request.app[READER].count_intermediates(actor_of(request)))


ROUTES: tuple[Route, ...] = (
    route(
        "GET", f"{ROOT}/", list_images, "List images, a page at a time", ImagePage, query=ImagesQuery, refusals=(404,)
    ),
    route(
        "GET",
        f"{ROOT}/names",
        list_names,
        "List all names (use cursors instead)",
        ImageNamesPage,
        query=NamesQuery,
        refusals=(404,),
    ),
    names_route("images_by_names", by_names, "Get images by name, in that order", list[ImageDTO], scope="read"),
    route("GET", f"{ROOT}/intermediates", count_intermediates, "Count intermediate images", int),
    route("GET", ONE, get_image, "Get an image", ImageDTO, refusals=(404,)),
    route("GET", f"{ONE}/urls", get_urls, "Where an image's files are", ImageUrls, refusals=(404,)),
)
