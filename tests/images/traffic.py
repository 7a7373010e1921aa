"""The image routes with uploads and archives, over real HTTP, with a real decoder."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from sqlalchemy import select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.blobs.staging import Staging
from invoke_host.compose.images import image_services
from invoke_host.config.schema import ImagesConfig
from invoke_host.events.tables import outbox
from invoke_host.images.downloads.service import Downloads
from invoke_host.images.routes import ROUTES
from invoke_host.images.routes.downloads import DOWNLOADS
from invoke_host.images.routes.uploads import UPLOADER
from invoke_host.images.services.uploading import ImageUploader
from invoke_host.pictures.client import PictureDecoder
from invoke_host.testing.app import run_app
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .conftest import ADMIN, ALICE, BOB, CAROL, Gallery

UPLOAD = "/api/v1/images/upload"
WHAT = {"image_category": "user", "is_intermediate": "false"}


@dataclass
class Traffic:
    """A running app and what is behind it. `people` can be changed: the next request and running work see it."""

    client: ApiClient
    gallery: Gallery
    downloads: Downloads
    decoder: PictureDecoder
    folder: Path
    people: dict[str, Actor]

    def as_caller(self, name: str) -> ApiClient:
        return self.client.as_caller(name)

    async def upload(
        self, content: bytes, *, caller: str = "alice", query: Mapping[str, str] = WHAT, **fields: str
    ) -> Answer:
        form = aiohttp.FormData()
        for name, text in fields.items():
            form.add_field(name, text)
        form.add_field("file", io.BytesIO(content), filename="../../evil.html", content_type="text/html")
        return await self.as_caller(caller).post(UPLOAD, data=form, params=query)

    async def packed(self) -> None:
        """Wait until no archive is being made."""
        while tasks := list(self.downloads._tasks.values()):
            await asyncio.gather(*tasks, return_exceptions=True)

    async def events(self, kind: str) -> list[tuple[str | None, str]]:
        def read(conn):
            return [
                tuple(row)
                for row in conn.execute(select(outbox.c.audience, outbox.c.payload).where(outbox.c.kind == kind))
            ]

        return await self.gallery.storage.read(read)


@asynccontextmanager
async def serving(
    gallery: Gallery, access: AccessEngine, folder: Path, *, config: ImagesConfig | None = None
) -> AsyncIterator[Traffic]:
    images = config or ImagesConfig()
    people = {"alice": ALICE, "bob": BOB, "carol": CAROL, "root": ADMIN}

    async def owners(user_id: str):
        def later(conn):
            return people.get(user_id)

        return later

    storage, blobs, clock = gallery.storage, gallery.blobs, gallery.clock
    decoder = PictureDecoder(structlog.get_logger())
    downloads = Downloads(
        storage, blobs, access, clock, structlog.get_logger(), folder=folder, owners=owners, keep_minutes=60
    )
    await downloads.open()
    services: dict[Any, Any] = dict(image_services(storage, blobs, access, clock, config=images, multi_user=True))
    services[UPLOADER] = ImageUploader(storage, blobs, access, clock, decoder, images, Staging(blobs))
    services[DOWNLOADS] = downloads
    try:
        async with run_app(
            ROUTES,
            storage=storage,
            callers=people,
            actions=ACTIONS,
            resources=RESOURCES,
            services=services,
            clock=clock,
        ) as client:
            yield Traffic(client, gallery, downloads, decoder, folder, people)
    finally:
        await downloads.close()
        await decoder.close()


def suspended(actor: Actor) -> Actor:
    return replace(actor, is_suspended=True)
