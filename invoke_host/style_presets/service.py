"""What can be done with style presets, each as one call: rows in one transaction, pictures with their files."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import SYSTEM_USER_ID, Actor, FieldProblem, Forbidden, InvalidInput
from invoke_host.audit.record import Origin
from invoke_host.blobs.files import Attached, Files
from invoke_host.clock import Clock, timestamp
from invoke_host.pictures.client import PictureDecoder
from invoke_host.publishing import visibility_of
from invoke_host.storage import Storage
from invoke_host.style_presets import store
from invoke_host.style_presets.schema import NewStylePreset, StylePresetPatch
from invoke_host.style_presets.store import Change, NewPreset, Picture
from invoke_host.style_presets.tables import IMAGES

#: Longest side of a preset's picture, in pixels.
PICTURE_PX: Final = 256


class StylePresetService:
    """Style presets as their readers and owners see them; all checks are made inside, by the store's predicates.

    `max_pixels` of a picture that is sent.
    """

    def __init__(
        self,
        storage: Storage,
        access: AccessEngine,
        files: Files,
        decoder: PictureDecoder,
        clock: Clock,
        *,
        max_pixels: int,
    ) -> None:
        self._storage = storage
        self._access = access
        self._files = files
        self._decoder = decoder
        self._clock = clock
        self._max_pixels = max_pixels

    async def visible(self, actor: Actor, *, limit: int, offset: int) -> list[dict[str, Any]]:
        """What the actor may see, by name."""
        return await self._storage.read(store.visible, self._access, actor, limit=limit, offset=offset)

    async def get(self, actor: Actor, preset_id: str) -> dict[str, Any]:
        """One preset. Raises NotFound."""
        return await self._storage.read(store.get, self._access, actor, preset_id)

    async def picture(self, actor: Actor, preset_id: str) -> tuple[Path, Attached]:
        """Where a preset's picture is and what it must be like; whether it is there is not looked at.

        Raises NotFound, also when it has none; Gone if the disk refuses.
        """
        found = await self._storage.read(store.picture, self._access, actor, preset_id)
        try:
            return self._files.blobs.path(found.key), found
        except OSError as error:
            raise found.gone() from error

    def staging(self, actor: Actor) -> AbstractAsyncContextManager[Path]:
        """A folder for the files of a form, gone at the end. Raises TooManyRequests, ServiceUnavailable."""
        return self._files.staging(actor)

    async def create(self, actor: Actor, data: NewStylePreset, upload: Path | None) -> dict[str, Any]:
        """Make a preset, with the picture in the file `upload`. Default ones belong to the host, and are everybody's.

        Raises Forbidden for a default preset of anybody but administrators; and what the decoder raises.
        """
        is_default = data.type == "default"
        if is_default and not actor.is_admin:
            raise Forbidden("only administrators can make default presets")
        new = NewPreset(
            ids.new_id(),
            SYSTEM_USER_ID if is_default else actor.id or SYSTEM_USER_ID,
            data.type,
            visibility_of(is_public=data.is_public or is_default),
            data.name,
            data.positive_prompt,
            data.negative_prompt,
        )
        if upload is None:
            return await self._storage.write(store.add, actor, new, now=self._now())
        staged, picture = await self._decoded(actor, upload)

        def unit(conn: Connection) -> dict[str, Any]:
            return store.add(conn, actor, replace(new, picture=picture), now=self._now())

        return await self._files.attach(staged, IMAGES.key(new.id, picture.file_id), unit)

    async def change(
        self, actor: Actor, origin: Origin, preset_id: str, data: StylePresetPatch, upload: Path | None
    ) -> dict[str, Any]:
        """Change what is not None; without `upload` the picture stays, unless it is to be removed.

        Raises NotFound, Forbidden, InvalidInput; and what the decoder raises.
        """
        if upload is not None and data.remove_image:
            text = "send an image or remove it, not both"
            raise InvalidInput([FieldProblem(("body", "data", "remove_image"), text)])
        change = Change(
            data.type,
            data.name,
            data.positive_prompt,
            data.negative_prompt,
            None if data.is_public is None else visibility_of(is_public=data.is_public),
            drop_picture=data.remove_image,
        )

        def unit(conn: Connection, change: Change = change) -> tuple[dict[str, Any], list[str]]:
            return store.change(conn, self._access, actor, origin, preset_id, change, now=self._now())

        if upload is None:
            changed, loose = await self._storage.write(unit)
        else:
            staged, picture = await self._decoded(actor, upload)
            with_picture = replace(change, picture=picture)
            key = IMAGES.key(preset_id, picture.file_id)
            changed, loose = await self._files.attach(staged, key, lambda conn: unit(conn, with_picture))
        await self._files.bury(loose)
        return changed

    async def delete(self, actor: Actor, origin: Origin, preset_id: str) -> None:
        """Delete a preset with its picture. Raises NotFound or Forbidden."""
        loose = await self._storage.write(store.remove, self._access, actor, origin, preset_id, now=self._now())
        await self._files.bury(loose)

    async def _decoded(self, actor: Actor, upload: Path) -> tuple[Path, Picture]:
        target = upload.with_name("decoded")
        target.mkdir()
        decoded = await self._decoder.decode(
            upload,
            target,
            owner=actor.id or SYSTEM_USER_ID,
            max_pixels=self._max_pixels,
            thumbnail_px=PICTURE_PX,
            keep_texts=False,
            field="image",
        )
        return decoded.thumbnail, Picture(ids.new_id(), decoded.thumbnail_sha256)

    def _now(self) -> str:
        return timestamp(self._clock.now())
