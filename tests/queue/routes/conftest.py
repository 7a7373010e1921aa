"""The queue routes on a real port, with Alice, Bob and an administrator calling."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from invoke_host.config.schema import QueueConfig
from invoke_host.queue.routes import QUEUE, ROUTES
from invoke_host.queue.service import QueueService
from invoke_host.testing.client import ApiClient
from invoke_host.vocabulary import ACTIONS, RESOURCES
from tests.queue.conftest import ADMIN, ALICE, BOB, Line, ToyModels

CALLERS = {"alice": ALICE, "bob": BOB, "admin": ADMIN}


@pytest.fixture
async def client(line: Line, access, models: ToyModels, make_app) -> ApiClient:
    service = QueueService(line.storage, access, models, line.clock, config=QueueConfig(max_size=20))
    return await make_app(
        ROUTES,
        callers=CALLERS,
        actions=ACTIONS,
        resources=RESOURCES,
        services={QUEUE: service},
    )


@pytest.fixture
def alice(client: ApiClient) -> ApiClient:
    return client.as_caller("alice")


@pytest.fixture
def bob(client: ApiClient) -> ApiClient:
    return client.as_caller("bob")


@pytest.fixture
def admin(client: ApiClient) -> ApiClient:
    return client.as_caller("admin")


@pytest.fixture(autouse=True)
async def _nothing_is_left_wrong(line: Line) -> AsyncIterator[None]:
    yield
    assert line.drift() == []
