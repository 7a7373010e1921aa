"""The policies that come with the host, written like any plugin's."""

from __future__ import annotations

from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.grants import GrantsPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.access.policies.suspended import SuspendedPolicy
from invoke_host.access.policies.tokens import TokensPolicy
from invoke_host.access.policies.visibility import VisibilityPolicy
from invoke_host.api import Policy

__all__ = [
    "BUILTIN",
    "AdminPolicy",
    "GrantsPolicy",
    "OwnerPolicy",
    "SuspendedPolicy",
    "TokensPolicy",
    "VisibilityPolicy",
]

#: In the order in which `[access] policies` names them.
BUILTIN: tuple[type[Policy], ...] = (
    AdminPolicy,
    OwnerPolicy,
    VisibilityPolicy,
    GrantsPolicy,
    TokensPolicy,
    SuspendedPolicy,
)
