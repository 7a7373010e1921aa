"""The first administrator, made by whoever can read the server's log."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from invoke_host.api import BadRequest, Forbidden, TooManyRequests
from invoke_host.audit.record import Origin, append
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.login.setup_code import SetupCode
from invoke_host.identity.login.throttle import Throttle, address_key
from invoke_host.identity.users.changes import SETUP_DONE
from invoke_host.identity.users.model import User
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import NewUser, no_passwords_here
from invoke_host.masking import one_line
from invoke_host.storage import Storage

#: What a wrong code is answered.
WRONG_CODE = "wrong setup code; it is printed in the server's log at start"


class FirstAdmin:
    """Works once, and only while there is no administrator. `code` None: none was printed, so nobody can know it."""

    def __init__(
        self,
        users: UserService,
        throttle: Throttle,
        code: SetupCode | None,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        storage: Storage,
    ) -> None:
        self._users = users
        self._throttle = throttle
        self._code = code
        self._clock = clock
        self._log = log
        self._storage = storage

    async def make(self, new: NewUser, code: str, address: str | None) -> User:
        """The administrator, made.

        Raises:
            BadRequest: there is one, or the password is too weak.
            Conflict: no login provider of this host keeps passwords.
            Forbidden: that is not the code.
            TooManyRequests: this address has tried too many codes or passwords.
        """
        if self._users.accounts is None:
            raise no_passwords_here()
        if not await self._users.setup_required():
            raise BadRequest(SETUP_DONE)
        origin = Origin(None, "", "api", address)
        key = [address_key(address)]
        try:
            await self._throttle.check(key)
            ticket = await self._storage.write(self._throttle.charge, key)
        except TooManyRequests:
            self._note("throttled", address)
            raise
        if self._code is None or not self._code.check(code):
            self._note("bad_setup_code", address)
            now = timestamp(self._clock.now())
            await self._storage.write(append, origin, "setup", outcome="refused", now=now)
            raise Forbidden(WRONG_CODE)
        await self._storage.write(self._throttle.refund, ticket)
        user = await self._users.setup(new, origin)
        self._code.spend()
        return user

    def _note(self, reason: str, address: str | None) -> None:
        self._log.warning("setup_failure", ip=one_line(address or "unknown")[:64], reason=reason)
