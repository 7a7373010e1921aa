"""The system prompt routes over real HTTP, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select

from invoke_host.access import AccessEngine
from invoke_host.audit.tables import audit_log
from invoke_host.events import store as events
from invoke_host.identity.tables import users
from invoke_host.storage import Storage
from invoke_host.system_prompts.access import ACTIONS, RESOURCE
from invoke_host.system_prompts.routes import ROUTES, SYSTEM_PROMPTS
from invoke_host.system_prompts.service import SystemPromptService
from invoke_host.testing.app import BUILTIN_POLICIES, AppMaker
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.web.settings import WebSettings

NOW = "2026-11-23 06:00:00.000"
ROOT = "/api/v1/system_prompts"


@pytest.fixture
async def api(make_app: AppMaker, each_storage: Storage, clock: FakeClock) -> ApiClient:
    """Nobody's client in multi-user mode; `as_caller` knows alice, bob and admin."""
    rows = [{"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW} for name in PEOPLE]
    each_storage.run_write(lambda conn: conn.execute(insert(users), rows).rowcount)
    return await serve(make_app, each_storage, clock, single_user=False)


PEOPLE = ("alice", "bob", "admin")


async def serve(make_app: AppMaker, storage: Storage, clock: FakeClock, *, single_user: bool) -> ApiClient:
    access = AccessEngine(ACTIONS, [RESOURCE], BUILTIN_POLICIES)
    service = SystemPromptService(storage, access, clock)
    return await make_app(
        ROUTES,
        storage=storage,
        actions=ACTIONS,
        resources=[RESOURCE],
        services={SYSTEM_PROMPTS: service},
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


async def made(client: ApiClient, name: str = "Mine", **values: Any) -> str:
    answer = await client.post(f"{ROOT}/", {"name": name, "content": "Write it.", **values})
    assert answer.status == 200, answer.text
    prompt_id: str = answer.json()["id"]
    return prompt_id


def told(storage: Storage) -> list[tuple[str, dict[str, Any], str | None, str | None]]:
    """All events: kind, payload without empty lists, audience, who does not get it."""
    found = storage.run_read(events.read_after, 0, 1000)
    return [
        (each.kind, {key: value for key, value in each.payload.items() if value}, each.audience, each.except_user_id)
        for each in found
    ]


def audited(storage: Storage) -> list[tuple[str, str, str]]:
    """The audit log: action, by whom, to what."""
    query = select(audit_log.c.action, audit_log.c.actor_id, audit_log.c.target_name).order_by(audit_log.c.id)
    return storage.run_read(lambda conn: [tuple(row) for row in conn.execute(query)])
