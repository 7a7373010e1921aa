"""Storage in one SQLite file: the plugin object that the entry point `sqlite` names."""

from __future__ import annotations

from collections.abc import Iterable

from invoke_host.api import HostView, PluginManifest, StorageBackend, hookimpl
from invoke_storage_sqlite.backend import SqliteBackend
from invoke_storage_sqlite.options import SqliteOptions

__all__ = ["SqliteBackend", "SqliteOptions", "plugin"]


class SqlitePlugin:
    """What the entry point `sqlite` names."""

    manifest = PluginManifest(
        name="sqlite",
        api=">=1.0,<2",
        provides=frozenset({"storage"}),
        config=SqliteOptions,
        description="One SQLite file: no server to run, backed up while in use.",
    )

    @hookimpl
    def invoke_storage_backends(self, host: HostView) -> Iterable[StorageBackend]:
        """The backend `sqlite`, on `[storage] path` or `invoke-host.db` in the host's folder."""
        options = host.config(self.manifest.name)
        if not isinstance(options, SqliteOptions):
            raise TypeError(f"expected SqliteOptions, got {type(options).__name__}")
        return [SqliteBackend(host.database_path or host.root / "invoke-host.db", options)]


plugin = SqlitePlugin()
