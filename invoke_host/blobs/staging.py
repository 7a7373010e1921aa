"""Folders for what is on its way to the blobs, and how many there may be: uploads of all kinds are counted together.

An upload holds a connection, a folder and what has arrived of it for as long as it takes, and a slow one takes minutes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from invoke_host import ids
from invoke_host.api import SYSTEM_USER_ID, Actor, BlobStore, ServiceUnavailable, TooManyRequests

#: Uploads that are on their way at a time: of one user, and of all.
MOST_OF_ONE = 16
MOST_UPLOADS = 64


class Staging:
    """The gate of one host: everything that takes files in shares it."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._running: Counter[str] = Counter()

    @asynccontextmanager
    async def folder(self, actor: Actor) -> AsyncIterator[Path]:
        """A folder for one upload, gone at the end with what is in it. Raises TooManyRequests, ServiceUnavailable."""
        owner = str(actor.id or SYSTEM_USER_ID)
        if self._running[owner] >= MOST_OF_ONE:
            raise TooManyRequests(f"{MOST_OF_ONE} of your uploads are on their way; wait for one", retry_after_s=2)
        if self._running.total() >= MOST_UPLOADS:
            raise ServiceUnavailable("too many uploads are on their way; try again in a few seconds")
        self._running[owner] += 1
        token = ids.new_id()
        try:
            yield await asyncio.to_thread(self._blobs.staging, token)
        finally:
            try:
                await asyncio.to_thread(self._blobs.drop_staging, token)
            finally:
                self._running -= Counter([owner])
