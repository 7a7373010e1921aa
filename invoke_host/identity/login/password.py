"""Logins with a password: from what was typed to a session.

Whatever is wrong (no such account, wrong password, deactivated, unknown to this host), the answer is the same, and the
way to it has the same steps: one transaction before the provider is asked, one after.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from invoke_host.api import (
    Authenticated,
    AuthProvider,
    Identity,
    NotAuthenticated,
    Secret,
    ServiceUnavailable,
    TooManyRequests,
    Unavailable,
    fold_login,
)
from invoke_host.audit.record import Origin, Target, append
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.login.chain import PasswordChain
from invoke_host.identity.login.devices import Devices
from invoke_host.identity.login.failures import Failure, Reason
from invoke_host.identity.login.limits import usable_name, usable_password
from invoke_host.identity.login.throttle import Throttle, Ticket, address_key, keys_of
from invoke_host.identity.outages import Outages
from invoke_host.identity.sessions.service import IssuedToken, SessionService
from invoke_host.identity.sessions.store import Session
from invoke_host.identity.users import store as users_store
from invoke_host.identity.users.model import User
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import NotLinked, UserDisabled
from invoke_host.storage import Storage

#: Logins that are worked on at one time, but for the wait for providers: a hundred that come at once, or that a silent
#: directory lets go at once, would else all stand before everybody else's next request.
AT_ONCE = 2

#: What everybody is told whose login fails.
REFUSED = "Incorrect email or password"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a client sent, and from where. `device` is the text of its device cookie."""

    name: str
    password: Secret
    remember: bool = False
    address: str | None = None
    user_agent: str = ""
    device: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that worked: the session's token, and one by which this device is known from now on."""

    user: User
    issued: IssuedToken
    device: str


@dataclass(frozen=True, slots=True)
class _Begun:
    """A try that is paid for. `account`: the user whose e-mail address is the name, as it was before the check."""

    attempt: Attempt
    ticket: Ticket
    account: User | None

    def failure(self, reason: Reason, provider: str | None = None) -> Failure:
        """This try, failed."""
        account_id = None if self.account is None else self.account.id
        return Failure(self.attempt.name, reason, self.attempt.address, account_id, provider)

    def epoch(self, user: User) -> int:
        """The user's epoch before the password was checked: a change since then must end this login as well."""
        return self.account.auth_epoch if self.account is not None and self.account.id == user.id else user.auth_epoch


