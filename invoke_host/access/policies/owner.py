"""Whoever owns a thing may do everything with it that no deny or restrict forbids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from invoke_host.api import Action, Actor, Grant, Policy, ResourceType


class OwnerPolicy(Policy):
    """Allow the rows whose published column `owner` is the actor. Resources without an owner are left to others."""

    name: ClassVar[str] = "owner"

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """The actor's own rows; nothing for the anonymous caller, so that an ownerless row never becomes theirs."""
        owner = resource.columns.get("owner")
        if owner is None or actor.id is None:
            return None
        return Grant(allow=owner == actor.id)
