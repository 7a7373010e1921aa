"""A host with accounts: real storage, the real provider `local` at the lowest cost, real HTTP, a clock that stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from invoke_auth_local import LocalOptions, LocalProvider
from invoke_auth_local.tables import lineage as local_lineage
from sqlalchemy import Row, select

from invoke_host.api import Actor, AuthProvider, Identity, Secret
from invoke_host.audit.record import Origin
from invoke_host.audit.tables import audit_log
from invoke_host.config.schema import SessionsConfig, ThrottleConfig
from invoke_host.identity import callers
from invoke_host.identity.authenticate import Authenticator, only_system
from invoke_host.identity.credentials import Credentials
from invoke_host.identity.login.service import LoginService
from invoke_host.identity.login.setup_code import SetupCode
from invoke_host.identity.login.throttle import Throttle
from invoke_host.identity.none import NoneProvider
from invoke_host.identity.routes import LOGIN, ROUTES
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.service import SessionService
from invoke_host.identity.users.model import User
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import NewUser
from invoke_host.lineage import host_lineage
from invoke_host.storage import Storage
from invoke_host.storage.migrate import upgrade
from invoke_host.testing.app import run_app
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.fakes import FakeHost
from invoke_host.web.settings import WebSettings
from tests.identity.conftest import Log

PASSWORD = "correct horse battery staple"
OTHER = "tr0ubador-und-drei-pferde"
ALICE = "alice@example.org"

#: So much that no test waits by accident.
WIDE = ThrottleConfig(free_failures=1_000_000, failures_per_address=1_000_000)

TESTS = Origin(None, "tests", "host")


class LocalHost(FakeHost):
    """What the provider sees of a host: units of work run on real storage."""

    def __init__(self, root: Path, options: LocalOptions, storage: Storage) -> None:
        super().__init__(root, {"local": options})
        self._storage = storage

    async def read(self, unit: Callable[..., Any], *args: Any) -> Any:
        return await self._storage.read(unit, *args)

    async def write(self, unit: Callable[..., Any], *args: Any) -> Any:
        return await self._storage.write(unit, *args)


@dataclass(frozen=True)
class LoginHost:
    """A running host, and what tests do with it."""

    client: ApiClient
    storage: Storage
    clock: FakeClock
    users: UserService
    sessions: SessionService
    local: LocalProvider
    setup_code: SetupCode
    log: Log

    async def add(self, email: str = ALICE, password: str = PASSWORD, *, is_admin: bool = False) -> User:
        """Make an account."""
        return await self.users.create(NewUser(email, email.partition("@")[0], Secret(password), is_admin), TESTS)

    async def login(self, email: str = ALICE, password: str = PASSWORD, **options: Any) -> Answer:
        """POST /auth/login; `cookies` go along, other options into the body."""
        headers = _cookie(options.pop("cookies", {}))
        body = {"email": email, "password": password, **options}
        return await self.client.post("/api/v1/auth/login", json=body, headers=headers)

    async def token(self, email: str = ALICE, password: str = PASSWORD, **options: Any) -> str:
        """The token of a login that must work."""
        answer = await self.login(email, password, **options)
        assert answer.status == 200, answer.text
        return str(answer.json()["token"])

    def bearer(self, token: str) -> ApiClient:
        """A client with that token."""
        return replace(self.client, headers={**self.client.headers, "Authorization": f"Bearer {token}"})

    def browser(self, **cookies: str) -> ApiClient:
        """A client with those cookies."""
        return replace(self.client, headers={**self.client.headers, **_cookie(cookies)})

    async def audit(self, action: str = "%") -> list[Row[Any]]:
        """The audit log, oldest first."""
        query = select(audit_log).where(audit_log.c.action.like(action)).order_by(audit_log.c.id)
        return await self.storage.read(lambda conn: list(conn.execute(query)))

    def failures(self) -> list[str]:
        """The reasons of the failed logins in the log."""
        return [str(entry["reason"]) for entry in self.log.entries if entry["event"] == "auth_failure"]


def _cookie(cookies: dict[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}


def cookies_of(answer: Answer) -> dict[str, str]:
    """The Set-Cookie headers of an answer, by name: value and attributes as they were sent."""
    lines = answer.headers.getall("Set-Cookie", [])  # type: ignore[attr-defined]  # a CIMultiDict
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines}


def value_of(answer: Answer, name: str) -> str:
    """The value of one cookie that an answer sets."""
    return cookies_of(answer)[name].partition(";")[0]


def migrate_local(storage: Storage, folder: Path) -> None:
    """Make the tables of the provider `local`; what was there before is backed up in `folder`."""
    lineages = [host_lineage(), local_lineage]
    upgrade(storage.engine, storage.backend, lineages, backup_dir=folder, log=structlog.get_logger())


@asynccontextmanager
async def login_host(
    storage: Storage,
    clock: FakeClock,
    log: Log,
    root: Path,
    *,
    providers: Sequence[AuthProvider] | None = None,
    before: Sequence[AuthProvider] = (),
    throttle: ThrottleConfig = WIDE,
    sessions: SessionsConfig | None = None,
    single_user: bool = False,
    web: WebSettings | None = None,
    options: LocalOptions | None = None,
    **logins: Any,
) -> AsyncIterator[LoginHost]:
    """Serve the routes about logging in. Asked are `before` and `local`, or `providers`; accounts are `local`'s.

    Options of the LoginService go to it.
    """
    await asyncio.to_thread(migrate_local, storage, root / "backups")
    async with AsyncExitStack() as stack:
        chosen = options or LocalOptions(bcrypt_cost=4, hash_threads=1)
        local = LocalProvider(LocalHost(root, chosen, storage), chosen)
        await local.open()
        stack.push_async_callback(local.close)
        asked: Sequence[AuthProvider] = providers if providers is not None else [*before, local]
        if single_user:
            asked = [NoneProvider()]
        ring = KeyRing.open(root / "secrets", clock=clock, log=log.logger)
        session_service = SessionService(storage, ring, clock, sessions or SessionsConfig())
        users = UserService(storage, clock, accounts=local.accounts, provider="local", owned=(), log=log.logger)
        code = SetupCode()
        service = LoginService(
            asked,
            users,
            session_service,
            Throttle(storage, clock, throttle),
            clock,
            log.logger,
            storage=storage,
            setup_code=code,
            **logins,
        )

        async def resolve(identity: Identity) -> Actor:
            user = await users.resolve(identity, auto_create=True)
            actor = await storage.read(callers.by_user, user.id, identity.provider)
            assert actor is not None
            return actor

        credentials = None if single_user else Credentials(storage, session_service, clock)
        client = await stack.enter_async_context(
            run_app(
                ROUTES,
                storage=storage,
                services={LOGIN: service},
                config=web or WebSettings(single_user=single_user, version="0.0-test"),
                clock=clock,
                log=log.logger,
                authenticator=Authenticator(
                    asked,
                    log=log.logger,
                    credentials=credentials,
                    resolve=only_system if single_user else resolve,
                ),
            )
        )
        yield LoginHost(client, storage, clock, users, session_service, local, code, log)
