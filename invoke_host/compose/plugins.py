"""The plugins of one host, with what the host itself offers under the same rules."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from invoke_host.api import BlobStore, Executor, HostView, MigrationLineage
from invoke_host.config import LoadedConfig
from invoke_host.generation.local import LocalExecutor
from invoke_host.generation.worker_process import WorkerSettings
from invoke_host.lineage import host_lineage
from invoke_host.plugins import Makers, PluginRegistry, load
from invoke_host.root import HostRoot
from invoke_host.storage.blobs import FilesystemBlobStore


def load_plugins(loaded: LoadedConfig, log: FilteringBoundLogger) -> PluginRegistry:
    """The plugins that the configuration names, the host's own first. Raises StartupError, as `plugins.load` does."""
    config = loaded.config
    root = HostRoot(loaded.root)

    def executor(host: HostView) -> Executor:
        settings = WorkerSettings(threads=config.generation.threads)
        return LocalExecutor(devices=config.generation.devices, settings=settings, log=host.log)

    def blob_store(host: HostView) -> BlobStore:
        return FilesystemBlobStore(root.blobs)

    makers = Makers(executor=executor, blob_store=blob_store, allow_remote=config.auth.none.allow_remote)
    return load(loaded, log=log, makers=makers)


def lineages(registry: PluginRegistry) -> list[MigrationLineage]:
    """The host's schema lineage, then those of plugins with tables, in the order in which they are configured."""
    plugins = [plugin.manifest.lineage for plugin in registry.plugins]
    return [host_lineage(), *(lineage for lineage in plugins if lineage is not None)]