class PasswordLogin:
    """Logins with a password, against all providers of this host in their order."""

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
        on_unavailable: Literal["stop", "next"],
        timeout_s: float,
        auto_create: bool,
        outages: Outages | None = None,
    ) -> None:
        self._chain = PasswordChain(
            providers, log=log, on_unavailable=on_unavailable, timeout_s=timeout_s, outages=outages
        )
        self._users = users
        self._sessions = sessions
        self._throttle = throttle
        self._clock = clock
        self._log = log
        self._storage = storage
        self._devices = Devices(sessions.ring, clock)
        self._auto_create = auto_create
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def login(self, attempt: Attempt) -> LoggedIn:
        """Begin a session.

        Raises:
            NotAuthenticated: no, for a reason that only the log knows.
            TooManyRequests: too many failures before this one; the password was not looked at.
            ServiceUnavailable: no provider that could know says yes or no.
        """
        async with self._gate:
            if not (usable_name(attempt.name) and usable_password(attempt.password.reveal())):
                raise await self._unusable(attempt)
            begun = await self._begin(attempt)
        outcome = await self._chain.ask(attempt.name, attempt.password, attempt.address)
        async with self._gate:
            if isinstance(outcome, Unavailable):
                raise await self._unavailable(begun, outcome)
            if not isinstance(outcome, Authenticated):
                raise await self._refused(begun.failure("bad_credentials"))
            return await self._admit(begun, outcome.identity)

    async def _begin(self, attempt: Attempt) -> _Begun:
        before = await self._storage.read(users_store.by_email, fold_login(attempt.name))
        device = self._devices.known(attempt.device, attempt.name, None if before is None else before.auth_epoch)
        keys = keys_of(attempt.name, attempt.address, device)

        def charge(conn: Connection) -> _Begun:
            account = users_store.by_email(conn, fold_login(attempt.name))
            return _Begun(attempt, self._throttle.charge(conn, keys), account)

        with self._logged_when_throttled(attempt):
            await self._throttle.check(keys)
            return await self._storage.write(charge)

    @contextmanager
    def _logged_when_throttled(self, attempt: Attempt) -> Iterator[None]:
        try:
            yield
        except TooManyRequests:
            Failure(attempt.name, "throttled", attempt.address).log(self._log)
            raise

    async def _admit(self, begun: _Begun, identity: Identity) -> LoggedIn:
        """Find out who that is here, and begin the session."""
        try:
            origin = Origin(None, "", "api", begun.attempt.address)
            user = await self._users.resolve(identity, auto_create=self._auto_create, origin=origin)
            user, session = await self._storage.write(self._open, begun, identity, user)
        except NotAuthenticated as error:
            failure = begun.failure(_reason(error), identity.provider)
            if isinstance(error, UserDisabled):
                failure = replace(failure, account_id=error.user_id)
            raise await self._refused(failure) from error
        account = begun.account
        device = self._devices.issue(begun.attempt.name, None if account is None else account.auth_epoch)
        return LoggedIn(user, self._sessions.issue(session), device)

    def _open(self, conn: Connection, begun: _Begun, identity: Identity, user: User) -> tuple[User, Session]:
        """Everything that a good login writes, in one transaction."""
        attempt, moment = begun.attempt, self._clock.now()
        now = timestamp(moment)
        session = self._sessions.begin(
            conn,
            user.id,
            identity.provider,
            identity.subject,
            remember=attempt.remember,
            address=attempt.address or "",
            user_agent=attempt.user_agent,
            epoch=begun.epoch(user),
            now=moment,
        )
        users_store.logged_in(conn, user.id, identity.provider, identity.subject, now)
        self._throttle.succeeded(conn, begun.ticket)
        origin = Origin(user.id, user.name, "api", attempt.address)
        details = {"provider": identity.provider, "session_id": session.id, "remember": attempt.remember}
        append(conn, origin, "login", Target("account", user.id, user.email), details=details, now=now)
        return replace(user, last_login_at=now), session

    async def _unusable(self, attempt: Attempt) -> NotAuthenticated:
        """No provider is asked, and no account pays for what can't be its password."""
        keys = [address_key(attempt.address)]
        with self._logged_when_throttled(attempt):
            await self._throttle.check(keys)
            await self._storage.write(self._throttle.charge, keys)
        return await self._refused(Failure(attempt.name, "bad_credentials", attempt.address))

    async def _refused(self, failure: Failure) -> NotAuthenticated:
        await self._note(failure)
        return NotAuthenticated(REFUSED, headers={"WWW-Authenticate": "Bearer"})

    async def _unavailable(self, begun: _Begun, outcome: Unavailable) -> ServiceUnavailable:
        """Nobody said no, so it costs nothing."""
        await self._note(begun.failure("unavailable"), refund=begun.ticket)
        retry_after_s = math.ceil(min(outcome.retry_after_s or 5, 3600))
        return ServiceUnavailable("Logins can't be checked at the moment, try again later", retry_after_s=retry_after_s)

    async def _note(self, failure: Failure, *, refund: Ticket | None = None) -> None:
        def note(conn: Connection) -> None:
            if refund is not None:
                self._throttle.refund(conn, refund)
            failure.record(conn, timestamp(self._clock.now()))

        failure.log(self._log)
        await self._storage.write(note)


def _reason(error: NotAuthenticated) -> Reason:
    if isinstance(error, UserDisabled):
        return "disabled"
    return "not_linked" if isinstance(error, NotLinked) else "refused"
