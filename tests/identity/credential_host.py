"""A host that knows sessions and API tokens: real storage, real HTTP, a clock that stands, and users made by SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from invoke_host.api import Actor, AuthProvider, Identity, NotAuthenticated
from invoke_host.clock import timestamp
from invoke_host.config.schema import SessionsConfig
from invoke_host.identity import callers
from invoke_host.identity.authenticate import Authenticator
from invoke_host.identity.credentials import Credentials
from invoke_host.identity.sessions.cookies import clear_session, cookie_name
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.routes import ROUTES as SESSION_ROUTES
from invoke_host.identity.sessions.routes import SESSIONS
from invoke_host.identity.sessions.service import IssuedToken, SessionService
from invoke_host.identity.sessions.store import Session
from invoke_host.identity.tables import users
from invoke_host.identity.tokens import store as token_store
from invoke_host.identity.tokens.routes import ROUTES as TOKEN_ROUTES
from invoke_host.identity.tokens.routes import TOKENS
from invoke_host.identity.tokens.service import TokenService
from invoke_host.storage import Storage
from invoke_host.testing.app import run_app
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.storage import DATABASE
from invoke_host.web import (
    ADMIN,
    LOGGED_IN,
    PUBLIC,
    Route,
    actor_of,
    address_of,
    caller_of,
    json_response,
    secure_of,
    web,
)
from invoke_host.web.settings import WebSettings

TIMES = SessionsConfig(lifetime_s=3600, remembered_lifetime_s=36_000, idle_s=1200, longest_s=100_000)

WHO = "/api/v1/who"


async def who(request: web.Request) -> web.Response:
    actor = actor_of(request)
    return json_response(
        {
            "id": actor.id,
            "name": actor.display_name,
            "is_admin": actor.is_admin,
            "groups": sorted(actor.groups),
            "provider": actor.provider,
            "session_id": actor.session_id,
            "scopes": None if actor.token_scopes is None else sorted(actor.token_scopes),
            "carrier": caller_of(request).carrier,
            "address": address_of(request),
        }
    )


async def fail(request: web.Request) -> web.Response:
    return json_response({}, status=418)


async def out(request: web.Request) -> web.Response:
    response = web.Response()
    clear_session(response, secure_of(request))
    return response


async def replaced(request: web.Request) -> web.Response:
    return web.Response(headers={"X-Refreshed-Token": "by the handler"})


ROUTES = (
    Route("POST", "/api/v1/out", out, LOGGED_IN),
    Route("POST", "/api/v1/replaced", replaced, LOGGED_IN),
    Route("GET", WHO, who, LOGGED_IN),
    Route("POST", WHO, who, LOGGED_IN),
    Route("PUT", WHO, who, LOGGED_IN, scope="generate"),
    Route("DELETE", WHO, who, ADMIN),
    Route("PATCH", WHO, who, LOGGED_IN, scope="session"),
    Route("GET", "/api/v1/auth/me", who, LOGGED_IN),
    Route("POST", "/api/v1/fail", fail, LOGGED_IN),
    Route("POST", "/api/v1/public", who, PUBLIC),
)


def add_user(conn: Connection, user_id: str, *, is_admin: bool = False, name: str | None = None) -> None:
    """A user `<id>@example.org`."""
    conn.execute(
        insert(users).values(
            id=user_id,
            email=f"{user_id}@example.org",
            display_name=name,
            is_admin=is_admin,
            is_active=True,
            created_at="2026-01-01 00:00:00.000",
            updated_at="2026-01-01 00:00:00.000",
        )
    )


@dataclass
class CredentialHost:
    """`client` is anonymous. `bearer` and `cookie` give headers for it."""

    storage: Storage
    clock: FakeClock
    folder: Path
    sessions: SessionService
    credentials: Credentials
    client: ApiClient = field(init=False)

    async def session(
        self, user_id: str = "alice", *, remember: bool = False, user_agent: str = "test", provider: str = "local"
    ) -> Session:
        """A new session of that user."""
        return await self.storage.write(
            self.sessions.begin,
            user_id,
            provider,
            f"{user_id}-1",
            remember=remember,
            address="192.0.2.1",
            user_agent=user_agent,
            epoch=0,
            now=self.clock.now(),
        )

    async def login(self, user_id: str = "alice", **options: Any) -> IssuedToken:
        """A new session of that user, and its first token."""
        return self.sessions.issue(await self.session(user_id, **options))

    async def api_token(self, *scopes: str, user_id: str = "alice", expires_at: str | None = None) -> str:
        """A new API token of that user."""
        text = token_store.new_text()
        await self.storage.write(
            token_store.create,
            user_id,
            text,
            name="t",
            scopes=frozenset(scopes or ("read",)),
            expires_at=expires_at,
            now=timestamp(self.clock.now()),
        )
        return text

    def sql(self, statement: str, *values: Any) -> None:
        """Change the database from outside, as another process does."""
        with closing(sqlite3.connect(self.folder / DATABASE)) as connection, connection:
            assert connection.execute(statement, values).rowcount > 0

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with closing(sqlite3.connect(self.folder / DATABASE)) as connection:
            return connection.execute(query, values).fetchall()

    async def who(self, headers: Mapping[str, str] | None = None, method: str = "GET", **options: Any) -> Answer:
        """Ask who is calling."""
        return await self.client.request(method, WHO, headers=headers, **options)


def bearer(token: str | IssuedToken) -> dict[str, str]:
    """Headers of a program."""
    return {"Authorization": f"Bearer {token if isinstance(token, str) else token.token}"}


def cookie(token: str | IssuedToken, *, secure: bool = False) -> dict[str, str]:
    """Headers of a browser."""
    return {"Cookie": f"{cookie_name(secure=secure)}={token if isinstance(token, str) else token.token}"}


@asynccontextmanager
async def credential_host(
    storage: Storage,
    clock: FakeClock,
    folder: Path,
    log: Any,
    *,
    times: SessionsConfig = TIMES,
    providers: tuple[AuthProvider, ...] = (),
    known: frozenset[str] | None = None,
    config: WebSettings | None = None,
) -> AsyncIterator[CredentialHost]:
    """The host with alice, bob and the administrator root. `known`: names of providers whose sessions count."""
    for user_id in ("alice", "bob"):
        await storage.write(add_user, user_id)
    await storage.write(add_user, "root", is_admin=True, name="Root")
    sessions = SessionService(storage, KeyRing.open(folder / "secrets", clock=clock, log=log), clock, times)
    credentials = Credentials(storage, sessions, clock, providers=known)

    async def resolve(identity: Identity) -> Actor:
        actor = await storage.read(callers.by_user, identity.subject, identity.provider)
        if actor is None:
            raise NotAuthenticated("unknown")
        return actor

    host = CredentialHost(storage, clock, folder, sessions, credentials)
    async with run_app(
        [*ROUTES, *SESSION_ROUTES, *TOKEN_ROUTES],
        storage=storage,
        authenticator=Authenticator(providers, log=log, resolve=resolve, credentials=credentials),
        services={SESSIONS: sessions, TOKENS: TokenService(storage, clock)},
        config=config or WebSettings(single_user=False),
        clock=clock,
        log=log,
    ) as host.client:
        yield host


async def refused(host, headers, **options):
    """The request is refused as every bad credential is, word for word."""
    answer = await host.who(headers, **options)
    assert (answer.status, answer.detail) == (401, "Invalid or expired token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "Set-Cookie" not in answer.headers
    return True
