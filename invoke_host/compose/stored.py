"""The services behind the routes of what user interfaces keep: workflows and client state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke_host.blobs.files import Files
from invoke_host.client_state.routes import CLIENT_STATE
from invoke_host.client_state.service import ClientStateService
from invoke_host.compose.parts import Parts
from invoke_host.web import web
from invoke_host.workflows.routes import THUMBNAILS, WORKFLOWS
from invoke_host.workflows.service import WorkflowService
from invoke_host.workflows.thumbnails import WorkflowThumbnails


def stored_services(parts: Parts, files: Files) -> Mapping[web.AppKey[Any], object]:
    """What the routes ask for, by the key under which they do."""
    config = parts.loaded.config
    return {
        WORKFLOWS: WorkflowService(
            parts.storage,
            parts.access,
            parts.clock,
            files,
            max_bytes=config.stored.max_workflow_kb * 1024,
        ),
        THUMBNAILS: WorkflowThumbnails(
            parts.storage,
            parts.access,
            parts.clock,
            files,
            parts.decoder,
            max_pixels=config.images.max_upload_megapixels * 1_000_000,
        ),
        CLIENT_STATE: ClientStateService(
            parts.storage, parts.clock, max_total_bytes=config.stored.max_client_state_kb * 1024
        ),
    }
