"""What people change about themselves: the name that is shown, and the password."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from invoke_host.api import (
    BadRequest,
    NotAuthenticated,
    PasswordAccounts,
    Secret,
    ServiceUnavailable,
    TooManyRequests,
)
from invoke_host.audit.record import Origin
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.credentials import CHALLENGE
from invoke_host.identity.login.failures import Failure
from invoke_host.identity.login.limits import usable_password
from invoke_host.identity.login.throttle import Throttle, keys_of
from invoke_host.identity.sessions import store as sessions_store
from invoke_host.identity.sessions.service import IssuedToken, SessionService
from invoke_host.identity.sessions.store import Session
from invoke_host.identity.users import identities
from invoke_host.identity.users import store as users_store
from invoke_host.identity.users.model import User
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import UserChange
from invoke_host.storage import Storage

INCORRECT = "Current password is incorrect"
MISSING = "Current password is required to set a new password"


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who is logged in, by which session and from where."""

    user_id: str
    session_id: str
    origin: Origin
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class _Facts:
    """`subject`: the account at the provider that keeps passwords here, None if they have none there."""

    user: User
    session: Session
    subject: str | None


class OwnAccount:
    """Changes that a user makes to their own account."""

    def __init__(
        self,
        users: UserService,
        sessions: SessionService,
        throttle: Throttle,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        storage: Storage,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._throttle = throttle
        self._clock = clock
        self._log = log
        self._storage = storage

    async def rename(self, owner_id: str, change: UserChange, origin: Origin) -> User:
        """Change the name that is shown; the user as they are now."""
        return await self._users.change(owner_id, change, origin)

    async def change_password(
        self, owner: Owner, change: UserChange, current: Secret | None, new: Secret
    ) -> tuple[User, IssuedToken]:
        """Set a new password along with the rest of `change`; the user as they are now, and a token for a new session.

        All sessions end, the owner's too: whoever copied its token has nothing any more.

        Raises:
            BadRequest: the current password is missing or wrong, the new one too weak, or kept elsewhere.
            TooManyRequests: too many wrong ones before; it was not looked at.
            NotAuthenticated: all sessions ended while the password was checked.
        """
        facts = await self._storage.read(self._facts, owner)
        if facts.subject is None or self._users.accounts is None:
            raise BadRequest(f"Your password is kept by {facts.session.provider!r}; change it there")
        if current is None:
            raise BadRequest(MISSING)
        if not await self._verify(owner, facts, self._users.accounts, facts.subject, current):
            raise BadRequest(INCORRECT)
        begun: list[Session] = []

        def begin_anew(conn: Connection, changed: User) -> None:
            if changed.auth_epoch != facts.user.auth_epoch + 1:
                # What ended all sessions while the password was checked ends this change, too.
                raise NotAuthenticated("the account has changed meanwhile", headers=CHALLENGE)
            begun.append(self._begin(conn, owner, facts.session, changed.auth_epoch))

        changed = await self._users.change(owner.user_id, replace(change, password=new), owner.origin, also=begin_anew)
        return changed, self._sessions.issue(begun[-1])

    def _facts(self, conn: Connection, owner: Owner) -> _Facts:
        user = users_store.by_id(conn, owner.user_id)
        session = sessions_store.find(conn, owner.session_id)
        if user is None or session is None:
            raise NotAuthenticated("Invalid or expired token", headers=CHALLENGE)
        provider = self._users.provider
        mine = [] if provider is None else identities.subjects(conn, provider, user.id)
        return _Facts(user, session, mine[0] if mine else None)

    async def _verify(
        self, owner: Owner, facts: _Facts, accounts: PasswordAccounts, subject: str, current: Secret
    ) -> bool:
        """Guessing is slowed down per session: a stolen one guesses no faster, and the owner's own is never blocked."""
        keys = keys_of(facts.user.email, None, owner.session_id)
        failure = Failure(
            facts.user.email, "bad_credentials", owner.origin.address, facts.user.id, self._users.provider
        )
        try:
            await self._throttle.check(keys)
            ticket = await self._storage.write(self._throttle.charge, keys)
        except TooManyRequests:
            replace(failure, reason="throttled").log(self._log)
            raise
        try:
            good = usable_password(current.reveal()) and await accounts.verify(subject, current)
        except ServiceUnavailable:
            await self._storage.write(self._throttle.refund, ticket)
            raise
        if good:
            await self._storage.write(self._throttle.succeeded, ticket)
            return True
        failure.log(self._log)
        await self._storage.write(failure.record, timestamp(self._clock.now()), "user.password", owner.origin)
        return False

    def _begin(self, conn: Connection, owner: Owner, old: Session, epoch: int) -> Session:
        return self._sessions.begin(
            conn,
            owner.user_id,
            old.provider,
            old.subject,
            remember=old.remember,
            address=owner.origin.address or "",
            user_agent=owner.user_agent,
            epoch=epoch,
            now=self._clock.now(),
        )
