"""A gallery on real storage: rows as the queue writes them, and files where they must be."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.api import Actor, UserId
from invoke_host.clock import timestamp
from invoke_host.identity.tables import users
from invoke_host.images import store
from invoke_host.images.access import ACTIONS, RESOURCE
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.routes import IMAGES, ROUTES
from invoke_host.images.service import ImageService
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.testing.app import run_app
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres import PostgresServer
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import open_storage

ALICE = Actor(id=UserId("alice"), kind="user", display_name="Alice", provider="test")
BOB = Actor(id=UserId("bob"), kind="user", display_name="Bob", provider="test")
ADMIN = Actor(id=UserId("root"), kind="user", display_name="Root", is_admin=True, provider="test")


def add_users(conn: Connection) -> None:
    rows = [
        {"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW}
        for name in ("alice", "bob", "root")
    ]
    conn.execute(insert(users), rows)


NOW = "2026-11-23 06:00:00.000"


@dataclass
class Gallery:
    """Adds images with their files; `random` makes names repeatable."""

    storage: Storage
    blobs: FilesystemBlobStore
    clock: FakeClock
    random: Random = field(default_factory=lambda: Random(1))

    def name(self) -> str:
        return f"{uuid.UUID(int=self.random.getrandbits(128), version=4)}.png"

    def add(self, owner: Actor = ALICE, *, content: bytes = b"\x89PNG picture", **values: Any) -> str:
        """One image, with its files, as the finishing transaction of the queue leaves it."""
        name = self.name()
        thumbnail = b"RIFF thumbnail of " + name.encode()
        for key, data in ((image_key(name), content), (thumbnail_key(name), thumbnail)):
            staged = self.blobs.staging("test") / "file"
            staged.write_bytes(data)
            self.blobs.adopt(staged, key)
        image = store.NewImage(
            name=name,
            user_id=str(owner.id),
            width=64,
            height=48,
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            thumbnail_sha256=hashlib.sha256(thumbnail).hexdigest(),
            **values,
        )
        self.storage.run_write(store.insert_image, image, now=timestamp(self.clock.now()))
        return name

    def add_rows(self, count: int, owner: Actor = ALICE, **values: Any) -> list[str]:
        """Many rows without files, in one transaction."""
        names = [self.name() for _ in range(count)]
        self.storage.run_write(_insert_all, names, str(owner.id), values, timestamp(self.clock.now()))
        return names

    def files(self) -> set[str]:
        """Keys of all stored files."""
        return {found.key for found in self.blobs.iter()}


def _insert_all(conn: Connection, names: list[str], owner: str, values: dict[str, Any], now: str) -> None:
    for name in names:
        facts = {"sha256": "0" * 64, "thumbnail_sha256": "1" * 64, "size_bytes": 1, "width": 64, "height": 64}
        store.insert_image(conn, store.NewImage(name=name, user_id=owner, **{**facts, **values}), now=now)


@pytest.fixture
def access() -> AccessEngine:
    return AccessEngine(ACTIONS, [RESOURCE], [AdminPolicy(), OwnerPolicy()])


@pytest.fixture
def blobs(tmp_path: Path) -> FilesystemBlobStore:
    blobs = FilesystemBlobStore(tmp_path / "blobs")
    blobs.open()
    return blobs


@pytest.fixture
def gallery(storage: Storage, blobs: FilesystemBlobStore, clock: FakeClock) -> Gallery:
    storage.run_write(add_users)
    return Gallery(storage, blobs, clock)


@pytest.fixture
def each_gallery(each_storage: Storage, blobs: FilesystemBlobStore, clock: FakeClock) -> Gallery:
    """The same on SQLite and on PostgreSQL."""
    each_storage.run_write(add_users)
    return Gallery(each_storage, blobs, clock)


@pytest.fixture
async def postgres_gallery(
    postgres_server: PostgresServer, postgres_template: str, blobs: FilesystemBlobStore, clock: FakeClock
) -> AsyncIterator[Gallery]:
    """The same on PostgreSQL only."""
    with postgres_server.database(template=postgres_template) as url:
        async with open_storage(PostgresBackend(url)) as storage:
            storage.run_write(add_users)
            yield Gallery(storage, blobs, clock)


@pytest.fixture
async def api(gallery: Gallery, access: AccessEngine) -> AsyncIterator[ApiClient]:
    """The image routes over real HTTP, called by nobody; `as_caller("alice")` calls as Alice."""
    service = ImageService(gallery.storage, gallery.blobs, access, gallery.clock, multi_user=True)
    callers = {"alice": ALICE, "bob": BOB, "root": ADMIN}
    async with run_app(
        ROUTES,
        storage=gallery.storage,
        callers=callers,
        actions=ACTIONS,
        resources=[RESOURCE],
        services={IMAGES: service},
        clock=gallery.clock,
    ) as client:
        yield client


@pytest.fixture
def alice(api: ApiClient) -> ApiClient:
    return api.as_caller("alice")
