"""What its owner shows to chosen users and groups, each with a role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import exists, or_, select

from invoke_host.api import ROLES, Action, Actor, Grant, Policy, ResourceType


class GrantsPolicy(Policy):
    """Allow where a row of the resource's grants names the actor or one of their groups, with a role that suffices."""

    name: ClassVar[str] = "grants"

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """Rows granted to the actor; no opinion on resources that know no grants."""
        grants = resource.grants
        if grants is None or actor.id is None or action.role is None:
            return None
        suffices = ROLES[ROLES.index(action.role) :]
        named = or_(grants.user == actor.id, *(grants.group == group for group in sorted(actor.groups)))
        given = (named, or_(*(grants.role == role for role in suffices)))
        if grants.at_once:
            return Grant(allow=resource.id.in_(select(grants.resource_id).where(*given).correlate(None)))
        return Grant(allow=exists().where(grants.resource_id == resource.id, *given).correlate(resource.table))
