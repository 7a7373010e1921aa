"""The database schema at start: fitted before anything reads a table."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from invoke_host.compose.plugins import lineages
from invoke_host.config import LoadedConfig
from invoke_host.plugins import PluginRegistry
from invoke_host.root import HostRoot
from invoke_host.storage import Storage
from invoke_host.storage.migrate import ensure, status


def migrate(storage: Storage, registry: PluginRegistry, loaded: LoadedConfig, log: FilteringBoundLogger) -> str:
    """Fit the schema; returns the host's revision."""
    known = lineages(registry)
    ensure(
        storage.engine,
        storage.backend,
        known,
        backup_dir=HostRoot(loaded.root).backups,
        auto_migrate=loaded.config.storage.auto_migrate,
        command=f"invoke-host --root {loaded.root} db upgrade",
        log=log,
    )
    return status(storage.engine, storage.backend, known)[0].current or ""
