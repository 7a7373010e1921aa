"""What galleries show, in the words of clients that also know videos: items, their names, and images by day."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel

from invoke_host.api import NotFound
from invoke_host.api.web import Handler
from invoke_host.images.gallery_schema import (
    GalleryItemsQuery,
    GalleryNameList,
    GalleryNames,
    GalleryNamesQuery,
    GalleryPage,
    VirtualBoard,
    is_day,
    item,
)
from invoke_host.images.routes.reads import READER
from invoke_host.images.schema import ImageNamesPage, NamesQuery
from invoke_host.web import LOGGED_IN, Route, actor_of, json_response, query_of, web


async def list_items(request: web.Request) -> web.Response:
    """A page of a gallery."""
    query = query_of(request, GalleryItemsQuery)
    page = await request.app[READER].page(actor_of(request), query.list_query())
    return json_response(
        {
            "items": [item(image) for image in page.items],
            "offset": query.offset,
            "limit": query.limit,
            "total": page.total,
            "next_cursor": page.next_cursor,
        }
    )


async def item_names(request: web.Request) -> web.Response:
    """All names of a gallery."""
    return json_response(_item_names(*await _names(request)))


async def item_name_list(request: web.Request) -> web.Response:
    """The same, one object for each name."""
    names, starred = await _names(request)
    items = [{"kind": "image", "name": name} for name in names]
    return json_response({"items": items, "starred_count": starred, "total_count": len(names)})


async def list_days(request: web.Request) -> web.Response:
    """The days on which images were made."""
    days = await request.app[READER].days(actor_of(request))
    return json_response(
        [
            {
                "virtual_board_id": f"by_date:{day.day}",
                "board_name": day.day,
                "date": day.day,
                "image_count": day.image_count,
                "asset_count": day.asset_count,
                "video_count": 0,
                "cover_image_name": day.cover_image_name,
                "cover_video_name": None,
            }
            for day in days
        ]
    )


async def image_names_of_day(request: web.Request) -> web.Response:
    """The names of what was made on a day."""
    names, starred = await _names_of_day(request)
    return json_response({"image_names": names, "starred_count": starred, "total_count": len(names)})


async def item_names_of_day(request: web.Request) -> web.Response:
    """The same in the words of galleries."""
    return json_response(_item_names(*await _names_of_day(request)))


async def _names(request: web.Request) -> tuple[list[str], int]:
    query = query_of(request, GalleryNamesQuery)
    return await request.app[READER].names(actor_of(request), query.filters, query.order)


async def _names_of_day(request: web.Request) -> tuple[list[str], int]:
    day = request.match_info["date"]
    if not is_day(day):
        raise NotFound(f"There is no day {day[:64]!r}; days are written like 2026-11-23.")
    query = query_of(request, NamesQuery)
    return await request.app[READER].names(actor_of(request), replace(query.filters, day=day), query.order)


def _item_names(names: list[str], starred: int) -> dict[str, object]:
    return {"item_names": names, "starred_count": starred, "total_count": len(names)}


def _route(
    path: str,
    handler: Handler,
    summary: str,
    answer: object,
    *,
    query: type[BaseModel] | None = None,
    refusals: tuple[int, ...] = (404,),
) -> Route:
    return Route(
        "GET",
        f"/api/v1/{path}",
        handler,
        LOGGED_IN,
        summary=summary,
        tag="gallery",
        query=query,
        responses=((200, answer), *((status, None) for status in refusals)),
    )


_DAY = "virtual_boards/by_date/{date}"

ROUTES: tuple[Route, ...] = (
    _route("gallery/items/", list_items, "List a gallery, a page at a time", GalleryPage, query=GalleryItemsQuery),
    _route("gallery/item_names", item_names, "List all names of a gallery", GalleryNames, query=GalleryNamesQuery),
    _route(
        "gallery/items/names",
        item_name_list,
        "List all names of a gallery (deprecated)",
        GalleryNameList,
        query=GalleryNamesQuery,
    ),
    _route("virtual_boards/by_date", list_days, "List the days with images", list[VirtualBoard], refusals=()),
    _route(f"{_DAY}/image_names", image_names_of_day, "List all names of a day", ImageNamesPage, query=NamesQuery),
    _route(
        f"{_DAY}/item_names", item_names_of_day, "List all names of a day (deprecated)", GalleryNames, query=NamesQuery
    ),
)
