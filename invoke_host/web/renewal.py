"""Sliding renewal: who works with the host stays logged in, because answers to changes carry a fresh token."""

from __future__ import annotations

from aiohttp import web
from multidict import istr
from structlog.typing import FilteringBoundLogger

from invoke_host.api import Route
from invoke_host.clock import Clock
from invoke_host.identity.credentials import Caller, Credentials
from invoke_host.identity.sessions import cookies
from invoke_host.web.callers import secure_of
from invoke_host.web.origin import SAFE_METHODS

#: Where clients with `Authorization: Bearer` find it, as InvokeAI clients do.
REFRESHED: istr = istr("X-Refreshed-Token")

#: A cookie younger than that is fresh enough.
COOKIE_AGE_S = 60

#: What a page asks for when it is opened; renews cookies although it changes nothing.
_ON_OPENING = ("GET", "/api/v1/auth/me")


class Renewal:
    """Adds the fresh token to answers. Never fails a request that has been served."""

    def __init__(self, credentials: Credentials, clock: Clock, log: FilteringBoundLogger) -> None:
        self._credentials = credentials
        self._clock = clock
        self._log = log

    async def add(self, request: web.Request, route: Route, caller: Caller, response: web.StreamResponse) -> None:
        """Renew the caller's session if this answer is one that does.

        Not where the handler has said something about the session itself (login, logout, a changed password).
        """
        if caller.session is None or response.status >= 400 or response.prepared:
            return
        changes = route.method not in SAFE_METHODS
        if not changes and (caller.carrier != "cookie" or (route.method, route.path) != _ON_OPENING):
            return
        if caller.carrier == "cookie" and self._clock.now().timestamp() - caller.session.issued_at <= COOKIE_AGE_S:
            return
        try:
            await self._renew(request, caller, response)
        except Exception as error:  # noqa: BLE001 - what was asked for is done, and the old token is good for a while
            self._log.warning("session_renewal_failed", reason=f"{type(error).__name__}: {error}")

    async def _renew(self, request: web.Request, caller: Caller, response: web.StreamResponse) -> None:
        secure = secure_of(request)
        if REFRESHED in response.headers or cookies.says_something(response, secure):
            return
        issued = await self._credentials.renew(caller)
        if issued is None:
            return
        if caller.carrier == "cookie":
            cookies.set_session(response, issued, secure)
        else:
            response.headers[REFRESHED] = issued.token
