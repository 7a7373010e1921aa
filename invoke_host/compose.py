"""Puts the parts together: plugins, storage, migrations, recovery, executor, then listen; shutdown is the reverse.

Each part is entered on one exit stack, so whatever fails half-way, what was started is stopped in order.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

import invoke_host
from invoke_host.access import AccessEngine
from invoke_host.api import (
    BlobStore,
    Event,
    Executor,
    HealthCheck,
    HostView,
    MigrationLineage,
    Route,
)
from invoke_host.clock import Clock, SystemClock
from invoke_host.config import LoadedConfig
from invoke_host.events.hub import EventHub
from invoke_host.events.routes import HUB
from invoke_host.events.routes import ROUTES as EVENT_ROUTES
from invoke_host.generation.local import LocalExecutor
from invoke_host.generation.worker_process import WorkerSettings
from invoke_host.identity.authenticate import Authenticator
from invoke_host.identity.routes import ROUTES as IDENTITY_ROUTES
from invoke_host.images import tombstones
from invoke_host.images.routes import IMAGES
from invoke_host.images.routes import ROUTES as IMAGE_ROUTES
from invoke_host.images.service import ImageService
from invoke_host.lineage import host_lineage
from invoke_host.models.routes import MODELS
from invoke_host.models.routes import ROUTES as MODEL_ROUTES
from invoke_host.models.service import ModelCatalog
from invoke_host.ops.banner import BannerFacts
from invoke_host.ops.checks import own_checks
from invoke_host.plugins import HostServices, Makers, Offers, Outcome, PluginRegistry, Supervisor, load
from invoke_host.plugins.health import guarded
from invoke_host.queue.dispatcher import Dispatcher
from invoke_host.queue.recovery import RecoveryReport, recover
from invoke_host.queue.routes import QUEUE
from invoke_host.queue.routes import ROUTES as QUEUE_ROUTES
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import batches
from invoke_host.root import HostRoot, RunningHost
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.storage.migrate import ensure, status
from invoke_host.warmup import warm_up
from invoke_host.web import web
from invoke_host.web.app import build_app
from invoke_host.web.server import RunningServer, start
from invoke_host.web.settings import WebSettings

#: What the slices answer; the web app adds its own (health, description, pages), plugins theirs.
ROUTES: tuple[Route, ...] = (*IDENTITY_ROUTES, *QUEUE_ROUTES, *IMAGE_ROUTES, *MODEL_ROUTES, *EVENT_ROUTES)


@dataclass(frozen=True, slots=True)
class Host:
    """A running host, as long as the context of `running` lasts."""

    server: RunningServer
    facts: BannerFacts


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of one host that several others are made of."""

    loaded: LoadedConfig
    log: FilteringBoundLogger
    clock: Clock
    registry: PluginRegistry
    offers: Offers
    storage: Storage
    blobs: BlobStore
    access: AccessEngine
    authenticator: Authenticator
    models: ModelCatalog
    hub: EventHub
    executor: Executor


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


@asynccontextmanager
async def running(loaded: LoadedConfig, log: FilteringBoundLogger) -> AsyncIterator[Host]:
    """A host that listens and generates; leaving the context drains and stops it.

    Raises:
        StartupError: it can't start; the text is one paragraph for the operator.
    """
    config, root, clock = loaded.config, HostRoot(loaded.root), SystemClock()
    async with AsyncExitStack() as stack:
        registry = load_plugins(loaded, log)  # before any file is touched: here what is wrong so far is told, all of it
        root.prepare()
        database = loaded.path(config.storage.path, "") if config.storage.path else None
        stack.enter_context(root.lock(database))
        services = HostServices(root.path, log, database_path=database)
        offers = Offers(registry, services)

        storage = Storage(offers.storage_backend(), log=log)
        await storage.open()
        stack.push_async_callback(storage.close)
        schema = await asyncio.to_thread(_migrate, storage, registry, loaded, log)
        blobs = offers.blob_store()
        await asyncio.to_thread(blobs.open)
        parts = _make_parts(loaded, log, clock, registry, offers, storage, blobs)
        services.attach(storage=storage, emit=parts.hub.emit)
        recovered = await recover(storage, blobs, clock=clock, log=log)
        await storage.read(warm_up, parts.access)  # not quick: on a thread

        dispatcher, supervisor = await _start(parts, services, stack)
        server = await start(_application(parts, dispatcher, supervisor), config.server.host, config.server.port)
        stack.push_async_callback(server.stop)
        root.announce(RunningHost(server.url, os.getpid()))
        stack.callback(root.withdraw)
        yield Host(server, _facts(parts, schema, recovered, server))


