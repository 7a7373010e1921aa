"""What happens between the router and a handler: origin, caller, permission, validation, in this order.

What depends only on the route is decided when the endpoint is built; a request pays for what its route needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from invoke_host.api import ANONYMOUS, Actor, FieldProblem, Forbidden, HookFailed, NotAuthenticated, RequestView, Route
from invoke_host.api._web_keys import RequestKeys
from invoke_host.web.inputs import BodyReader, QueryReader, check_announced_size, check_encoding, check_type
from invoke_host.web.origin import SAFE_METHODS, OriginGuard

if TYPE_CHECKING:
    from invoke_host.access import AccessEngine
    from invoke_host.identity.authenticate import Authenticator
    from invoke_host.storage import Storage

T = TypeVar("T")

#: Longest time a plugin's handler may take; routes that declare `stream` are not limited.
PLUGIN_TIMEOUT_S = 60.0


class LowerCaseHeaders(Mapping[str, str]):
    """The request's headers under lower-case names, without copying them; of repeated ones the first counts."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name in self._headers))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Gate:
    """The parts of the host that decide about requests; one for all endpoints of an app.

    `streams` holds the tasks that serve open streams, so that shutdown can end them.
    """

    authenticator: Authenticator
    access: AccessEngine
    storage: Storage
    origin: OriginGuard
    streams: set[asyncio.Task[None]]


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
        self._unsafe = route.method not in SAFE_METHODS
        self._same_origin_only = self._unsafe or route.stream
        self._query = None if route.query is None else QueryReader(route.query)
        self._body = (
            None
            if route.body is None
            else BodyReader(route.body, route.body_limit_bytes, None if route.review is None else self._review)
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request; what is wrong with it is raised."""
        if self._same_origin_only:
            self._gate.origin.check_same_origin(request)
        request[RequestKeys.ACTOR] = await self._admit(request)
        if self._query is not None:
            request[RequestKeys.QUERY] = self._query.read(request)
        if self._body is not None:
            request[RequestKeys.BODY] = await self._body.read(request)
        elif self._unsafe:
            request = self._check_unread_body(request)
        if self.plugin is not None:
            return await self._call_plugin(request)
        if self.route.stream:
            return await self._stream(request)
        return await self.route.handler(request)

    async def _admit(self, request: web.Request) -> Actor:
        if self._level == "public":
            return ANONYMOUS
        view = RequestView(
            request.method, request.path, LowerCaseHeaders(request.headers), request.remote, request.secure
        )
        actor = await self._gate.authenticator.actor(view)
        if actor.is_anonymous:
            raise NotAuthenticated("Authentication required", headers={"WWW-Authenticate": "Bearer"})
        if self._level == "admin":
            if not actor.is_admin:
                raise Forbidden("Admin privileges required")
            return actor
        actor = await self._gate.access.prepare(actor)
        if self._level == "requires":
            await self._gate.storage.read(
                self._gate.access.authorize, actor, self._action, request.match_info[self._id_from]
            )
        return actor

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
