"""Administrators, and the local user of single-user mode, may do everything that no deny or restrict forbids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import true

from invoke_host.api import Action, Actor, Grant, Policy, ResourceType


class AdminPolicy(Policy):
    """Allow all rows to administrators."""

    name: ClassVar[str] = "admin"

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """Every row for an administrator, no opinion on anybody else."""
        return Grant(allow=true()) if actor.is_admin and not actor.is_anonymous else None
