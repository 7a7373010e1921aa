"""An image's files, and what they say about how it was made."""

from __future__ import annotations

from pathlib import Path

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, BlobStore
from invoke_host.images import rows
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.rows import FileFacts
from invoke_host.storage import Storage


class ImageFiles:
    """Where an image's files are, for those who may see it.

    `multi_user` decides how browsers may keep files: with several users each use is checked again.
    """

    def __init__(self, storage: Storage, blobs: BlobStore, access: AccessEngine, *, multi_user: bool = False) -> None:
        self.multi_user = multi_user
        self._storage = storage
        self._blobs = blobs
        self._access = access

    async def file(self, actor: Actor, name: str, *, thumbnail: bool) -> tuple[Path, FileFacts]:
        """Where a file is and what it must be like; whether it is there is not looked at. Raises NotFound or Gone."""
        facts = await self._storage.read(rows.file_facts, self._access, actor, name, thumbnail=thumbnail)
        try:
            return self._blobs.path(thumbnail_key(name) if thumbnail else image_key(name)), facts
        except OSError as error:
            raise facts.gone() from error

    async def metadata(self, actor: Actor, name: str) -> str | None:
        """How the picture was made, as JSON text. Raises NotFound."""
        return await self._storage.read(rows.metadata, self._access, actor, name)

    async def workflow(self, actor: Actor, name: str) -> dict[str, str | None]:
        """Workflow and graph as JSON texts. Raises NotFound."""
        workflow, graph = await self._storage.read(rows.workflow, self._access, actor, name)
        return {"workflow": workflow, "graph": graph}
