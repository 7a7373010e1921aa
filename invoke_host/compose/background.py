"""What works in the background while the host listens: started in order, stopped in reverse."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from invoke_host.api import Event
from invoke_host.blobs.sweep import sweep_task
from invoke_host.compose.parts import Parts
from invoke_host.images.removal import Undertaker
from invoke_host.images.services.trashing import expiry_task
from invoke_host.limits import minutes
from invoke_host.plugins import HostServices, Outcome, Supervisor
from invoke_host.queue.badge import Badge
from invoke_host.queue.dispatcher import Dispatcher
from invoke_host.queue.placing import placements
from invoke_host.queue.retention import retention_task
from invoke_host.queue.store import batches


@dataclass(frozen=True, slots=True)
class Background:
    """What health checks ask."""

    dispatcher: Dispatcher
    supervisor: Supervisor


async def start_background(parts: Parts, services: HostServices, stack: AsyncExitStack) -> Background:
    """Start everything; `stack` stops it."""
    config = parts.loaded.config
    await parts.authenticator.open()
    stack.push_async_callback(parts.authenticator.close)
    await parts.hub.start()
    stack.push_async_callback(parts.hub.stop)

    async def tell_plugins(event: Event) -> None:
        await parts.registry.broadcast_event(event, services)

    if parts.registry.hears_events:  # or each would be read once more for nobody
        parts.hub.listen(tell_plugins)
    await parts.executor.start()
    stack.push_async_callback(parts.executor.stop, 0.0)
    stack.push_async_callback(parts.decoder.close)
    await parts.downloads.open()
    stack.push_async_callback(parts.downloads.close)
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
        placements=placements(parts.access, parts.owners, parts.log),
        presence=parts.hub.presence if config.generation.previews else None,
    )
    own = [
        parts.hub.prune_task(config.events.keep),
        batches.prune_task(parts.storage, parts.clock),
        retention_task(parts.storage, parts.clock, config.queue),
        minutes.prune_task(parts.storage, parts.clock),
        sweep_task(parts.storage, parts.blobs, parts.clock, lambda: dispatcher.saving),
        expiry_task(
            parts.storage,
            parts.clock,
            Undertaker(parts.storage, parts.blobs),
            trash_days=config.images.trash_days,
        ),
        parts.downloads.expiry_task(),
        *parts.accounts.tasks(),
    ]
    badge = Badge(parts.storage, parts.hub, parts.log)
    badge.start()
    stack.push_async_callback(badge.stop)
    supervisor = Supervisor([*(Outcome("host", task) for task in own), *parts.offers.background_tasks()], parts.log)
    supervisor.start()
    stack.push_async_callback(parts.accounts.stop)
    stack.push_async_callback(supervisor.stop)
    dispatcher.start()
    stack.push_async_callback(dispatcher.stop, config.queue.drain_s)
    return Background(dispatcher, supervisor)
