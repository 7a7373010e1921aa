"""Every slice whose things have owners. A test compares this with the foreign keys to `users`, so none is forgotten."""

from __future__ import annotations

from invoke_host.boards.ownership import OWNED as BOARDS
from invoke_host.images.ownership import OWNED as IMAGES
from invoke_host.ownership import Owned
from invoke_host.queue.ownership import OWNED as QUEUE
from invoke_host.style_presets.ownership import OWNED as STYLE_PRESETS
from invoke_host.system_prompts.ownership import OWNED as SYSTEM_PROMPTS
from invoke_host.workflows.ownership import OWNED as WORKFLOWS

#: In the order in which things are stopped, handed over and removed.
OWNED: tuple[Owned, ...] = (QUEUE, IMAGES, BOARDS, STYLE_PRESETS, SYSTEM_PROMPTS, WORKFLOWS)
