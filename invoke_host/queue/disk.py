"""Whether pictures can be stored at all. Asked before an item is begun, and when one failed at the disk.

On a full or unmounted disk every item would fail, one after another, ten thousand in a night. So nothing is begun while
the blob store has trouble, and what was being made then goes back into the queue as if it had not been begun.
"""

from __future__ import annotations

import asyncio

from structlog.typing import FilteringBoundLogger

from invoke_host.api import BlobStore
from invoke_host.clock import Clock

#: How long "all is well" is believed.
BELIEVED_S = 1.0

#: What fails at the disk so soon after trouble failed because of it.
BLAME_S = 10.0


class DiskWatch:
    """Remembers for a moment that all is well; trouble is asked about anew each time. For the event loop."""

    def __init__(self, blobs: BlobStore, clock: Clock, log: FilteringBoundLogger) -> None:
        self._blobs = blobs
        self._clock = clock
        self._log = log
        self._well_until = float("-inf")
        self._troubled_at = float("-inf")
        self._told = ""

    async def is_to_blame(self) -> bool:
        """Is there trouble now, or was there just before?"""
        return bool(await self._ask()) or self._clock.monotonic() - self._troubled_at < BLAME_S

    async def trouble(self) -> str:
        """Why nothing can be stored now; empty = it can, or could a moment ago."""
        return "" if self._clock.monotonic() < self._well_until else await self._ask()

    async def _ask(self) -> str:
        trouble = await asyncio.to_thread(self._blobs.trouble)
        now = self._clock.monotonic()
        if trouble:
            self._troubled_at, self._well_until = now, float("-inf")
        else:
            self._well_until = now + BELIEVED_S
        if bool(trouble) != bool(self._told):
            if trouble:
                self._log.warning("nothing is begun until pictures can be stored", reason=trouble)
            else:
                self._log.info("pictures can be stored again")
        self._told = trouble
        return trouble
