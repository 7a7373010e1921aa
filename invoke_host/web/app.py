"""Builds the aiohttp application from the route table. One middleware: names the request, answers for errors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from invoke_host import ids
from invoke_host.api import HealthCheck, NotFound, PayloadTooLarge, Route
from invoke_host.api._web_keys import RequestKeys
from invoke_host.clock import Clock
from invoke_host.web.callers import SETTINGS
from invoke_host.web.endpoint import Endpoint, Gate
from invoke_host.web.errors import answer_to
from invoke_host.web.headers import set_security_headers
from invoke_host.web.origin import OriginGuard
from invoke_host.web.pages import page_routes
from invoke_host.web.renewal import Renewal
from invoke_host.web.settings import WebSettings
from invoke_host.web.system import system_routes
from invoke_host.web.table import check_table, mount, plugin_table

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from invoke_host.access import AccessEngine
    from invoke_host.identity.authenticate import Authenticator
    from invoke_host.storage import Storage

#: Every endpoint of an app, for tests and for the API description.
ENDPOINTS: web.AppKey[tuple[Endpoint, ...]] = web.AppKey("endpoints", tuple)


def build_app(
    routes: Sequence[Route],
    *,
    authenticator: Authenticator,
    access: AccessEngine,
    storage: Storage,
    log: FilteringBoundLogger,
    clock: Clock,
    config: WebSettings,
    plugin_routes: Mapping[str, Sequence[Route]] | None = None,
    health: Sequence[HealthCheck] = (),
) -> web.Application:
    """The application, ready to listen: `routes` and the host's own (health, description, pages), all checked.

    `plugin_routes` maps plugin names to what their `invoke_routes` returned; they are mounted under `/x/<plugin>/`. The
    caller puts services into the app under their keys before it starts.

    Raises:
        StartupError: a route without Access, twice, or with a requirement that can't be met; the text names it.
    """
    added = list(plugin_table(plugin_routes or {}))
    table = [*system_routes(config, health, clock), *routes]
    described = [*table, *(route for _, route in added)]
    table += page_routes(config, described)
    check_table([*table, *(route for _, route in added)], access)
    credentials = authenticator.credentials
    renewal = None if credentials is None else Renewal(credentials, clock, log)
    gate = Gate(authenticator, access, storage, OriginGuard(config), set(), config, renewal)
    endpoints = [Endpoint(route, gate) for route in table]
    endpoints += [Endpoint(route, gate, plugin) for plugin, route in added]

    app = web.Application(middlewares=[_outermost(gate.origin, log, clock)])
    app[SETTINGS] = config
    app[ENDPOINTS] = tuple(endpoints)
    mount(app.router, endpoints)
    app.on_response_prepare.append(set_security_headers)

    async def end_streams(app: web.Application) -> None:
        for task in gate.streams:
            task.cancel()

    app.on_shutdown.append(end_streams)
    return app


def _hang_up(request: web.Request) -> web.Response:
    """End the connection at once; the response is for aiohttp, which finds nobody to send it to."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)


def _outermost(origin: OriginGuard, log: FilteringBoundLogger, clock: Clock) -> Middleware:
    """The middleware around everything, unknown paths included."""
    start = ids.error_id()
    numbers = itertools.count(1)
    verbose = log.is_enabled_for(10)

    @web.middleware
    async def outermost(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[RequestKeys.REQUEST_ID] = f"{start}-{next(numbers):x}"
        started = clock.monotonic() if verbose else 0.0
        try:
            origin.check_host(request)
            if "\0" in request.path:
                raise NotFound("there is nothing at this path")
            response = await handler(request)
        except ConnectionError:
            return _hang_up(request)  # the client has left
        except Exception as error:
            if request.writer.output_size:
                # The answer is under way and can't be taken back; only a broken connection shows that it is not whole.
                log.error("answer_broken_off", method=request.method, path=request.path, exc_info=error)
                return _hang_up(request)
            response = answer_to(error, request, log)
            if isinstance(error, PayloadTooLarge):
                response.force_close()
        if verbose:
            log.debug(
                "request",
                request_id=request[RequestKeys.REQUEST_ID],
                method=request.method,
                path=request.path,
                status=response.status,
                ms=round((clock.monotonic() - started) * 1000, 2),
            )
        return response

    return outermost
