"""What its owner shows to everybody: `shared` things may be looked at, to `public` ones all may contribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import or_

from invoke_host.api import Action, Actor, Grant, Policy, ResourceType

#: The visibilities that give each role to everybody; no visibility makes everybody an editor.
_GIVES = {"viewer": ("shared", "public"), "contributor": ("public",)}


class VisibilityPolicy(Policy):
    """Allow by the published column `visibility` what the action's role needs. The anonymous caller sees nothing."""

    name: ClassVar[str] = "visibility"

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """Rows that are shown to everybody; no opinion on resources without visibility."""
        column = resource.columns.get("visibility")
        if column is None or actor.is_anonymous or action.role not in _GIVES:
            return None
        return Grant(allow=or_(*(column == value for value in _GIVES[action.role])))
