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

from invoke_host.clock import SystemClock
from invoke_host.compose.application import ROUTES, application
from invoke_host.compose.background import start_background
from invoke_host.compose.facts import banner_facts
from invoke_host.compose.parts import make_parts
from invoke_host.compose.plugins import lineages, load_plugins
from invoke_host.compose.schema import migrate
from invoke_host.config import LoadedConfig
from invoke_host.ops.banner import BannerFacts
from invoke_host.plugins import HostServices, Offers
from invoke_host.queue.recovery import recover
from invoke_host.root import HostRoot, RunningHost
from invoke_host.storage import Storage
from invoke_host.warmup import ALONE, MANY, warm_up
from invoke_host.web.server import RunningServer, start

__all__ = ["ROUTES", "Host", "lineages", "load_plugins", "running"]


@dataclass(frozen=True, slots=True)
class Host:
    """A running host, as long as the context of `running` lasts."""

    server: RunningServer
    facts: BannerFacts


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
        schema = await asyncio.to_thread(migrate, storage, registry, loaded, log)
        blobs = offers.blob_store()
        await asyncio.to_thread(blobs.open)
        parts = make_parts(loaded, log, clock, registry, offers, storage, blobs)
        services.attach(storage=storage, emit=parts.hub.emit)
        recovered = await recover(storage, blobs, clock=clock, log=log)
        await storage.read(warm_up, parts.access, ALONE if config.single_user else MANY)  # not quick: on a thread

        background = await start_background(parts, services, stack)
        server = await start(application(parts, background), config.server.host, config.server.port)
        stack.push_async_callback(server.stop)
        root.announce(RunningHost(server.url, os.getpid()))
        stack.callback(root.withdraw)
        yield Host(server, await banner_facts(parts, schema, recovered, server))
