"""Sending an archive, and knowing whether all of it went out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import BinaryIO

from aiohttp import hdrs, web

from invoke_host.api import Gone
from invoke_host.images.downloads.service import Archive
from invoke_host.images.media import PIECE_BYTES, SEND_TIMEOUT_S

_HEADERS = {
    hdrs.CONTENT_TYPE: "application/zip",
    hdrs.CONTENT_DISPOSITION: 'attachment; filename="images.zip"',
    hdrs.CACHE_CONTROL: "no-store",
    hdrs.VARY: "Cookie, Authorization",
    hdrs.ACCEPT_RANGES: "none",
    "X-Content-Type-Options": "nosniff",
}


async def send(request: web.Request, archive: Archive, leaving: Callable[[], None]) -> tuple[web.StreamResponse, bool]:
    """The answer to GET or HEAD, and whether the whole archive was sent: then it has served its purpose.

    `leaving` is called before the last bytes go out: from then on the client may have all of it. Raises Gone when its
    file is not there any more.
    """
    try:
        file = await asyncio.to_thread(_open, archive)
    except OSError:
        raise Gone("the archive is not there any more; ask for another one") from None
    try:
        response = web.StreamResponse(headers=_HEADERS)
        response.content_length = archive.size_bytes
        await response.prepare(request)
        if request.method == hdrs.METH_HEAD:
            await response.write_eof()
            return response, False
        return response, await _sent(request, response, file, archive.size_bytes, leaving)
    finally:
        await asyncio.to_thread(file.close)


async def _sent(
    request: web.Request, response: web.StreamResponse, file: BinaryIO, left: int, leaving: Callable[[], None]
) -> bool:
    try:
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, left))
            if not piece:
                raise TimeoutError  # shorter than it was: only a broken connection shows that it is not whole
            left -= len(piece)
            if not left:
                leaving()
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await response.write(piece)
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        return False
    return request.transport is not None and not request.transport.is_closing()


def _open(archive: Archive) -> BinaryIO:
    return os.fdopen(os.open(archive.path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)
