"""What can be done to a style preset, and the columns of one that policies may use."""

from __future__ import annotations

from invoke_host.api import Action, ResourceType
from invoke_host.style_presets.tables import style_presets

VIEW = Action("style_preset.view", "style_preset", "See and use a style preset", see=True, role="viewer")
EDIT = Action("style_preset.edit", "style_preset", "Change and publish a style preset")
DELETE = Action("style_preset.delete", "style_preset", "Delete a style preset")

ACTIONS = (VIEW, EDIT, DELETE)

#: Style presets by id. `owner` is a user id, `visibility` private or public.
RESOURCE = ResourceType(
    "style_preset",
    style_presets,
    style_presets.c.id,
    {"owner": style_presets.c.user_id, "visibility": style_presets.c.visibility},
)
