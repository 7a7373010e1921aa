"""What happens between the router and a handler: origin, caller, permission, validation, in this order.

What depends only on the route is decided when the endpoint is built; a request pays for what its route needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from multidict import MultiMapping

from invoke_host.api import Actor, FieldProblem, Forbidden, HookFailed, NotAuthenticated, RequestView, Route
from invoke_host.api._web_keys import RequestKeys
from invoke_host.identity.credentials import CHALLENGE, STRANGER, Caller
from invoke_host.web.addresses import client_address, is_secure
from invoke_host.web.inputs import BodyReader, QueryReader, check_announced_size, check_encoding, check_type
from invoke_host.web.origin import SAFE_METHODS, OriginGuard
from invoke_host.web.renewal import Renewal
from invoke_host.web.settings import WebSettings

if TYPE_CHECKING:
    from invoke_host.access import AccessEngine
    from invoke_host.identity.authenticate import Authenticator
    from invoke_host.storage import Storage

T = TypeVar("T")

#: Longest time a plugin's handler may take; routes that declare `stream` are not limited.
PLUGIN_TIMEOUT_S = 60.0


class LowerCaseHeaders(Mapping[str, str]):
    """The request's headers under lower-case names, without copying them.

    What is repeated is one value with commas (RFC 9110, section 5.3). If one of two counted, a caller could send a
    header of their own beside the one that a trusted proxy adds.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: MultiMapping[str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        values = self._headers.getall(name)
        return values[0] if len(values) == 1 else ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name in self._headers))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Gate:
    """The parts of the host that decide about requests; one for all endpoints of an app.

    `streams` holds the tasks that serve open streams, so that shutdown can end them. `renewal` is None where
    nobody logs in.
    """

    authenticator: Authenticator
    access: AccessEngine
    storage: Storage
    origin: OriginGuard
    streams: set[asyncio.Task[None]]
    settings: WebSettings
    renewal: Renewal | None = None


class Endpoint:
    """One route, ready to serve. `plugin` is the name of the plugin it belongs to, or None for the host's own."""

    def __init__(self, route: Route, gate: Gate, plugin: str | None = None) -> None:
        self.route = route
        self.plugin = plugin
        self._gate = gate
        self._level = route.access.level
        # Both are set where the level is "requires"; the table was checked before.
        self._action = route.access.action or ""
        self._id_from = route.access.id_from or ""
        self._scope = route.needed_scope
        self._unsafe = route.method not in SAFE_METHODS
        self._same_origin_only = self._unsafe or route.stream
        self._query = None if route.query is None else QueryReader(route.query)
        self._body = (
            None
            if route.body is None or route.raw_body
            else BodyReader(route.body, route.body_limit_bytes, None if route.review is None else self._review)
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request; what is wrong with it is raised."""
        if self._same_origin_only:
            self._gate.origin.check_same_origin(request)
        caller = await self._admit(request)
        request[RequestKeys.CALLER] = caller
        request[RequestKeys.ACTOR] = caller.actor
        if self._query is not None:
            request[RequestKeys.QUERY] = self._query.read(request)
        if self._body is not None:
            request[RequestKeys.BODY] = await self._body.read(request)
        elif self._unsafe:
            request = self._check_unread_body(request)
        response = await self._serve(request)
        if self._gate.renewal is not None and caller.session is not None:
            await self._gate.renewal.add(request, self.route, caller, response)
        return response

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.plugin is not None:
            return await self._call_plugin(request)
        if self.route.stream:
            return await self._stream(request)
        return await self.route.handler(request)

    async def _admit(self, request: web.Request) -> Caller:
        if self._level == "public":
            return STRANGER
        caller = await self._gate.authenticator.caller(self._view(request))
        if caller.actor.is_anonymous:
            raise NotAuthenticated("Authentication required", headers=CHALLENGE)
        self._check_scope(caller.actor)
        if self._level == "admin":
            if not caller.actor.is_admin:
                raise Forbidden("Admin privileges required")
            return caller
        actor = await self._gate.access.prepare(caller.actor)
        if self._level == "requires":
            await self._gate.storage.read(
                self._gate.access.authorize, actor, self._action, request.match_info[self._id_from]
            )
        return caller if actor is caller.actor else replace(caller, actor=actor)

    def _view(self, request: web.Request) -> RequestView:
        proxies = self._gate.settings.proxies
        return RequestView(
            request.method,
            request.path,
            LowerCaseHeaders(request.headers),
            request.remote,
            is_secure(request, proxies, self._gate.settings.public_url),
            client_address(request, proxies),
        )

    def _check_scope(self, actor: Actor) -> None:
        """The one place where the scopes of API tokens are enforced. Raises Forbidden."""
        scopes = actor.token_scopes
        if scopes is None or (self._scope in scopes and self._scope != "session"):
            return
        if self._scope == "session":
            raise Forbidden("log in for this: no API token may do it")
        raise Forbidden(f"this token lacks the scope {self._scope!r}")

    def _check_unread_body(self, request: web.Request) -> web.Request:
        """For routes whose handler reads the body itself, or has none to read: type, encoding and size all the same."""
        if not request.can_read_body:
            return request
        check_encoding(request)
        check_type(request, self.route.consumes)
        check_announced_size(request, self.route.body_limit_bytes)
        return request.clone(client_max_size=self.route.body_limit_bytes)

    async def _call_plugin(self, request: web.Request) -> web.StreamResponse:
        if self.route.stream:
            return await self._stream(request)
        return await self._limited(self.route.handler(request))

    async def _review(self, request: web.Request, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
        return () if self.route.review is None else await self._limited(self.route.review(request, values))

    async def _limited(self, call: Awaitable[T]) -> T:
        """Wait for a call into a plugin, but not for ever; the host's own code may take its time."""
        if self.plugin is None:
            return await call
        try:
            async with asyncio.timeout(PLUGIN_TIMEOUT_S) as limit:
                return await call
        except TimeoutError as error:
            if not limit.expired():
                raise
            name = f"{self.route.method} {self.route.path}"
            raise HookFailed(self.plugin, name, f"took longer than {PLUGIN_TIMEOUT_S:.0f} s") from error

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        with self._counted():
            return await self.route.handler(request)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is served outside of a task")
        self._gate.streams.add(task)
        try:
            yield
        finally:
            self._gate.streams.discard(task)
