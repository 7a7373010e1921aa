"""An image's files, and what they say about how it was made."""

from __future__ import annotations

from typing import Final

import orjson

from invoke_host.images import media
from invoke_host.images.routes.common import ONE, name_of, route
from invoke_host.images.schema import Metadata, WorkflowAndGraph
from invoke_host.images.services.files import ImageFiles
from invoke_host.web import Route, actor_of, json_response, web

FILES: Final = web.AppKey("image files", ImageFiles)


async def get_full(request: web.Request) -> web.StreamResponse:
    """The picture."""
    return await _send(request, thumbnail=False, content_type="image/png")


async def get_thumbnail(request: web.Request) -> web.StreamResponse:
    """The thumbnail."""
    return await _send(request, thumbnail=True, content_type="image/webp")


async def get_metadata(request: web.Request) -> web.Response:
    """How it was made, in the very words of the file: nothing is read that could be too large or too deep for us."""
    text = await request.app[FILES].metadata(actor_of(request), name_of(request))
    return json_response(None if text is None else orjson.Fragment(text))


async def get_workflow(request: web.Request) -> web.Response:
    """Workflow and graph inside the file, as an uploaded one may carry them."""
    return json_response(await request.app[FILES].workflow(actor_of(request), name_of(request)))


async def _send(request: web.Request, *, thumbnail: bool, content_type: str) -> web.StreamResponse:
    service = request.app[FILES]
    path, facts = await service.file(actor_of(request), name_of(request), thumbnail=thumbnail)
    return await media.send(request, path, facts, content_type=content_type, multi_user=service.multi_user)


ROUTES: tuple[Route, ...] = (
    route("GET", f"{ONE}/metadata", get_metadata, "How an image was made", Metadata, refusals=(404,)),
    route("GET", f"{ONE}/workflow", get_workflow, "Workflow and graph of an image", WorkflowAndGraph, refusals=(404,)),
    route("GET", f"{ONE}/full", get_full, "The picture", None, media_type="image/png", refusals=(404, 410)),
    route(
        "GET", f"{ONE}/thumbnail", get_thumbnail, "The thumbnail", None, media_type="image/webp", refusals=(404, 410)
    ),
)
