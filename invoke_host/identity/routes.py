"""What clients may ask about login before they are logged in. Accounts and sessions come with the `local` provider."""

from __future__ import annotations

from pydantic import BaseModel

from invoke_host.api import Forbidden
from invoke_host.web import PUBLIC, Route, json_response, web


class AuthStatus(BaseModel):
    """The mode, so that clients need not guess. `admin_email` is always null: it would name an account to strangers."""

    setup_required: bool
    multiuser_enabled: bool
    strict_password_checking: bool
    admin_email: str | None


async def status(request: web.Request) -> web.StreamResponse:
    """Single-user mode has no login, so there is nothing to set up."""
    return json_response(
        {
            "setup_required": False,
            "multiuser_enabled": False,
            "strict_password_checking": False,
            "admin_email": None,
        }
    )


async def no_login(request: web.Request) -> web.StreamResponse:
    """Always 403 in single-user mode: every request is the local administrator's already."""
    raise Forbidden("Multiuser mode is disabled. Authentication is not required in single-user mode.")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/v1/auth/status", status, PUBLIC, "Is there a login?", "auth", responses=((200, AuthStatus),)),
    Route("POST", "/api/v1/auth/login", no_login, PUBLIC, "Log in", "auth", responses=((403, None),)),
    Route("POST", "/api/v1/auth/setup", no_login, PUBLIC, "Make the first administrator", "auth",
          responses=((403, None),)),
)  # fmt: skip
