"""Registers the kit's fixtures with pytest (entry point `pytest11`).

Loaded in every pytest run where Invoke Host is installed, so nothing of the host is imported before a test asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from invoke_host.api import Route
    from invoke_host.storage import Storage
    from invoke_host.testing.app import AppMaker
    from invoke_host.testing.client import ApiClient
    from invoke_host.testing.clock import FakeClock
    from invoke_host.testing.events import RecordedEvents
    from invoke_host.testing.loop import LoopWatchdog
    from invoke_host.testing.postgres import PostgresServer

pytest.register_assert_rewrite("invoke_host.testing.contracts")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that only the test moves."""
    from invoke_host.testing.clock import FakeClock

    return FakeClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file that nobody has open, for tests to copy: migrating takes longer than most tests."""
    from invoke_host.testing.storage import DATABASE, migrate_backend, sqlite_backend

    folder = tmp_path_factory.mktemp("sqlite-template")
    migrate_backend(sqlite_backend(folder))
    return folder / DATABASE


@pytest.fixture
async def storage(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Storage]:
    """An open Storage on a migrated SQLite file in `tmp_path`, empty but for the user `system`."""
    from invoke_host.testing.storage import copy_of, open_storage

    async with open_storage(copy_of(sqlite_template, tmp_path)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
async def each_storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    """As `storage`, once on SQLite and once on a throw-away PostgreSQL: the test runs twice."""
    from invoke_host.testing.storage import copy_of, open_storage

    if request.param == "sqlite":
        async with open_storage(copy_of(request.getfixturevalue("sqlite_template"), tmp_path)) as opened:
            yield opened
        return
    from invoke_host.testing.postgres_backend import PostgresBackend

    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database(template=request.getfixturevalue("postgres_template")) as url:
        async with open_storage(PostgresBackend(url)) as opened:
            yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server of its own, started once; fails with the line that installs it where there is none."""
    from invoke_host.testing.postgres import PostgresMissingError
    from invoke_host.testing.postgres import postgres_server as start

    try:
        with start() as server:
            yield server
    except PostgresMissingError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """The name of a migrated database on that server, for tests to copy."""
    from invoke_host.testing.postgres_backend import PostgresBackend
    from invoke_host.testing.storage import migrate_backend

    name = "invoke_template"
    postgres_server.create(name)
    migrate_backend(PostgresBackend(postgres_server.url(name)))
    return name


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty PostgreSQL database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
async def recorded_events(storage: Storage, clock: FakeClock) -> AsyncIterator[RecordedEvents]:
    """The events of `storage`, kept and passing, in order; `await recorded_events.next(kind)` waits for one."""
    from invoke_host.testing.events import record_events

    async with record_events(storage, clock) as recorded:
        yield recorded


@pytest.fixture
async def loop_watchdog() -> AsyncIterator[LoopWatchdog]:
    """Fails the test if anything in it blocks the event loop for 50 ms."""
    from invoke_host.testing.loop import watched_loop

    async with watched_loop() as watchdog:
        yield watchdog


@pytest.fixture
async def make_app(storage: Storage) -> AsyncIterator[AppMaker]:
    """Serves routes on a free loopback port: `client = await make_app([Route(...)])`; see `run_app` for options."""
    from invoke_host.testing.app import app_maker

    async with app_maker(storage) as make:
        yield make


@pytest.fixture
def app_routes() -> Sequence[Route]:
    """The routes that `client` talks to; override it in your conftest.py."""
    return ()


@pytest.fixture
async def client(make_app: AppMaker, app_routes: Sequence[Route]) -> ApiClient:
    """A client of an app with `app_routes`, in multi-user mode and anonymous."""
    return await make_app(app_routes)
