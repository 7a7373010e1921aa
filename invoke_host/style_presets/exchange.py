"""Style presets out of the host and into it, many at once, for administrators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from invoke_host import ids
from invoke_host.api import SYSTEM_USER_ID, Actor
from invoke_host.clock import Clock, timestamp
from invoke_host.storage import Storage
from invoke_host.style_presets import store
from invoke_host.style_presets.files import COLUMNS, csv_lines, presets_in
from invoke_host.style_presets.store import NewPreset

#: Presets read at once.
_PAGE: Final = 500


class StylePresetExchange:
    """Exports the presets of all users, and imports presets that then belong to who imported them."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def exported(self) -> AsyncIterator[bytes]:
        """All that users made as CSV, by name, a piece at a time. Default presets and pictures are not in it."""
        yield csv_lines([COLUMNS]).encode()
        after = ("", "")
        while rows := await self._storage.read(store.user_presets, after, _PAGE):
            after = rows[-1][0]
            yield csv_lines(row for _, row in rows).encode()

    async def imported(self, actor: Actor, file: Path) -> int:
        """Make the presets in a file, all or none; returns how many. They are private.

        Raises InvalidInput with everything that is wrong.
        """
        found = await asyncio.to_thread(lambda: presets_in(file.read_bytes()))
        owner = actor.id or SYSTEM_USER_ID
        new = [
            NewPreset(ids.new_id(), owner, "user", "private", each.name, each.positive_prompt, each.negative_prompt)
            for each in found
        ]
        await self._storage.write(store.add_many, new, now=timestamp(self._clock.now()))
        return len(new)
