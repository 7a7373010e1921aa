"""Empty databases on both engines, and the runner with its arguments filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, inspect, text

from invoke_host.api import MigrationLineage, StorageBackend
from invoke_host.storage import migrate
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import sqlite_backend


class Database:
    """An open backend, and what the tests ask about it."""

    def __init__(self, backend: StorageBackend, backups: Path) -> None:
        self.backend, self.backups = backend, backups
        self.engine: Engine = backend.open()
        self.log = structlog.get_logger()

    def upgrade(self, *lineages: MigrationLineage, lock_timeout_s: float = 5.0) -> migrate.UpgradeReport:
        return migrate.upgrade(
            self.engine,
            self.backend,
            lineages,
            backup_dir=self.backups,
            log=self.log,
            clock=FakeClock(),
            lock_timeout_s=lock_timeout_s,
        )

    def ensure(self, *lineages: MigrationLineage, auto_migrate: bool = True) -> migrate.UpgradeReport:
        return migrate.ensure(
            self.engine,
            self.backend,
            lineages,
            backup_dir=self.backups,
            auto_migrate=auto_migrate,
            command="invoke-host --root /srv/host db upgrade",
            log=self.log,
            clock=FakeClock(),
        )

    def status(self, *lineages: MigrationLineage) -> list[migrate.LineageStatus]:
        return migrate.status(self.engine, self.backend, lineages)

    def check(self, *lineages: MigrationLineage) -> tuple[str, ...]:
        return migrate.check(self.engine, self.backend, lineages).problems

    def run(self, statement: str) -> None:
        with self.engine.execution_options(invoke_write=True).begin() as connection:
            connection.execute(text(statement))

    def rows(self, query: str) -> Sequence[tuple[object, ...]]:
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def tables(self) -> set[str]:
        return set(inspect(self.engine).get_table_names())


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Callable[[StorageBackend], Database]]:
    """Opens backends that are closed at the end."""
    opened: list[StorageBackend] = []

    def open_one(backend: StorageBackend) -> Database:
        opened.append(backend)
        return Database(backend, tmp_path / "backups")

    yield open_one
    for backend in opened:
        backend.close()


@pytest.fixture
def sqlite(open_database: Callable[[StorageBackend], Database], tmp_path: Path) -> Database:
    """An empty SQLite database."""
    return open_database(sqlite_backend(tmp_path))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, open_database: Callable[[StorageBackend], Database]) -> Database:
    """An empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return open_database(sqlite_backend(request.getfixturevalue("tmp_path")))
    return open_database(PostgresBackend(request.getfixturevalue("postgres_url")))
