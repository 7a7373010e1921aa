"""Runs routes in a real app on a real port, for tests of slices and of plugins' routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import aiohttp
import structlog
from aiohttp import web
from structlog.typing import FilteringBoundLogger

from invoke_host.access import AccessEngine
from invoke_host.access.policies import BUILTIN
from invoke_host.api import (
    Action,
    Actor,
    Authenticated,
    AuthOutcome,
    AuthProvider,
    HealthCheck,
    Identity,
    NotAuthenticated,
    Policy,
    Rejected,
    RequestView,
    ResourceType,
    Route,
    UserId,
)
from invoke_host.clock import Clock, SystemClock
from invoke_host.identity.authenticate import Authenticator
from invoke_host.identity.none import NoneProvider
from invoke_host.storage import Storage
from invoke_host.testing.client import CALLER_HEADER, ApiClient
from invoke_host.web.app import build_app
from invoke_host.web.server import start
from invoke_host.web.settings import WebSettings

#: Who calls in tests unless a test brings its own people: two users and an administrator.
CALLERS: Mapping[str, Actor] = MappingProxyType(
    {
        "alice": Actor(UserId("alice"), "user", "Alice", provider="test"),
        "bob": Actor(UserId("bob"), "user", "Bob", provider="test"),
        "admin": Actor(UserId("admin"), "user", "Admin", is_admin=True, provider="test"),
    }
)

#: The rules of a host whose configuration names none.
BUILTIN_POLICIES: tuple[Policy, ...] = tuple(policy() for policy in BUILTIN)


class CallerProvider(AuthProvider):
    """Believes the header that `ApiClient.as_caller` sets; a name it does not know is rejected."""

    name: ClassVar[str] = "test"

    def __init__(self, callers: Mapping[str, Actor]) -> None:
        self._callers = callers

    async def from_request(self, request: RequestView) -> AuthOutcome | None:
        """The caller whose name is in the header; no header, no opinion."""
        name = request.headers.get(CALLER_HEADER.lower())
        if name is None:
            return None
        return Authenticated(Identity("test", name)) if name in self._callers else Rejected("unknown_caller")

    async def refresh(self, identity: Identity) -> AuthOutcome:
        """Nobody is ever removed."""
        return Authenticated(identity)


class AppMaker(Protocol):
    """What the fixture `make_app` is: called with routes, starts them and returns an anonymous client."""

    async def __call__(self, routes: Sequence[Route] = (), **options: Any) -> ApiClient:
        """Options as for `run_app`."""
        ...


@asynccontextmanager
async def run_app(
    routes: Sequence[Route] = (),
    *,
    storage: Storage,
    plugin_routes: Mapping[str, Sequence[Route]] | None = None,
    callers: Mapping[str, Actor] = CALLERS,
    actions: Iterable[Action] = (),
    resources: Iterable[ResourceType] = (),
    policies: Iterable[Policy] = BUILTIN_POLICIES,
    services: Mapping[web.AppKey[Any], Any] | None = None,
    config: WebSettings | None = None,
    health: Sequence[HealthCheck] = (),
    clock: Clock | None = None,
    log: FilteringBoundLogger | None = None,
    authenticator: Authenticator | None = None,
) -> AsyncIterator[ApiClient]:
    """Serve these routes on a free loopback port; a client for them, anonymous in multi-user mode.

    Multi-user mode with `callers` unless `config` says `single_user=True` or an `authenticator` decides who calls.
    `services` are put into the app under their keys.
    """
    settings = config or WebSettings(single_user=False, version="0.0-test")

    async def resolve(identity: Identity) -> Actor:
        if identity.subject not in callers:
            raise NotAuthenticated("unknown caller")
        return callers[identity.subject]

    logger: FilteringBoundLogger = log or structlog.get_logger()
    if authenticator is None:
        authenticator = (
            Authenticator([NoneProvider()], log=logger)
            if settings.single_user
            else Authenticator([CallerProvider(callers)], log=logger, resolve=resolve)
        )
    app = build_app(
        routes,
        authenticator=authenticator,
        access=AccessEngine(actions, resources, policies),
        storage=storage,
        log=logger,
        clock=clock or SystemClock(),
        config=settings,
        plugin_routes=plugin_routes,
        health=health,
    )
    for key, service in (services or {}).items():
        app[key] = service
    async with AsyncExitStack() as stack:
        server = await start(app, "127.0.0.1", 0, finish_s=2.0)
        stack.push_async_callback(server.stop)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield ApiClient(server.url, session, {}, app)


@asynccontextmanager
async def app_maker(storage: Storage) -> AsyncIterator[AppMaker]:
    """What `make_app` yields; every app it made stops at the end."""
    async with AsyncExitStack() as stack:

        async def make(routes: Sequence[Route] = (), **options: Any) -> ApiClient:
            return await stack.enter_async_context(run_app(routes, **{"storage": storage, **options}))

        yield make
