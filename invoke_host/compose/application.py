"""The web application of one host: all routes, and the services behind them."""

from __future__ import annotations

import invoke_host
from invoke_host.api import HealthCheck, Route
from invoke_host.blobs.files import Files
from invoke_host.blobs.staging import Staging
from invoke_host.boards.routes import BOARDS
from invoke_host.boards.routes import ROUTES as BOARD_ROUTES
from invoke_host.boards.service import BoardService
from invoke_host.client_state.routes import ROUTES as CLIENT_STATE_ROUTES
from invoke_host.compose.accounts import ROUTES as ACCOUNT_ROUTES
from invoke_host.compose.background import Background
from invoke_host.compose.images import image_services
from invoke_host.compose.parts import Parts
from invoke_host.compose.stored import stored_services
from invoke_host.events.routes import HUB
from invoke_host.events.routes import ROUTES as EVENT_ROUTES
from invoke_host.images.routes import ROUTES as IMAGE_ROUTES
from invoke_host.images.routes.downloads import DOWNLOADS
from invoke_host.images.routes.uploads import UPLOADER
from invoke_host.images.services.uploading import ImageUploader
from invoke_host.limits.routes import LIMITS
from invoke_host.limits.routes import ROUTES as LIMIT_ROUTES
from invoke_host.limits.service import LimitService
from invoke_host.models.routes import MODELS
from invoke_host.models.routes import ROUTES as MODEL_ROUTES
from invoke_host.ops.checks import own_checks
from invoke_host.plugins.admission import JobAdmissions
from invoke_host.plugins.health import guarded
from invoke_host.queue.routes import QUEUE
from invoke_host.queue.routes import ROUTES as QUEUE_ROUTES
from invoke_host.queue.service import QueueService
from invoke_host.queue.store.bookings import Places
from invoke_host.style_presets.exchange import StylePresetExchange
from invoke_host.style_presets.routes import EXCHANGE as PRESET_EXCHANGE
from invoke_host.style_presets.routes import ROUTES as STYLE_PRESET_ROUTES
from invoke_host.style_presets.routes import STYLE_PRESETS
from invoke_host.style_presets.service import StylePresetService
from invoke_host.system_prompts.routes import ROUTES as SYSTEM_PROMPT_ROUTES
from invoke_host.system_prompts.routes import SYSTEM_PROMPTS
from invoke_host.system_prompts.service import SystemPromptService
from invoke_host.web import web
from invoke_host.web.app import build_app
from invoke_host.web.settings import WebSettings
from invoke_host.workflows.routes import ROUTES as WORKFLOW_ROUTES

#: What the slices answer; the web app adds its own (health, description, pages), plugins theirs.
ROUTES: tuple[Route, ...] = (
    *ACCOUNT_ROUTES,
    *QUEUE_ROUTES,
    *LIMIT_ROUTES,
    *IMAGE_ROUTES,
    *BOARD_ROUTES,
    *MODEL_ROUTES,
    *EVENT_ROUTES,
    *STYLE_PRESET_ROUTES,
    *SYSTEM_PROMPT_ROUTES,
    *WORKFLOW_ROUTES,
    *CLIENT_STATE_ROUTES,
)


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
            *([] if single_user else parts.accounts.recheck.checks()),
            HealthCheck("queue", background.dispatcher.health),
            *background.supervisor.checks(),
            *guarded(parts.offers.health_checks(), parts.log, parts.clock),
        ],
    )
    parts.accounts.serve(app)
    staging = Staging(parts.blobs)
    files = Files(parts.storage, parts.blobs, parts.clock, staging)
    app[QUEUE] = QueueService(
        parts.storage,
        parts.access,
        parts.models,
        parts.clock,
        config=config.queue,
        admission=JobAdmissions(parts.offers.job_admissions(), parts.log),
        devices=lambda: sum(device.state in ("ready", "busy") for device in parts.executor.devices()),
    )
    for key, service in image_services(
        parts.storage, parts.blobs, parts.access, parts.clock, config=config.images, multi_user=not single_user
    ).items():
        app[key] = service
    app[UPLOADER] = ImageUploader(
        parts.storage, parts.blobs, parts.access, parts.clock, parts.decoder, config.images, staging
    )
    app[DOWNLOADS] = parts.downloads
    app[BOARDS] = BoardService(parts.storage, parts.access, parts.clock, keep_deleted=config.images.trash_days > 0)
    app[STYLE_PRESETS] = StylePresetService(
        parts.storage,
        parts.access,
        files,
        parts.decoder,
        parts.clock,
        max_pixels=config.images.max_upload_megapixels * 1_000_000,
    )
    app[PRESET_EXCHANGE] = StylePresetExchange(parts.storage, parts.clock)
    app[SYSTEM_PROMPTS] = SystemPromptService(parts.storage, parts.access, parts.clock)
    for stored_key, stored in stored_services(parts, files).items():
        app[stored_key] = stored
    app[LIMITS] = LimitService(parts.storage, parts.clock, Places())
    app[MODELS] = parts.models
    app[HUB] = parts.hub
    return app
