"""Single-user mode: a provider like any other, whose answer is always the local administrator."""

from __future__ import annotations

from ipaddress import ip_address
from typing import ClassVar

from invoke_host.api import (
    SYSTEM_USER_ID,
    Actor,
    Authenticated,
    AuthOutcome,
    AuthProvider,
    Identity,
    Rejected,
    RequestView,
)

#: The caller of every request in single-user mode: owner of all that is made, and administrator.
SYSTEM_ACTOR = Actor(id=SYSTEM_USER_ID, kind="system", display_name="System", is_admin=True, provider="none")

SYSTEM_IDENTITY = Identity(provider="none", subject="system", login="system", display_name="System", admin=True)

_ALWAYS = Authenticated(SYSTEM_IDENTITY)


class NoneProvider(AuthProvider):
    """Everybody who reaches the port is the administrator, so it only serves this machine unless told otherwise."""

    name: ClassVar[str] = "none"

    def __init__(self, *, allow_remote: bool = False) -> None:
        self._allow_remote = allow_remote

    def check_bind(self, host: str) -> str | None:
        """Refuses any address that another machine could reach, unless `[auth.none] allow_remote = true`."""
        if self._allow_remote or is_loopback(host):
            return None
        return (
            f"without login, everybody who can reach {host or 'this address'} would be administrator; "
            "bind 127.0.0.1, choose a login with [auth] providers, or set [auth.none] allow_remote = true"
        )

    async def from_request(self, request: RequestView) -> AuthOutcome | None:
        """Always the local administrator, whatever the request carries."""
        return _ALWAYS

    async def refresh(self, identity: Identity) -> AuthOutcome:
        """Good for the local administrator; identities that other providers made are not this one's."""
        return _ALWAYS if identity == SYSTEM_IDENTITY else Rejected("not_mine")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address; names other than `localhost` count as remote."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
