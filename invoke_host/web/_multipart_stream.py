"""What a form is read from: the body's bytes, counted, and given up when they stop coming."""

from __future__ import annotations

import asyncio

from aiohttp import StreamReader

from invoke_host.api import BadRequest, PayloadTooLarge

#: Limits of the lines before each part, as parsing them is work on the event loop. The longest file name there is takes
#: 2300 bytes when it is escaped.
MAX_HEADER_BYTES = 3072
MAX_HEADERS = 8

#: aiohttp reads any number of lines before the first part, one at a time.
_MOST_LINES = 1000


class LimitedStream:
    """The methods of aiohttp's StreamReader that its MultipartReader uses, with limits on size, lines and patience."""

    def __init__(self, content: StreamReader, limit_bytes: int, stall_s: float) -> None:
        self._content = content
        self._limit_bytes = limit_bytes
        self._stall_s = stall_s
        self._received = 0
        self._lines = 0

    async def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. Raises PayloadTooLarge, BadRequest."""
        try:
            async with asyncio.timeout(self._stall_s):
                return self._counted(await self._content.read(size))
        except TimeoutError:
            raise self._stalled() from None

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        """One line. Raises PayloadTooLarge, BadRequest, ValueError (too many lines), HttpProcessingError (too long)."""
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise ValueError("too many lines outside of parts")
        try:
            async with asyncio.timeout(self._stall_s):
                return self._counted(await self._content.readline(max_line_length=max_line_length or MAX_HEADER_BYTES))
        except TimeoutError:
            raise self._stalled() from None

    def unread_data(self, data: bytes) -> None:
        """Put back what was read too far."""
        self._received -= len(data)
        self._content.unread_data(data)

    def at_eof(self) -> bool:
        """Whether all was read."""
        return self._content.at_eof()

    def _counted(self, data: bytes) -> bytes:
        self._received += len(data)
        if self._received > self._limit_bytes:
            raise PayloadTooLarge(f"the body is longer than {self._limit_bytes} bytes, the limit of this route")
        return data

    def _stalled(self) -> BadRequest:
        return BadRequest(f"the form stopped arriving for {self._stall_s:.0f} seconds")
