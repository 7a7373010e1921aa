"""Real storage for tests: a migrated SQLite file in a temporary folder, or any other backend made ready the same."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from invoke_host.api import StorageBackend
from invoke_host.lineage import host_lineage
from invoke_host.storage import Storage
from invoke_host.storage.migrate import upgrade

#: Name of the database file in its folder.
DATABASE = "invoke-host.db"


def sqlite_backend(folder: Path) -> StorageBackend:
    """The backend `sqlite` on a file in that folder, not yet open; needs `invoke-host-storage-sqlite`."""
    # By name: the host imports no plugin, and its kit is part of the host.
    plugin = importlib.import_module("invoke_storage_sqlite")
    backend = plugin.SqliteBackend(folder / DATABASE, plugin.SqliteOptions(synchronous="normal"))
    assert isinstance(backend, StorageBackend)
    return backend


def copy_of(template: Path, folder: Path) -> StorageBackend:
    """The backend `sqlite` on a copy of a database file that nobody has open."""
    shutil.copyfile(template, folder / DATABASE)
    return sqlite_backend(folder)


def migrate_backend(backend: StorageBackend) -> None:
    """Open a backend with nothing in it, bring it to the host's schema, and close it."""
    log = structlog.get_logger("invoke_host.testing")
    with Storage(backend, log=log) as storage:
        upgrade(storage.engine, backend, [host_lineage()], backup_dir=Path("unused"), log=log)


@asynccontextmanager
async def open_storage(backend: StorageBackend) -> AsyncIterator[Storage]:
    """A Storage on that backend, open inside the block; its schema stays as it is."""
    storage = Storage(backend, log=structlog.get_logger("invoke_host.testing"))
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()
