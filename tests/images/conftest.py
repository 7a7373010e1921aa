"""A gallery on real storage: rows as the queue writes them, and files where they must be."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import pytest
from sqlalchemy import Connection, insert

from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies import BUILTIN
from invoke_host.api import Actor, Role, UserId
from invoke_host.boards.tables import board_grants, boards
from invoke_host.clock import timestamp
from invoke_host.compose.images import image_services
from invoke_host.config.schema import ImagesConfig
from invoke_host.identity.tables import users
from invoke_host.images import store
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.routes import ROUTES
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.testing.app import run_app
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres import PostgresServer
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import open_storage
from invoke_host.vocabulary import ACTIONS, RESOURCES

if TYPE_CHECKING:
    from .traffic import Traffic

ALICE = Actor(id=UserId("alice"), kind="user", display_name="Alice", provider="test")
BOB = Actor(id=UserId("bob"), kind="user", display_name="Bob", provider="test")
CAROL = Actor(id=UserId("carol"), kind="user", display_name="Carol", provider="test")
ADMIN = Actor(id=UserId("root"), kind="user", display_name="Root", is_admin=True, provider="test")


def add_users(conn: Connection) -> None:
    rows = [
        {"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW}
        for name in ("alice", "bob", "carol", "root")
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
        self.storage.run_write(insert_rows, names, str(owner.id), values, timestamp(self.clock.now()))
        return names

    def add_board(
        self,
        owner: Actor = ALICE,
        visibility: Literal["private", "shared", "public"] = "private",
        roles: Mapping[str, Role] = MappingProxyType({}),
    ) -> str:
        """An empty board, on which these users have these roles."""
        board_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        self.storage.run_write(_insert_board, board_id, str(owner.id), visibility, roles)
        return board_id

    def files(self) -> set[str]:
        """Keys of all stored files."""
        return {found.key for found in self.blobs.iter()}


def insert_rows(conn: Connection, names: list[str], owner: str, values: dict[str, Any], now: str) -> None:
    """Images without files."""
    for name in names:
        facts = {"sha256": "0" * 64, "thumbnail_sha256": "1" * 64, "size_bytes": 1, "width": 64, "height": 64}
        store.insert_image(conn, store.NewImage(name=name, user_id=owner, **{**facts, **values}), now=now)


def _insert_board(conn: Connection, board_id: str, owner: str, visibility: str, roles: Mapping[str, Role]) -> None:
    times = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(boards).values(id=board_id, name="Fruit", user_id=owner, visibility=visibility, **times))
    for user_id, role in roles.items():
        conn.execute(insert(board_grants).values(board_id=board_id, user_id=user_id, role=role, **times))


@pytest.fixture
def access() -> AccessEngine:
    return AccessEngine(ACTIONS, RESOURCES, [policy() for policy in BUILTIN])


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
    services = image_services(
        gallery.storage, gallery.blobs, access, gallery.clock, config=ImagesConfig(), multi_user=True
    )
    callers = {"alice": ALICE, "bob": BOB, "carol": CAROL, "root": ADMIN}
    async with run_app(
        ROUTES,
        storage=gallery.storage,
        callers=callers,
        actions=ACTIONS,
        resources=RESOURCES,
        services=services,
        clock=gallery.clock,
    ) as client:
        yield client


@pytest.fixture
def alice(api: ApiClient) -> ApiClient:
    return api.as_caller("alice")


@pytest.fixture
async def traffic(each_gallery: Gallery, access: AccessEngine, tmp_path: Path) -> AsyncIterator[Traffic]:
    """With uploads and archives, on SQLite and on PostgreSQL."""
    from .traffic import serving  # which imports this module

    async with serving(each_gallery, access, tmp_path / "downloads") as running:
        yield running


@pytest.fixture
async def one(gallery: Gallery, access: AccessEngine, tmp_path: Path) -> AsyncIterator[Traffic]:
    """The same on SQLite only."""
    from .traffic import serving

    async with serving(gallery, access, tmp_path / "downloads") as running:
        yield running
