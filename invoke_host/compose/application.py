"""The web application of one host: all routes, and the services behind them."""

from __future__ import annotations

import invoke_host
from invoke_host.api import HealthCheck, Route
from invoke_host.compose.accounts import ROUTES as ACCOUNT_ROUTES
from invoke_host.compose.background import Background
from invoke_host.compose.parts import Parts
from invoke_host.events.routes import HUB
from invoke_host.events.routes import ROUTES as EVENT_ROUTES
from invoke_host.images.routes import IMAGES
from invoke_host.images.routes import ROUTES as IMAGE_ROUTES
from invoke_host.images.service import ImageService
from invoke_host.models.routes import MODELS
from invoke_host.models.routes import ROUTES as MODEL_ROUTES
from invoke_host.ops.checks import own_checks
from invoke_host.plugins.health import guarded
from invoke_host.queue.routes import QUEUE
from invoke_host.queue.routes import ROUTES as QUEUE_ROUTES
from invoke_host.queue.service import QueueService
from invoke_host.web import web
from invoke_host.web.app import build_app
from invoke_host.web.settings import WebSettings

#: What the slices answer; the web app adds its own (health, description, pages), plugins theirs.
ROUTES: tuple[Route, ...] = (*ACCOUNT_ROUTES, *QUEUE_ROUTES, *IMAGE_ROUTES, *MODEL_ROUTES, *EVENT_ROUTES)


def application(parts: Parts, background: Background) -> web.Application:
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
            check_host=parts.authenticator.judges_requests,
            bind_host=config.server.host,
            public_url=config.server.public_url,
            version=invoke_host.__version__,
            trusted_proxies=config.server.trusted_proxies,
        ),
        plugin_routes=parts.offers.routes(),
        health=[
            *own_checks(parts.storage.backend, parts.blobs, parts.executor),
            HealthCheck("events", parts.hub.health),
            HealthCheck("queue", background.dispatcher.health),
            *background.supervisor.checks(),
            *guarded(parts.offers.health_checks(), parts.log, parts.clock),
        ],
    )
    parts.accounts.serve(app)
    app[QUEUE] = QueueService(parts.storage, parts.access, parts.models, parts.clock, config=config.queue)
    app[IMAGES] = ImageService(parts.storage, parts.blobs, parts.access, parts.clock, multi_user=not single_user)
    app[MODELS] = parts.models
    app[HUB] = parts.hub
    return app
