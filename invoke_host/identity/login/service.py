"""What the routes about logging in need, as one service: login, first administrator, own account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from invoke_host.api import AuthProvider, BackgroundTask
from invoke_host.audit.record import Origin, Target, append
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.login.generate import accepted_password
from invoke_host.identity.login.own import OwnAccount
from invoke_host.identity.login.password import Attempt, LoggedIn, PasswordLogin
from invoke_host.identity.login.setup import FirstAdmin
from invoke_host.identity.login.setup_code import SetupCode
from invoke_host.identity.login.throttle import Throttle
from invoke_host.identity.outages import Outages
from invoke_host.identity.sessions import store as sessions_store
from invoke_host.identity.sessions.service import SessionService
from invoke_host.identity.users.service import UserService
from invoke_host.storage import Storage


class LoginService:
    """`providers` are asked in this order; `setup_code` is what the log shows while there is no administrator."""

    def __init__(
        self,
        providers: Sequence[AuthProvider],
        users: UserService,
        sessions: SessionService,
        throttle: Throttle,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        storage: Storage,
        on_unavailable: Literal["stop", "next"] = "stop",
        timeout_s: float = 10.0,
        auto_create: bool = True,
        setup_code: SetupCode | None = None,
        outages: Outages | None = None,
    ) -> None:
        self.users = users
        self.sessions = sessions
        #: False where every request is the local administrator's and nobody logs in.
        self.multi_user = [provider.name for provider in providers] != ["none"]
        self.first_admin = FirstAdmin(users, throttle, setup_code, clock, log, storage=storage)
        self.own = OwnAccount(users, sessions, throttle, clock, log, storage=storage)
        self._throttle = throttle
        self._clock = clock
        self._storage = storage
        self._password = PasswordLogin(
            providers,
            users,
            sessions,
            throttle,
            clock,
            log,
            storage=storage,
            on_unavailable=on_unavailable,
            timeout_s=timeout_s,
            auto_create=auto_create,
            outages=outages,
        )

    @property
    def strict(self) -> bool:
        """Whether new passwords need upper case, lower case and a digit."""
        return self.users.accounts is not None and self.users.accounts.strict

    async def login(self, attempt: Attempt) -> LoggedIn:
        """As `PasswordLogin.login`."""
        return await self._password.login(attempt)

    async def logout(self, user_id: str, session_id: str, origin: Origin) -> None:
        """End this session of the user; one that has ended is none."""
        await self._storage.write(_end, user_id, session_id, origin, timestamp(self._clock.now()))

    async def setup_required(self) -> bool:
        """Whether somebody has to become the first administrator."""
        return self.multi_user and await self.users.setup_required()

    async def generate_password(self, about: Sequence[str] = ()) -> str:
        """A password that this host takes for somebody whom `about` describes."""
        return await accepted_password(self.users.accounts, about=about)

    def prune_task(self) -> BackgroundTask:
        """Forgets failed logins that are forgiven."""
        return self._throttle.prune_task()


def _end(conn: Connection, user_id: str, session_id: str, origin: Origin, now: str) -> None:
    if sessions_store.end(conn, session_id, user_id):
        append(conn, origin, "logout", Target("session", session_id), now=now)
