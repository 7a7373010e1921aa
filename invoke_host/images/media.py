"""Sending an image's files: whole and undamaged or not at all, with headers that let browsers keep them.

aiohttp's FileResponse is not used: its ETag is the file's time and size, it prefers a `.gz` neighbour, and a missing or
damaged file is a 404 or 403 there (docs/adr/0603). The size is compared on the opened file, so what is sent is what was
checked; thumbnails, being small, are compared with their hash.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from aiohttp import ETag, hdrs, web

from invoke_host.api import Gone

#: Files up to this size are read in one go on a thread; larger ones, and their parts, in pieces of it.
PIECE_BYTES = 512 * 1024

#: A client that takes nothing of a piece for so long is cut off: it holds a task and an open file. It may come back and
#: ask for the rest (Range).
SEND_TIMEOUT_S = 60.0

#: A thumbnail over this size is none of ours.
_MAX_THUMBNAIL_BYTES = 4 * 1024 * 1024

#: One user: nobody else uses this browser's cache, and a name never gets another picture.
_KEEP = "private, max-age=31536000, immutable"
#: Several users: kept, but each use asks whether this caller may still see it (304 if so).
_ASK = "private, no-cache"


class FileFacts(Protocol):
    """What must be true of a file. `size_bytes` is None for small files, which are compared with their hash."""

    @property
    def sha256(self) -> str:
        """Of its content, in hexadecimal; also its ETag."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Its size."""
        ...

    def gone(self) -> Gone:
        """The error to raise when it is not true."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `start + size - 1` of a file of `total` bytes."""

    start: int
    size: int
    total: int
    partial: bool = False


async def send(
    request: web.Request, path: Path, facts: FileFacts, *, content_type: str, multi_user: bool
) -> web.StreamResponse:
    """Answer GET or HEAD with a file whose reader was found to be allowed.

    Raises:
        Gone: the file is missing or not what was stored.
    """
    headers = _headers(facts, path, multi_user)
    if _matches(request.if_none_match, facts.sha256):
        return web.Response(status=304, headers=headers)
    if request.if_match is not None and not _matches(request.if_match, facts.sha256):
        return web.Response(status=412, headers=headers)
    file, body, total = await asyncio.to_thread(_open, path, facts)
    try:
        part = _part(request, total, facts.sha256)
        if part is None:
            return web.Response(status=416, headers={**headers, hdrs.CONTENT_RANGE: f"bytes */{total}"})
        headers[hdrs.CONTENT_TYPE] = content_type
        if part.partial:
            headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.start + part.size - 1}/{total}"
        response = web.StreamResponse(status=206 if part.partial else 200, headers=headers)
        response.content_length = part.size
        await response.prepare(request)
        try:
            if request.method != hdrs.METH_HEAD:
                await _write(request, response, file, body, part)
            await _taken(response.write_eof())
        except TimeoutError:
            _cut(request)
        return response
    finally:
        if file is not None:
            await asyncio.to_thread(file.close)


def _headers(facts: FileFacts, path: Path, multi_user: bool) -> dict[str, str]:
    return {
        hdrs.ETAG: f'"{facts.sha256}"',
        hdrs.CACHE_CONTROL: _ASK if multi_user else _KEEP,
        hdrs.VARY: "Cookie, Authorization",
        hdrs.ACCEPT_RANGES: "bytes",
        # The host's own names (`images.names`), so there is nothing to escape in them.
        hdrs.CONTENT_DISPOSITION: f'inline; filename="{path.name}"',
        "X-Content-Type-Options": "nosniff",
    }


def _matches(etags: Iterable[ETag] | None, value: str) -> bool:
    return etags is not None and any(etag.value in (value, "*") for etag in etags)


def _open(path: Path, facts: FileFacts) -> tuple[BinaryIO | None, bytes | None, int]:
    """The content of a small file, or a larger one opened, and its size; checked against what was stored."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise facts.gone() from error
    try:
        total = _checked_size(os.fstat(descriptor), facts)
        file = os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise
    if facts.size_bytes is not None and total > PIECE_BYTES:
        return file, None, total
    with file:
        body = file.read(total)
    if len(body) != total or (facts.size_bytes is None and hashlib.sha256(body).hexdigest() != facts.sha256):
        raise facts.gone()
    return None, body, total


def _checked_size(found: os.stat_result, facts: FileFacts) -> int:
    size = found.st_size
    expected = size if facts.size_bytes is None else facts.size_bytes
    too_large = facts.size_bytes is None and size > _MAX_THUMBNAIL_BYTES
    if not stat.S_ISREG(found.st_mode) or size != expected or not size or too_large:
        raise facts.gone()
    return size


def _part(request: web.Request, total: int, sha256: str) -> Part | None:
    """What the client asks for; None if that is beyond the file. Anything but one plain range gets the whole file."""
    whole = Part(0, total, total)
    wanted = request.headers.get(hdrs.RANGE, "")
    if_range = request.headers.get(hdrs.IF_RANGE)
    if not wanted or "," in wanted or if_range not in (None, f'"{sha256}"'):
        return whole
    try:
        asked = request.http_range
    except ValueError:
        return whole  # RFC 9110 14.2: a malformed Range is as if there were none
    if asked.start is None:
        return whole
    start, stop, _ = asked.indices(total)
    return Part(start, stop - start, total, partial=True) if start < stop else None


async def _write(
    request: web.Request, response: web.StreamResponse, file: BinaryIO | None, body: bytes | None, part: Part
) -> None:
    if body is not None:
        await _taken(response.write(body[part.start : part.start + part.size] if part.partial else body))
        return
    if file is None:
        return
    at, end = part.start, part.start + part.size
    while at < end:
        piece = await asyncio.to_thread(_piece, file, at, min(PIECE_BYTES, end - at))
        if not piece:
            _cut(request)
            return
        await _taken(response.write(piece))
        at += len(piece)


async def _taken(sending: Awaitable[None]) -> None:
    """Return when the client has room for more. Raises TimeoutError."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await sending


def _cut(request: web.Request) -> None:
    """End the connection: the client must not take what it has for the whole file."""
    if request.transport is not None:
        request.transport.abort()


def _piece(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
