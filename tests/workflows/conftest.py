"""The workflow routes over real HTTP, on both databases, with a real decoder of pictures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import insert

from invoke_host.access import AccessEngine
from invoke_host.blobs.files import Files
from invoke_host.blobs.staging import Staging
from invoke_host.events import store as events
from invoke_host.identity.tables import users
from invoke_host.pictures.client import PictureDecoder
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.testing.app import BUILTIN_POLICIES, AppMaker
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.schemas import assert_matches_schema
from invoke_host.web.settings import WebSettings
from invoke_host.workflows.access import ACTIONS, RESOURCE
from invoke_host.workflows.routes import ROUTES, THUMBNAILS, WORKFLOWS
from invoke_host.workflows.service import WorkflowService
from invoke_host.workflows.thumbnails import WorkflowThumbnails

NOW = "2026-11-23 06:00:00.000"
ROOT = "/api/v1/workflows"
PEOPLE = ("alice", "bob", "admin")
MAX_BYTES = 64 * 1024
JSON = {"Content-Type": "application/json"}


def workflow(name: str = "Portrait", **values: Any) -> dict[str, Any]:
    """A workflow in the format of InvokeAI."""
    return {
        "name": name,
        "author": "A. Author",
        "description": "Faces",
        "version": "1.0.0",
        "contact": "",
        "tags": "",
        "notes": "",
        "exposedFields": [{"nodeId": "n1", "fieldName": "prompt"}],
        "meta": {"version": "3.0.0", "category": "user"},
        "nodes": [{"id": "n1", "type": "invocation", "data": {"type": "compel"}}],
        "edges": [],
        "form": {"elements": {}},
        **values,
    }


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
def files(each_storage: Storage, blobs: FilesystemBlobStore, clock: FakeClock) -> Files:
    return Files(each_storage, blobs, clock, Staging(blobs))


@pytest.fixture
def access() -> AccessEngine:
    return AccessEngine(ACTIONS, [RESOURCE], BUILTIN_POLICIES)


@pytest.fixture
def thumbnails(
    each_storage: Storage, access: AccessEngine, clock: FakeClock, files: Files, decoder: PictureDecoder
) -> WorkflowThumbnails:
    return WorkflowThumbnails(each_storage, access, clock, files, decoder, max_pixels=1_000_000)


@pytest.fixture
async def api(
    make_app: AppMaker,
    each_storage: Storage,
    access: AccessEngine,
    clock: FakeClock,
    files: Files,
    thumbnails: WorkflowThumbnails,
) -> ApiClient:
    """Nobody's client in multi-user mode; `as_caller` knows alice, bob and admin."""
    people = [{"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW} for name in PEOPLE]
    each_storage.run_write(lambda conn: conn.execute(insert(users), people).rowcount)
    service = WorkflowService(each_storage, access, clock, files, max_bytes=MAX_BYTES)
    return await make_app(
        ROUTES,
        storage=each_storage,
        actions=ACTIONS,
        resources=[RESOURCE],
        services={WORKFLOWS: service, THUMBNAILS: thumbnails},
        clock=clock,
    )


@pytest.fixture
async def alone(
    make_app: AppMaker, each_storage: Storage, access: AccessEngine, clock: FakeClock, files: Files
) -> ApiClient:
    """The local user's client in single-user mode."""
    service = WorkflowService(each_storage, access, clock, files, max_bytes=MAX_BYTES)
    return await make_app(
        ROUTES,
        storage=each_storage,
        actions=ACTIONS,
        resources=[RESOURCE],
        services={WORKFLOWS: service},
        clock=clock,
        config=WebSettings(single_user=True, version="0.0-test"),
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


async def made(client: ApiClient, name: str = "Portrait", *, is_public: bool = False, **values: Any) -> str:
    """A new workflow of the caller; its id."""
    answer = await client.post(f"{ROOT}/", {"workflow": workflow(name, **values)})
    assert answer.status == 200, answer.text
    workflow_id: str = answer.json()["workflow_id"]
    if is_public:
        assert (await published(client, workflow_id)).status == 200
    return workflow_id


async def published(client: ApiClient, workflow_id: str, *, is_public: bool = True) -> Answer:
    return await client.patch(f"{ROOT}/i/{workflow_id}/is_public", {"is_public": is_public})


async def sent(client: ApiClient, text: str | bytes, workflow_id: str | None = None) -> Answer:
    """POST, or with an id PATCH, of a workflow that is this text."""
    raw = text.encode() if isinstance(text, str) else text
    path = f"{ROOT}/" if workflow_id is None else f"{ROOT}/i/{workflow_id}"
    method = "POST" if workflow_id is None else "PATCH"
    return await client.request(method, path, data=b'{"workflow":' + raw + b"}", headers=JSON)


def text_of(answer: Answer) -> bytes:
    """The bytes that stand for `workflow` in a record: it is the last member."""
    assert answer.status == 200, answer.text
    return answer.body.split(b'"workflow":', 1)[1][:-1]


async def names(client: ApiClient, **query: Any) -> list[str]:
    """The names in the caller's list."""
    answer = await client.get(f"{ROOT}/", params=query)
    assert answer.status == 200, answer.text
    [route] = [route for route in ROUTES if (route.method, route.path) == ("GET", f"{ROOT}/")]
    assert_matches_schema(route, 200, answer.json())
    return [item["name"] for item in answer.json()["items"]]


def told(storage: Storage) -> list[tuple[str, dict[str, Any], str | None, str | None]]:
    """All events: kind, payload without empty lists, audience, who does not get it."""
    found = storage.run_read(events.read_after, 0, 1000)
    return [
        (each.kind, {key: value for key, value in each.payload.items() if value}, each.audience, each.except_user_id)
        for each in found
    ]


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
