"""An API token that is good for reading only changes nothing, whatever its user may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import false

from invoke_host.api import Action, Actor, Grant, Policy, ResourceType

#: Scopes with which a token may do more than look; routes say more exactly which one they need (`Route.scope`).
_CHANGING = frozenset({"generate", "manage-own", "admin"})


class TokensPolicy(Policy):
    """Restrict callers whose token may only read to seeing. A second lock behind the one of the routes."""

    name: ClassVar[str] = "tokens"

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        """Nothing where the token has no scope that changes anything; no opinion on callers without a token."""
        if actor.token_scopes is None or action.see or actor.token_scopes & _CHANGING:
            return None
        return Grant(restrict=false())
