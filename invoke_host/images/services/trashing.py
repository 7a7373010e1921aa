"""The trash: looking into it, restoring, emptying; and the work that empties it of what is old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, BackgroundTask, BlobStore
from invoke_host.audit.record import Origin
from invoke_host.clock import Clock, timestamp
from invoke_host.images import trash, trash_listing
from invoke_host.images.changes import Changed
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.removal import Undertaker
from invoke_host.images.rows import FileFacts
from invoke_host.images.trash_listing import TrashCursor, TrashPage
from invoke_host.storage import Storage

#: How often the trash is looked through.
EXPIRY_INTERVAL_S = 600.0


class ImageTrash:
    """What was deleted, for those who may see it there. `multi_user` as in `ImageFiles`."""

    def __init__(
        self,
        storage: Storage,
        blobs: BlobStore,
        access: AccessEngine,
        clock: Clock,
        undertaker: Undertaker,
        *,
        multi_user: bool = False,
    ) -> None:
        self.multi_user = multi_user
        self._storage = storage
        self._blobs = blobs
        self._access = access
        self._clock = clock
        self._undertaker = undertaker

    async def page(self, actor: Actor, *, limit: int, cursor: TrashCursor | None) -> TrashPage:
        """Images in the trash that the actor may see there, newest deletion first."""
        return await self._storage.read(trash_listing.page, self._access, actor, limit=limit, cursor=cursor)

    async def file(self, actor: Actor, name: str, *, thumbnail: bool) -> tuple[Path, FileFacts]:
        """Where a file is and what it must be like; whether it is there is not looked at. Raises NotFound or Gone."""
        facts = await self._storage.read(trash_listing.file_facts, self._access, actor, name, thumbnail=thumbnail)
        try:
            return self._blobs.path(thumbnail_key(name) if thumbnail else image_key(name)), facts
        except OSError as error:
            raise facts.gone() from error

    async def restore(self, actor: Actor, names: Sequence[str]) -> Changed:
        """Take those that the actor may out of the trash."""
        return await self._storage.write(trash.restore, self._access, actor, names, now=self._now())

    async def purge(self, actor: Actor, names: Sequence[str], origin: Origin) -> Changed:
        """Remove those that the actor may, row and files."""
        discarded = await self._storage.write(trash.purge, self._access, actor, names, origin=origin, now=self._now())
        await self._undertaker.bury(discarded.gone)
        return discarded.result

    async def empty(self, actor: Actor) -> int:
        """Remove all that the actor owns in the trash at this time, in steps; returns how many."""
        if actor.id is None:
            return 0
        count, until = 0, self._now()
        while names := await self._storage.write(trash.empty_step, actor.id, until, now=self._now()):
            await self._undertaker.bury(names)
            count += len(names)
        return count

    def _now(self) -> str:
        return timestamp(self._clock.now())


def expiry_task(
    storage: Storage, clock: Clock, undertaker: Undertaker, *, trash_days: int, interval_s: float = EXPIRY_INTERVAL_S
) -> BackgroundTask:
    """Repeated work that removes what has been in the trash for `trash_days`, in short steps."""

    async def expire() -> None:
        until = timestamp(clock.now() - timedelta(days=trash_days))
        while names := await storage.write(trash.expire_step, until, now=timestamp(clock.now())):
            await undertaker.bury(names)

    return BackgroundTask("empty the trash", expire, interval_s)
