"""What can be done with images, each as one call: read, list, change, delete with their files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, BlobStore, NotFound, StorageError
from invoke_host.clock import Clock, timestamp
from invoke_host.faults import failpoint
from invoke_host.images import bulk, listing, rows, store, tombstones
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.query import Filters, ListQuery, Order
from invoke_host.images.rows import FileFacts
from invoke_host.storage import Storage

#: `board_id` of images that are on no board.
NO_BOARD = "none"


@dataclass(frozen=True, slots=True)
class Deleted:
    """Names that were deleted, and those that were asked for and were not."""

    deleted: list[str]
    failed: list[str]


class ImageService:
    """Images as their viewers and owners see them; all checks are made inside, by the store's predicates.

    `multi_user` decides how browsers may keep files: with several users each use is checked again.
    """

    def __init__(
        self, storage: Storage, blobs: BlobStore, access: AccessEngine, clock: Clock, *, multi_user: bool = False
    ) -> None:
        self.multi_user = multi_user
        self._storage = storage
        self._blobs = blobs
        self._access = access
        self._clock = clock

    async def page(self, actor: Actor, query: ListQuery, *, board_id: str | None = None) -> listing.Page:
        """A page of what the actor may see. Raises NotFound for a board that does not exist."""
        _check_board(board_id)
        quick = query.filters.counted and query.offset <= listing.QUICK_OFFSET
        unit = listing.page if quick else listing.walked_page
        return await self._storage.read(unit, self._access, actor, query)

    async def names(
        self, actor: Actor, filters: Filters, order: Order, *, board_id: str | None = None
    ) -> tuple[list[str], int]:
        """All names, and how many of them are starred. Raises NotFound for a board that does not exist."""
        _check_board(board_id)
        return await self._storage.read(listing.names, self._access, actor, filters, order)

    async def get(self, actor: Actor, name: str) -> dict[str, Any]:
        """One image. Raises NotFound."""
        return await self._storage.read(rows.get, self._access, actor, name)

    async def by_names(self, actor: Actor, names: Sequence[str]) -> list[dict[str, Any]]:
        """Those that are visible, in the order asked for."""
        return await self._storage.read(rows.by_names, self._access, actor, names)

    async def metadata(self, actor: Actor, name: str) -> dict[str, Any] | None:
        """How the picture was made. Raises NotFound."""
        return await self._storage.read(rows.metadata, self._access, actor, name)

    async def require(self, actor: Actor, name: str) -> None:
        """Return if the actor may see it. Raises NotFound."""
        await self._storage.read(rows.require, self._access, actor, name)

    async def file(self, actor: Actor, name: str, *, thumbnail: bool) -> tuple[Path, FileFacts]:
        """Where a file is and what it must be like; whether it is there is not looked at. Raises NotFound or Gone."""
        facts = await self._storage.read(rows.file_facts, self._access, actor, name, thumbnail=thumbnail)
        try:
            return self._blobs.path(thumbnail_key(name) if thumbnail else image_key(name)), facts
        except OSError as error:
            raise facts.gone() from error

    async def patch(self, actor: Actor, name: str, change: store.Patch) -> dict[str, Any]:
        """Change an image and return it. Raises NotFound or Forbidden."""
        await self._storage.write(store.patch, self._access, actor, name, change, now=self._now())
        return await self.get(actor, name)

    async def star(self, actor: Actor, names: Sequence[str], *, starred: bool) -> tuple[list[str], list[str]]:
        """Star or unstar; returns the names that are now so, and those that could not be made so."""
        done = await self._storage.write(store.set_starred, self._access, actor, names, starred, now=self._now())
        return done, _others(names, done)

    async def delete(self, actor: Actor, name: str) -> Deleted:
        """Delete one image with its files. Raises NotFound or Forbidden."""
        await self._storage.write(store.delete_one, self._access, actor, name, now=self._now())
        await self._bury([name])
        return Deleted([name], [])

    async def delete_many(self, actor: Actor, names: Sequence[str]) -> Deleted:
        """Delete those that the actor may delete."""
        gone = await self._storage.write(store.delete_images, self._access, actor, names, now=self._now())
        await self._bury(gone)
        return Deleted(gone, _others(names, gone))

    async def delete_uncategorized(self, actor: Actor) -> Deleted:
        """Delete all images on no board that the actor may delete."""
        return Deleted(await self._delete_all(actor, intermediates_only=False), [])

    async def clear_intermediates(self, actor: Actor) -> int:
        """Delete all intermediate images that the actor may delete; returns how many."""
        return len(await self._delete_all(actor, intermediates_only=True))

    async def count_intermediates(self, actor: Actor) -> int:
        """How many intermediate images the actor may see."""
        found = await self._storage.read(listing.streams, self._access, actor, Filters(is_intermediate=True))
        return sum(stream.count for stream in found)

    async def _delete_all(self, actor: Actor, *, intermediates_only: bool) -> list[str]:
        gone: list[str] = []
        scope: bulk.Scope | None = await self._storage.read(bulk.scope)
        while scope is not None:
            step = await self._storage.write(
                bulk.delete_step, self._access, actor, scope, intermediates_only=intermediates_only, now=self._now()
            )
            await self._bury(step.names)
            gone += step.names
            scope = step.rest
        return gone

    async def _bury(self, names: Sequence[str]) -> None:
        """Remove the files of images whose rows are gone. What can't be done now, the sweep or the next start does."""
        failpoint("delete.after_commit")
        if not names:
            return
        removed = await asyncio.to_thread(tombstones.remove_files, self._blobs, names)
        with suppress(StorageError):  # the deletion itself is done; the tombstones wait for the sweep
            await self._storage.write(tombstones.clear, removed)

    def _now(self) -> str:
        return timestamp(self._clock.now())


def _check_board(board_id: str | None) -> None:
    if board_id not in (None, NO_BOARD):
        raise NotFound(f"There is no board {board_id[:64]!r}." if board_id else "There is no board with an empty id.")


def _others(names: Sequence[str], done: Sequence[str]) -> list[str]:
    have = set(done)
    return [name for name in dict.fromkeys(names) if name not in have]
