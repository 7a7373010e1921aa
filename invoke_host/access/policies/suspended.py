"""Whose account is deactivated may do nothing, also not with what is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import true

from invoke_host.api import Action, Actor, Grant, Policy, ResourceType


class SuspendedPolicy(Policy):
    """Deny everything to actors whose account is not active."""

    name: ClassVar[str] = "suspended"

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """Every row is denied to a suspended actor; no opinion on others."""
        return Grant(deny=true()) if actor.is_suspended else None
