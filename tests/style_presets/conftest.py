"""The style preset routes over real HTTP, on both databases, with a real decoder of pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import structlog
from PIL import Image
from sqlalchemy import Connection, func, insert, select

from invoke_host.access import AccessEngine
from invoke_host.blobs.files import Files
from invoke_host.blobs.staging import Staging
from invoke_host.blobs.tables import tombstones
from invoke_host.identity.tables import users
from invoke_host.pictures.client import PictureDecoder
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.style_presets.access import ACTIONS, RESOURCE
from invoke_host.style_presets.exchange import StylePresetExchange
from invoke_host.style_presets.routes import EXCHANGE, ROUTES, STYLE_PRESETS
from invoke_host.style_presets.service import StylePresetService
from invoke_host.testing.app import BUILTIN_POLICIES, AppMaker
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.web.settings import WebSettings

NOW = "2026-11-23 06:00:00.000"
ROOT = "/api/v1/style_presets"
PEOPLE = ("alice", "bob", "admin")


@pytest.fixture
def blobs(tmp_path: Path) -> FilesystemBlobStore:
    blobs = FilesystemBlobStore(tmp_path / "blobs")
    blobs.open()
    return blobs


@pytest.fixture
async def decoder() -> AsyncIterator[PictureDecoder]:
    decoder = PictureDecoder(structlog.get_logger())
    yield decoder
    await decoder.close()


@pytest.fixture
def service(
    each_storage: Storage, blobs: FilesystemBlobStore, decoder: PictureDecoder, clock: FakeClock
) -> StylePresetService:
    return StylePresetService(
        each_storage,
        AccessEngine(ACTIONS, [RESOURCE], BUILTIN_POLICIES),
        Files(each_storage, blobs, clock, Staging(blobs)),
        decoder,
        clock,
        max_pixels=1_000_000,
    )


@pytest.fixture
async def api(make_app: AppMaker, each_storage: Storage, service: StylePresetService, clock: FakeClock) -> ApiClient:
    """Nobody's client in multi-user mode; `as_caller` knows alice, bob and admin."""
    rows = [{"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW} for name in PEOPLE]
    each_storage.run_write(lambda conn: conn.execute(insert(users), rows).rowcount)
    return await serve(make_app, each_storage, service, clock, single_user=False)


async def serve(
    make_app: AppMaker, storage: Storage, service: StylePresetService, clock: FakeClock, *, single_user: bool
) -> ApiClient:
    return await make_app(
        ROUTES,
        storage=storage,
        actions=ACTIONS,
        resources=[RESOURCE],
        services={STYLE_PRESETS: service, EXCHANGE: StylePresetExchange(storage, clock)},
        clock=clock,
        config=WebSettings(single_user=single_user, version="0.0-test"),
    )


@pytest.fixture
def alice(api: ApiClient) -> ApiClient:
    return api.as_caller("alice")


@pytest.fixture
def bob(api: ApiClient) -> ApiClient:
    return api.as_caller("bob")


@pytest.fixture
def admin(api: ApiClient) -> ApiClient:
    return api.as_caller("admin")


def picture(size: tuple[int, int] = (640, 480), color: str = "teal", kind: str = "PNG") -> bytes:
    """The bytes of a picture of one colour."""
    out = BytesIO()
    Image.new("RGB", size, color).save(out, kind)
    return out.getvalue()


async def send(client: ApiClient, method: str, path: str, data: Any = None, image: bytes | None = None) -> Answer:
    """A form with `data` as JSON and a picture, each if it is given."""
    form = aiohttp.FormData(default_to_multipart=True)
    if data is not None:
        form.add_field("data", orjson.dumps(data).decode())
    if image is not None:
        form.add_field("image", BytesIO(image), filename="x.png", content_type="image/png")
    return await client.request(method, path, data=form)


async def made(client: ApiClient, name: str = "Mine", image: bytes | None = None, **values: Any) -> dict[str, Any]:
    """A new preset, as the answer tells it."""
    data = {"name": name, "positive_prompt": "{prompt}, nice", "negative_prompt": "ugly", "type": "user", **values}
    answer = await send(client, "POST", f"{ROOT}/", data, image)
    assert answer.status == 200, answer.text
    preset: dict[str, Any] = answer.json()
    return preset


async def changed(client: ApiClient, preset: dict[str, Any], data: Any = None, image: bytes | None = None) -> Answer:
    return await send(client, "PATCH", f"{ROOT}/i/{preset['id']}", data, image)


def files(blobs: FilesystemBlobStore) -> set[str]:
    """Keys of all stored files."""
    return {found.key for found in blobs.iter()}


def entombed(storage: Storage) -> int:
    def count(conn: Connection) -> int:
        return conn.scalar(select(func.count()).select_from(tombstones)) or 0

    return storage.run_read(count)
