"""Uploading: a file from outside becomes an image, or nothing stays of it, whatever crashes in between.

The protocol is that of generated pictures (`queue.save`): what was decoded lies in a staging folder, which a start
removes; tombstones of the final names are committed; the files get these names; one transaction adds the row and drops
the tombstones. That transaction asks once more whether the board takes the image.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from invoke_host.access.engine import AccessEngine
from invoke_host.api import (
    Actor,
    BlobStore,
    ServiceUnavailable,
    StorageConflict,
    StorageError,
)
from invoke_host.blobs.staging import Staging
from invoke_host.blobs.tombstones import INTENT_AGE, stands
from invoke_host.boards.access import ADD
from invoke_host.clock import Clock, timestamp
from invoke_host.config.schema import ImagesConfig
from invoke_host.faults import failpoint
from invoke_host.images import moves, rows, tombstones
from invoke_host.images.names import image_key, new_name, thumbnail_key
from invoke_host.images.store import NewImage, insert_image
from invoke_host.pictures.client import PictureDecoder
from invoke_host.pictures.values import GRAPH, METADATA, WORKFLOW, Decoded
from invoke_host.storage import Storage


@dataclass(frozen=True, slots=True)
class Upload:
    """What is to be made of a file. `resize` in pixels; `metadata` is JSON text that replaces what the file says."""

    category: str
    is_intermediate: bool
    board_id: str | None = None
    session_id: str | None = None
    crop_visible: bool = False
    resize: tuple[int, int] | None = None
    metadata: str | None = None


class ImageUploader:
    """Takes pictures in. `staging` is shared with everything else that takes files in."""

    def __init__(
        self,
        storage: Storage,
        blobs: BlobStore,
        access: AccessEngine,
        clock: Clock,
        decoder: PictureDecoder,
        config: ImagesConfig,
        staging: Staging,
    ) -> None:
        self.limit_bytes = config.max_upload_mb * 1024 * 1024
        self._max_pixels = config.max_upload_megapixels * 1_000_000
        self._storage = storage
        self._blobs = blobs
        self._access = access
        self._clock = clock
        self._decoder = decoder
        self._staging = staging

    async def check_board(self, actor: Actor, board_id: str | None) -> None:
        """Return if the actor may put images there, before a byte of them is read. Raises NotFound or Forbidden."""
        if board_id is not None:
            await self._storage.read(self._access.authorize, actor, ADD.name, board_id)

    def staging(self, actor: Actor) -> AbstractAsyncContextManager[Path]:
        """A folder for one upload, gone at the end. Raises TooManyRequests, ServiceUnavailable."""
        return self._staging.folder(actor)

    async def store(self, actor: Actor, source: Path, upload: Upload) -> dict[str, Any]:
        """The image that was made of the file `source`, which lies in the folder of `staging`.

        Raises:
            UnsupportedMedia, InvalidInput: the file (see `PictureDecoder.decode`).
            NotFound, Forbidden: the board, by now.
            TooManyRequests, ServiceUnavailable, OSError: not now.
        """
        texts: Mapping[str, str] = {} if upload.metadata is None else {METADATA: upload.metadata}
        decoded = await self._decoder.decode(
            source,
            source.parent,
            owner=str(actor.id),
            max_pixels=self._max_pixels,
            resize=upload.resize,
            crop_visible=upload.crop_visible,
            texts=texts,
        )
        name = await self._save(actor, upload, decoded)
        return await self._storage.read(rows.get, self._access, actor, name)

    async def _save(self, actor: Actor, upload: Upload, decoded: Decoded) -> str:
        name = new_name()
        failpoint("upload.before_intent")
        await self._storage.write(tombstones.entomb, [name], now=self._now())
        try:
            await asyncio.to_thread(self._adopt, name, decoded)
            await self._storage.write(self._insert, actor, _row(name, actor, upload, decoded))
        except Exception as error:
            if not _may_be_committed(error):
                await self._bury(name)
            raise
        failpoint("upload.after_commit")
        return name

    def _adopt(self, name: str, decoded: Decoded) -> None:
        self._blobs.adopt(decoded.image, image_key(name))
        self._blobs.adopt(decoded.thumbnail, thumbnail_key(name))

    def _insert(self, conn: Connection, actor: Actor, image: NewImage) -> None:
        if image.board_id is not None:
            moves.hold_board(conn, self._access, actor, image.board_id)
        since = timestamp(self._clock.now() - INTENT_AGE)
        if not all(stands(conn, key, since=since) for key in tombstones.keys_of(image.name)):
            raise ServiceUnavailable("storing the picture took too long; try again")
        insert_image(conn, image, now=self._now())
        failpoint("upload.before_commit")

    async def _bury(self, name: str) -> None:
        gone = await asyncio.to_thread(tombstones.remove_files, self._blobs, [name])
        with suppress(StorageError):  # the sweep or the next start does it
            await self._storage.write(tombstones.clear, gone)

    def _now(self) -> str:
        return timestamp(self._clock.now())


def _may_be_committed(error: Exception) -> bool:
    """Whether the transaction may have been committed all the same: then the sweep looks, and decides."""
    return isinstance(error, (StorageError, DBAPIError)) and not isinstance(error, StorageConflict)


def _row(name: str, actor: Actor, upload: Upload, decoded: Decoded) -> NewImage:
    return NewImage(
        name=name,
        user_id=str(actor.id),
        width=decoded.width,
        height=decoded.height,
        sha256=decoded.sha256,
        size_bytes=decoded.size_bytes,
        thumbnail_sha256=decoded.thumbnail_sha256,
        origin="external",
        category=upload.category,
        is_intermediate=upload.is_intermediate,
        session_id=upload.session_id,
        board_id=upload.board_id,
        metadata=decoded.texts.get(METADATA),
        workflow=decoded.texts.get(WORKFLOW),
        graph=decoded.texts.get(GRAPH),
    )
