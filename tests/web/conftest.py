"""Apps that know a few things, on a small database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import structlog
from sqlalchemy import Connection
from structlog.testing import CapturingLogger

from invoke_host.storage import Storage
from invoke_host.testing.app import AppMaker, app_maker

from .things import DELETE, ROUTES, THING, VIEW, metadata, things


@pytest.fixture
def log() -> tuple[object, CapturingLogger]:
    """A logger and what it was told."""
    captured = CapturingLogger()
    return structlog.wrap_logger(
        captured, processors=[], wrapper_class=structlog.make_filtering_bound_logger(20)
    ), captured


@pytest.fixture
async def make_app(storage: Storage) -> AsyncIterator[AppMaker]:
    """The kit's fixture, for apps that know things: Alice's `a` and Bob's `b`."""
    await storage.write(_fill)
    async with app_maker(storage) as make:

        async def make_one(routes=ROUTES, **options):
            return await make(routes, **{"actions": (VIEW, DELETE), "resources": (THING,), **options})

        yield make_one


def _fill(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(things.insert(), [{"name": "a", "owner": "alice"}, {"name": "b", "owner": "bob"}])
