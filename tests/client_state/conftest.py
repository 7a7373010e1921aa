"""The client state routes over real HTTP, on both databases."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import orjson
import pytest
from sqlalchemy import insert

from invoke_host.client_state.routes import CLIENT_STATE, ROUTES
from invoke_host.client_state.service import ClientStateService
from invoke_host.identity.tables import users
from invoke_host.storage import Storage
from invoke_host.testing.app import AppMaker
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock

NOW = "2026-11-23 06:00:00.000"
ROOT = "/api/v1/client_state/default"
JSON = {"Content-Type": "application/json"}
PEOPLE = ("alice", "bob", "admin")
MAX_TOTAL = 3 * 1024 * 1024


@pytest.fixture
def service(each_storage: Storage, clock: FakeClock) -> ClientStateService:
    people = [{"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW} for name in PEOPLE]
    each_storage.run_write(lambda conn: conn.execute(insert(users), people).rowcount)
    return ClientStateService(each_storage, clock, max_total_bytes=MAX_TOTAL)


@pytest.fixture
async def api(make_app: AppMaker, each_storage: Storage, service: ClientStateService, clock: FakeClock) -> ApiClient:
    """Nobody's client in multi-user mode; `as_caller` knows alice, bob and admin."""
    return await make_app(ROUTES, storage=each_storage, services={CLIENT_STATE: service}, clock=clock)


@pytest.fixture
def alice(api: ApiClient) -> ApiClient:
    return api.as_caller("alice")


async def put(client: ApiClient, key: str, value: Any, root: str = ROOT) -> Answer:
    body = BytesIO(orjson.dumps(value))  # a file, for aiohttp warns of large bytes
    return await client.request("POST", f"{root}/set_by_key", params={"key": key}, data=body, headers=JSON)


async def value(client: ApiClient, key: str, root: str = ROOT) -> Any:
    answer = await client.get(f"{root}/get_by_key", params={"key": key})
    assert answer.status == 200, answer.text
    return answer.json()


async def keys(client: ApiClient, prefix: str = "") -> list[str]:
    answer = await client.get(f"{ROOT}/get_keys_by_prefix", params={"prefix": prefix})
    assert answer.status == 200, answer.text
    found: list[str] = answer.json()
    return found
