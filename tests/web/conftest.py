"""Apps that know a few things, on a small database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from sqlalchemy import Connection
from structlog.testing import CapturingLogger

from invoke_host.storage import Storage
from invoke_host.testing.app import AppMaker, app_maker
from tests.host.accounts import Team, start_team

from .browser import Browser, Page, chromium
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests, for starting it takes a second."""
    with chromium() as started:
        yield started


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A tab that shares nothing with those of other tests."""
    async with browser.tab() as opened:
        yield opened


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A host in multi-user mode with an administrator, for all tests of a module; they make the other people."""
    started = start_team(tmp_path_factory.mktemp("team") / "root")
    yield started
    started.host.end()


def _fill(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.execute(things.insert(), [{"name": "a", "owner": "alice"}, {"name": "b", "owner": "bob"}])
