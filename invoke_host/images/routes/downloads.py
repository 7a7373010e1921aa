"""Archives of images."""

from __future__ import annotations

from functools import partial
from typing import Final

from invoke_host.images.download_schema import DownloadAccepted, DownloadImages
from invoke_host.images.downloads.sending import send
from invoke_host.images.downloads.service import Downloads
from invoke_host.images.routes.common import NAMES_BODY_BYTES, ROOT
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, web

DOWNLOADS: Final = web.AppKey("image downloads", Downloads)


async def download_images(request: web.Request) -> web.Response:
    """Pack images into an archive, in the background: those that the caller sees, and still sees when they are packed.

    The event `bulk_download_complete` (or `bulk_download_error`) tells when it is there.
    """
    wanted = body_of(request, DownloadImages)
    asked = await request.app[DOWNLOADS].ask(actor_of(request), wanted.image_names or (), wanted.board_id)
    answer = {
        "response": "The archive is being made; an event tells when it can be fetched.",
        "bulk_download_item_name": asked.item_name,
        "failed_images": asked.left_out,
    }
    return json_response(answer, status=202)


async def fetch_download(request: web.Request) -> web.StreamResponse:
    """Fetch an archive of one's own. Sent whole, it is gone; broken off, it can be fetched again until it expires."""
    service = request.app[DOWNLOADS]
    archive = await service.archive(actor_of(request), request.match_info["item_name"])
    try:
        response, whole = await send(request, archive, partial(service.leaving, archive))
        if whole:
            await service.taken(archive)
    finally:
        service.left(archive)
    return response


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        f"{ROOT}/download",
        download_images,
        LOGGED_IN,
        summary="Pack images into an archive",
        tag="images",
        body=DownloadImages,
        responses=((202, DownloadAccepted), *((status, None) for status in (404, 429, 503, 507))),
        body_limit_bytes=NAMES_BODY_BYTES,
        scope="read",
    ),
    Route(
        "GET",
        f"{ROOT}/download/{{item_name}}",
        fetch_download,
        LOGGED_IN,
        summary="Fetch an archive",
        tag="images",
        responses=((200, None), (404, None), (409, None), (410, None)),
        media="application/zip",
    ),
)
