"""What handlers ask about the sender of a request: who, from where, by what, and as whom the audit log notes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from invoke_host.api import Actor, actor_of
from invoke_host.api._web_keys import RequestKeys
from invoke_host.web.addresses import client_address, is_secure
from invoke_host.web.settings import WebSettings

if TYPE_CHECKING:
    from invoke_host.audit.record import Origin
    from invoke_host.identity.credentials import Caller

SETTINGS: web.AppKey[WebSettings] = web.AppKey("web_settings", WebSettings)


def caller_of(request: web.Request) -> Caller:
    """The caller and what they were recognised by; a stranger on PUBLIC routes, where nobody is asked."""
    caller: Caller = request[RequestKeys.CALLER]
    return caller


def address_of(request: web.Request) -> str:
    """The client's address, behind trusted proxies too; `""` where the connection has none."""
    return client_address(request, request.app[SETTINGS].proxies) or ""


def secure_of(request: web.Request) -> bool:
    """Whether browsers reach this host by TLS, which decides how cookies are called and marked."""
    settings = request.app[SETTINGS]
    return is_secure(request, settings.proxies, settings.public_url)


def origin_of(request: web.Request, actor: Actor | None = None) -> Origin:
    """The caller as the audit log notes them; `actor` instead of them where the request itself has just found out."""
    from invoke_host.audit.record import Origin  # with SQLAlchemy, which routes themselves do not need

    return Origin.of(actor or actor_of(request), address_of(request) or None)
