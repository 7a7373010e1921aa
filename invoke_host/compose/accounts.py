"""Users, sessions, tokens, groups, logins and the audit log of one host, wired together.

In single-user mode the same services exist, so that the administrator sees the accounts of a host that had a login
before; but nobody is recognised by a session or token there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from invoke_host.api import Actor, AuthProvider, BackgroundTask, Identity, NotAuthenticated, Route
from invoke_host.audit.routes import AUDIT
from invoke_host.audit.routes import ROUTES as AUDIT_ROUTES
from invoke_host.audit.service import AuditLog
from invoke_host.clock import Clock
from invoke_host.config import LoadedConfig
from invoke_host.identity import callers
from invoke_host.identity.credentials import CHALLENGE, Credentials
from invoke_host.identity.groups.routes import GROUPS
from invoke_host.identity.groups.routes import ROUTES as GROUP_ROUTES
from invoke_host.identity.groups.service import GroupService
from invoke_host.identity.login.service import LoginService
from invoke_host.identity.login.setup_code import SetupCode
from invoke_host.identity.login.throttle import Throttle
from invoke_host.identity.outages import Outages
from invoke_host.identity.recheck.service import Recheck
from invoke_host.identity.routes import LOGIN
from invoke_host.identity.routes import ROUTES as LOGIN_ROUTES
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.routes import ROUTES as SESSION_ROUTES
from invoke_host.identity.sessions.routes import SESSIONS
from invoke_host.identity.sessions.service import SessionService
from invoke_host.identity.tokens.routes import ROUTES as TOKEN_ROUTES
from invoke_host.identity.tokens.routes import TOKENS
from invoke_host.identity.tokens.service import TokenService
from invoke_host.identity.users import store as users_store
from invoke_host.identity.users.routes import ROUTES as USER_ROUTES
from invoke_host.identity.users.routes import USERS
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import NotLinked, UserDisabled
from invoke_host.owned import OWNED
from invoke_host.queue.store.active import HAS_WORK
from invoke_host.root import HostRoot
from invoke_host.storage import Storage
from invoke_host.web import web

ROUTES: tuple[Route, ...] = (
    *LOGIN_ROUTES,
    *SESSION_ROUTES,
    *TOKEN_ROUTES,
    *USER_ROUTES,
    *GROUP_ROUTES,
    *AUDIT_ROUTES,
)


@dataclass(frozen=True, slots=True)
class SetupAdvice:
    """What the operator is told while there is no administrator: the code, or why there is none."""

    code: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """What `make_accounts` made."""

    single_user: bool
    auto_create: bool
    storage: Storage
    clock: Clock
    sessions: SessionService
    credentials: Credentials
    users: UserService
    logins: LoginService
    setup_code: SetupCode
    recheck: Recheck

    async def resolve(self, identity: Identity) -> Actor:
        """Who somebody is here whom a login provider recognised on the request itself, such as a proxy's header.

        Raises NotAuthenticated: nobody here, or deactivated.
        """
        try:
            user = await self.users.resolve(identity, auto_create=self.auto_create)
        except (NotLinked, UserDisabled) as error:
            raise NotAuthenticated("the credential is not accepted", headers=CHALLENGE) from error
        actor = await self.storage.read(callers.by_user, user.id, identity.provider)
        if actor is None:  # deactivated between the two reads
            raise NotAuthenticated("the credential is not accepted", headers=CHALLENGE)
        return actor

    def tasks(self) -> list[BackgroundTask]:
        """What is to be repeated while the host runs."""
        own = [self.credentials.flush_task(), self.sessions.prune_task(), self.logins.prune_task()]
        return own if self.single_user else [*own, self.recheck.task()]

    async def stop(self) -> None:
        """Write down what is only in memory; the storage is still open."""
        await self.credentials.stop()

    async def setup_advice(self, root: str) -> SetupAdvice:
        """How the first administrator is made, while there is none; afterwards no code passes any more."""
        if self.single_user or await self.storage.read(users_store.any_active_admin):
            self.setup_code.spend()
            return SetupAdvice()
        if self.users.accounts is not None:
            return SetupAdvice(self.setup_code.text)
        self.setup_code.spend()
        nobody = (
            "there is no administrator, and no login provider here keeps passwords; when somebody has logged in, "
            f"make them administrator: invoke-host --root {root} users mod --email EMAIL --admin"
        )
        return SetupAdvice(warnings=(nobody,))

    def serve(self, app: web.Application) -> None:
        """Put the services into the web application, for the routes."""
        app[LOGIN] = self.logins
        app[USERS] = self.users
        app[SESSIONS] = self.sessions
        app[TOKENS] = TokenService(self.storage, self.clock)
        app[GROUPS] = GroupService(self.storage, self.clock)
        app[AUDIT] = AuditLog(self.storage)


def make_accounts(
    loaded: LoadedConfig,
    log: FilteringBoundLogger,
    clock: Clock,
    storage: Storage,
    providers: Sequence[AuthProvider],
) -> Accounts:
    """Raises StartupError when the keys of sessions can't be used."""
    auth = loaded.config.auth
    ring = KeyRing.open(HostRoot(loaded.root).secrets, clock=clock, log=log)
    sessions = SessionService(storage, ring, clock, auth.sessions)
    keeper = next((provider for provider in providers if provider.accounts is not None), None)
    users = UserService(
        storage,
        clock,
        accounts=None if keeper is None else keeper.accounts,
        provider=None if keeper is None else keeper.name,
        owned=OWNED,
        log=log,
    )
    setup_code, outages = SetupCode(), Outages(clock, log)
    logins = LoginService(
        providers,
        users,
        sessions,
        Throttle(storage, clock, auth.throttle),
        clock,
        log,
        storage=storage,
        on_unavailable=auth.on_unavailable,
        timeout_s=auth.login_timeout_s,
        auto_create=auth.auto_create,
        setup_code=setup_code,
        outages=outages,
    )
    recheck = Recheck(
        storage, users, providers, clock, log, config=auth, owned=OWNED, outages=outages, working=HAS_WORK
    )
    return Accounts(
        single_user=loaded.config.single_user,
        auto_create=auth.auto_create,
        storage=storage,
        clock=clock,
        sessions=sessions,
        credentials=Credentials(storage, sessions, clock, providers={provider.name for provider in providers}),
        users=users,
        logins=logins,
        setup_code=setup_code,
        recheck=recheck,
    )
