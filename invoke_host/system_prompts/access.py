"""What can be done to a system prompt, and the columns of one that policies may use."""

from __future__ import annotations

from invoke_host.api import Action, ResourceType
from invoke_host.system_prompts.tables import system_prompts

VIEW = Action("system_prompt.view", "system_prompt", "See and use a system prompt", see=True, role="viewer")
EDIT = Action("system_prompt.edit", "system_prompt", "Change and publish a system prompt")
DELETE = Action("system_prompt.delete", "system_prompt", "Delete a system prompt")

ACTIONS = (VIEW, EDIT, DELETE)

#: System prompts by id. `owner` is a user id, `visibility` private or public.
RESOURCE = ResourceType(
    "system_prompt",
    system_prompts,
    system_prompts.c.id,
    {"owner": system_prompts.c.user_id, "visibility": system_prompts.c.visibility},
)
