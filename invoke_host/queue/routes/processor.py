"""Pausing and resuming: a queue by administrators, and by users what is their own."""

from __future__ import annotations

from invoke_host.queue.routes.common import ROOT, queue_id_of, route, service_of
from invoke_host.queue.schema import OwnPause, ProcessorStatus
from invoke_host.web import ADMIN, Route, actor_of, json_response, web


async def pause(request: web.Request) -> web.Response:
    """Take no more items of this queue until it is resumed; what runs is finished. Lasts over restarts."""
    return json_response(await service_of(request).set_paused(queue_id_of(request), True))


async def resume(request: web.Request) -> web.Response:
    """Take items of this queue again."""
    return json_response(await service_of(request).set_paused(queue_id_of(request), False))


async def pause_own(request: web.Request) -> web.Response:
    """Take no more of the caller's own items, of any queue, until they resume; what runs is finished."""
    queue_id_of(request)
    return json_response(await service_of(request).set_own_paused(actor_of(request), True))


async def resume_own(request: web.Request) -> web.Response:
    """Take the caller's own items again. The pause has earned nothing: they wait as if they had just come."""
    queue_id_of(request)
    return json_response(await service_of(request).set_own_paused(actor_of(request), False))


ROUTES: tuple[Route, ...] = (
    route("PUT", f"{ROOT}/processor/resume", resume, "Resume the processor", ProcessorStatus, access=ADMIN),
    route("PUT", f"{ROOT}/processor/pause", pause, "Pause the processor", ProcessorStatus, access=ADMIN),
    route("PUT", f"{ROOT}/own/pause", pause_own, "Pause one's own items", OwnPause),
    route("PUT", f"{ROOT}/own/resume", resume_own, "Resume one's own items", OwnPause),
)