def _make_parts(
    loaded: LoadedConfig,
    log: FilteringBoundLogger,
    clock: Clock,
    registry: PluginRegistry,
    offers: Offers,
    storage: Storage,
    blobs: BlobStore,
) -> _Parts:
    """Everything that is made of the open storage and not started yet."""
    config = loaded.config
    authenticator = Authenticator(offers.providers(), log=log, on_unavailable=config.auth.on_unavailable)
    authenticator.check_bind(config.server.host)
    return _Parts(
        loaded=loaded,
        log=log,
        clock=clock,
        registry=registry,
        offers=offers,
        storage=storage,
        blobs=blobs,
        access=AccessEngine(offers.actions(), offers.resource_types(), offers.policies()),
        authenticator=authenticator,
        models=ModelCatalog(
            offers.models(),
            loaded.path(config.generation.models_dir, "models"),
            default=config.generation.default_model,
        ),
        hub=EventHub(storage, clock, log, concurrent_writers=storage.backend.capabilities.concurrent_writers),
        executor=offers.executor(),
    )


async def _start(parts: _Parts, services: HostServices, stack: AsyncExitStack) -> tuple[Dispatcher, Supervisor]:
    """Start what works in the background, in order; the stack stops it in reverse."""
    config = parts.loaded.config
    await parts.authenticator.open()
    stack.push_async_callback(parts.authenticator.close)
    await parts.hub.start()
    stack.push_async_callback(parts.hub.stop)

    async def tell_plugins(event: Event) -> None:
        await parts.registry.broadcast_event(event, services)

    parts.hub.listen(tell_plugins)
    await parts.executor.start()
    stack.push_async_callback(parts.executor.stop, 0.0)
    await parts.registry.startup(services)
    stack.push_async_callback(parts.registry.shutdown, services)
    dispatcher = Dispatcher(
        parts.storage,
        parts.blobs,
        parts.executor,
        parts.models,
        clock=parts.clock,
        hub=parts.hub,
        log=parts.log,
        config=config.queue,
    )
    own = [
        parts.hub.prune_task(config.events.keep),
        batches.prune_task(parts.storage, parts.clock),
        tombstones.sweep_task(parts.storage, parts.blobs, parts.clock, lambda: dispatcher.saving),
    ]
    supervisor = Supervisor([*(Outcome("host", task) for task in own), *parts.offers.background_tasks()], parts.log)
    supervisor.start()
    stack.push_async_callback(supervisor.stop)
    dispatcher.start()
    stack.push_async_callback(dispatcher.stop, config.queue.drain_s)
    return dispatcher, supervisor


def _application(parts: _Parts, dispatcher: Dispatcher, supervisor: Supervisor) -> web.Application:
    """The web application with all slices' services in it, ready to listen."""
    config = parts.loaded.config
    single_user = parts.authenticator.single_user
    app = build_app(
        ROUTES,
        authenticator=parts.authenticator,
        access=parts.access,
        storage=parts.storage,
        log=parts.log,
        clock=parts.clock,
        config=WebSettings(
            single_user=single_user,
            bind_host=config.server.host,
            public_url=config.server.public_url,
            version=invoke_host.__version__,
        ),
        plugin_routes=parts.offers.routes(),
        health=[
            *own_checks(parts.storage.backend, parts.blobs, parts.executor),
            HealthCheck("events", parts.hub.health),
            HealthCheck("queue", dispatcher.health),
            *supervisor.checks(),
            *guarded(parts.offers.health_checks(), parts.log, parts.clock),
        ],
    )
    app[QUEUE] = QueueService(parts.storage, parts.access, parts.models, parts.clock, config=config.queue)
    app[IMAGES] = ImageService(parts.storage, parts.blobs, parts.access, parts.clock, multi_user=not single_user)
    app[MODELS] = parts.models
    app[HUB] = parts.hub
    return app


def _migrate(storage: Storage, registry: PluginRegistry, loaded: LoadedConfig, log: FilteringBoundLogger) -> str:
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


def _facts(parts: _Parts, schema: str, recovered: RecoveryReport, server: RunningServer) -> BannerFacts:
    return BannerFacts(
        url=server.url,
        mode="single-user, no login" if parts.authenticator.single_user else "multi-user",
        version=invoke_host.__version__,
        database=parts.storage.backend.describe(),
        schema_revision=schema,
        blobs=parts.blobs.describe(),
        free_bytes=parts.blobs.free_bytes(),
        devices=[f"{device.name} ({device.state})" for device in parts.executor.devices()],
        recovered_items=recovered.requeued,
        warnings=[*parts.loaded.warnings, *parts.registry.warnings, *recovered.problems],
        root=parts.loaded.root,
        plugins=[plugin.name for plugin in parts.registry.plugins if plugin.name != "builtin"],
    )
