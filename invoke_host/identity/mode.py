"""Which mode a request is served in, for routes that make no sense without login."""

from __future__ import annotations

from invoke_host.api import Actor, Forbidden

#: What routes about logins answer in single-user mode.
NO_LOGIN_NEEDED = "Multiuser mode is disabled. Authentication is not required in single-user mode."


def require_login_mode(actor: Actor) -> None:
    """Raise Forbidden in single-user mode, where every caller is the internal user `system`."""
    if actor.kind == "system":
        raise Forbidden(NO_LOGIN_NEEDED)
