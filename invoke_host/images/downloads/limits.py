"""How much an archive may hold, how many there may be, and whether the disk has room for all of them together."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from invoke_host.api import FieldProblem, InvalidInput, NotFound
from invoke_host.images.downloads.store import Packed

#: Limits of one archive, and of the archives of one user and of all that wait to be made.
MOST_IMAGES = 10_000
MOST_BYTES = 16 * 1024**3
MOST_OF_ONE = 3
MOST_WAITING = 50

#: Room that is left on the disk for everything else.
SPARE_BYTES = 1024 * 1024 * 1024


def check(chosen: Sequence[Packed], names: Sequence[str], board_id: str | None) -> None:
    """Raise NotFound or InvalidInput for a wish that is for nothing, or for more than one archive may hold."""
    where = ("body", "image_names" if board_id is None else "board_id")
    if not chosen and board_id is None:
        raise NotFound(f"There is no image {names[0][:64]!r}.")
    if not chosen:
        raise InvalidInput([FieldProblem(where, "there are no images on this board", "empty")])
    if len(chosen) > MOST_IMAGES:
        text = f"these are {len(chosen)} images, an archive holds at most {MOST_IMAGES}"
        raise InvalidInput([FieldProblem(where, text, "too_long")])
    if (size_bytes := sum(image.size_bytes for image in chosen)) > MOST_BYTES:
        text = f"these are {size_bytes / 1024**3:.1f} GiB, an archive holds at most {MOST_BYTES // 1024**3}"
        raise InvalidInput([FieldProblem(where, text, "too_long")])


class Room:
    """The disk of the folder, and what archives that are not written yet will take of it. For one event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._promised: dict[str, int] = {}

    async def promise(self, download_id: str, size_bytes: int) -> None:
        """Count these bytes as taken until `settle`, also if this raises OSError: no room beside all other promises.

        What is being written counts twice meanwhile: rather too much than too little.
        """
        self._promised[download_id] = size_bytes
        await asyncio.to_thread(self._check, sum(self._promised.values()))

    async def check(self, download_id: str) -> None:
        """Raise OSError when there is no room any more for what was promised; others ask at their own turn."""
        await asyncio.to_thread(self._check, self._promised[download_id])

    def settle(self, download_id: str) -> None:
        """It is written, or never will be."""
        self._promised.pop(download_id, None)

    def _check(self, size_bytes: int) -> None:
        found = os.statvfs(self._folder)
        if found.f_bavail * found.f_frsize < size_bytes + SPARE_BYTES:
            raise OSError(errno.ENOSPC, "no room for the archive")
