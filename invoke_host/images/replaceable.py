"""Sending a small picture that stands for a workflow or a style preset, and may be replaced at any time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from invoke_host.api import Gone
from invoke_host.images import media

#: Where the picture is now, and what must be true of the file.
Find = Callable[[], Awaitable[tuple[Path, media.FileFacts]]]


async def send(request: web.Request, find: Find) -> web.StreamResponse:
    """Answer GET or HEAD with the WebP picture that is found. Raises what `find` raises, and Gone as `media.send`."""
    path, facts = await find()
    try:
        return await _send(request, path, facts)
    except Gone:
        again, new = await find()
        if new == facts:
            raise
        return await _send(request, again, new)  # it was replaced while it was about to be read


async def _send(request: web.Request, path: Path, facts: media.FileFacts) -> web.StreamResponse:
    # The address without its query stays when the picture changes, so browsers have to ask; also where there is one
    # user only.
    return await media.send(request, path, facts, content_type="image/webp", multi_user=True)
