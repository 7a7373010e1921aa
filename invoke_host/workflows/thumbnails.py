"""The pictures that stand for workflows in lists: decoded and encoded anew, one small file for each."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from sqlalchemy import Connection

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, NotFound
from invoke_host.audit.record import Origin
from invoke_host.blobs.files import Attached, Files
from invoke_host.clock import Clock, timestamp
from invoke_host.pictures.client import PictureDecoder
from invoke_host.storage import Storage
from invoke_host.workflows import rows, store
from invoke_host.workflows.tables import THUMBNAILS

#: Where the decoder writes, below the staging folder.
_DECODED = "decoded"


class WorkflowThumbnails:
    """Thumbnails as the readers and owners of their workflows see them. `max_pixels` of a picture that is sent."""

    def __init__(
        self,
        storage: Storage,
        access: AccessEngine,
        clock: Clock,
        files: Files,
        decoder: PictureDecoder,
        *,
        max_pixels: int,
    ) -> None:
        self._storage = storage
        self._access = access
        self._clock = clock
        self._files = files
        self._decoder = decoder
        self._max_pixels = max_pixels

    def staging(self, actor: Actor) -> AbstractAsyncContextManager[Path]:
        """A folder for a picture that is being sent. Raises TooManyRequests, ServiceUnavailable."""
        return self._files.staging(actor)

    async def require_edit(self, actor: Actor, workflow_id: str) -> None:
        """Return if the actor may change the workflow. Raises NotFound or Forbidden."""
        await self._storage.read(store.require_edit, self._access, actor, workflow_id)

    async def find(self, actor: Actor, workflow_id: str) -> tuple[Path, Attached]:
        """Where the thumbnail is and what it must be like; whether it is there is not looked at.

        Raises NotFound if there is none, or the actor may not see the workflow; Gone if the disk refuses.
        """
        found = await self._storage.read(store.thumbnail, self._access, actor, workflow_id)
        if found is None:
            raise NotFound("this workflow has no thumbnail")
        try:
            return self._files.blobs.path(found.key), found
        except OSError as error:
            raise found.gone() from error

    async def put(self, actor: Actor, origin: Origin, workflow_id: str, picture: Path) -> None:
        """Make a thumbnail of a picture in a folder of `staging`, in the place of the one before.

        Raises:
            NotFound, Forbidden: no such workflow for the actor, or not theirs to change.
            UnsupportedMedia, InvalidInput: the picture is none, damaged, or too large.
        """
        target = picture.with_name(_DECODED)
        target.mkdir()
        decoded = await self._decoder.decode(
            picture,
            target,
            owner=rows.reader_id(actor),
            max_pixels=self._max_pixels,
            keep_texts=False,
            field="image",
        )
        file = (ids.new_id(), decoded.thumbnail_sha256)

        def unit(conn: Connection) -> list[str]:
            return store.set_thumbnail(conn, self._access, actor, origin, workflow_id, file, now=self._now())

        unused = await self._files.attach(decoded.thumbnail, THUMBNAILS.key(workflow_id, file[0]), unit)
        await self._files.bury(unused)

    async def delete(self, actor: Actor, origin: Origin, workflow_id: str) -> None:
        """Take it away; nothing happens if there is none. Raises NotFound or Forbidden."""
        unused = await self._storage.write(
            store.set_thumbnail, self._access, actor, origin, workflow_id, None, now=self._now()
        )
        await self._files.bury(unused)

    def _now(self) -> str:
        return timestamp(self._clock.now())
