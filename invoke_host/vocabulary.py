"""Every action and resource type of the host's own slices."""

from __future__ import annotations

from invoke_host.api import Action, ResourceType
from invoke_host.boards import access as boards
from invoke_host.images import access as images
from invoke_host.queue import access as queue
from invoke_host.style_presets import access as style_presets
from invoke_host.system_prompts import access as system_prompts
from invoke_host.workflows import access as workflows

ACTIONS: tuple[Action, ...] = (
    *boards.ACTIONS,
    *images.ACTIONS,
    *queue.ACTIONS,
    *workflows.ACTIONS,
    *style_presets.ACTIONS,
    *system_prompts.ACTIONS,
)

RESOURCES: tuple[ResourceType, ...] = (
    boards.RESOURCE,
    images.RESOURCE,
    images.TRASHED,
    queue.RESOURCE,
    workflows.RESOURCE,
    style_presets.RESOURCE,
    system_prompts.RESOURCE,
)
