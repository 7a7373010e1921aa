"""Login with a name and a password that are kept in this database.

Unknown names cost the same work as wrong passwords, by the same path. A hash that is out of date is replaced after the
login, in the background: nobody waits for it, and nothing that goes wrong with it is the login's failure.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from invoke_auth_local import hashing, store
from invoke_auth_local.accounts import LocalAccounts
from invoke_auth_local.options import LocalOptions
from invoke_auth_local.policy import flaw
from invoke_auth_local.pool import RETRY_AFTER_S, WorkPool
from invoke_host.api import (
    Authenticated,
    AuthOutcome,
    AuthProvider,
    HostView,
    Identity,
    LoginContext,
    Rejected,
    Secret,
    ServiceUnavailable,
    StorageError,
    Unavailable,
    fold_login,
)

_BAD = Rejected("bad_credentials")

#: Longer than any address; folding a longer one would hold up the event loop.
_LONGEST_NAME = 1024


class LocalProvider(AuthProvider):
    """The provider `local`."""

    name: ClassVar[str] = "local"

    def __init__(self, host: HostView, options: LocalOptions) -> None:
        self._host = host
        self._cost = options.bcrypt_cost
        self._hashes = WorkPool("local-hash", threads=options.threads, queue=options.hash_queue, niceness=10)
        self._judgements = WorkPool("local-judge", threads=1, queue=options.hash_queue)
        self._accounts = LocalAccounts(host, options, hashes=self._hashes, judgements=self._judgements)
        self._renewals: dict[str, asyncio.Task[None]] = {}

    @property
    def accounts(self) -> LocalAccounts:
        """The accounts of this host."""
        return self._accounts

    async def open(self) -> None:
        """Take logins from now on."""
        self._hashes.open()
        self._judgements.open()

    async def close(self) -> None:
        """Refuse the logins that wait, finish those that run, and end the threads."""
        renewals = list(self._renewals.values())
        for renewal in renewals:
            renewal.cancel()  # the next login tries again
        await asyncio.gather(*renewals, return_exceptions=True)
        await self._hashes.close()
        await self._judgements.close()

    async def from_password(self, name: str, password: Secret, context: LoginContext) -> AuthOutcome | None:
        """None for unknown names. Unavailable when too many log in at once, or none of the time that is left."""
        text = password.reveal()
        if flaw(text):
            return _BAD
        try:
            async with asyncio.timeout(context.deadline_s):
                account: store.Account | None = await self._host.read(store.by_login, _searchable(name))
                stored = account.password_hash if account else None
                good = await self._hashes.run(hashing.matches, text, stored, self._cost)
        except (ServiceUnavailable, TimeoutError):
            return Unavailable("busy", retry_after_s=RETRY_AFTER_S)
        except StorageError:
            return Unavailable("storage", retry_after_s=RETRY_AFTER_S)
        if account is None:
            return None
        if not good:
            return _BAD
        if hashing.outdated(account.password_hash, self._cost):
            self._renew(account, text)
        return Authenticated(_identity(account))

    async def refresh(self, identity: Identity) -> AuthOutcome:
        """Good as long as the account is there; whether its user may log in is for the host to know."""
        if identity.provider != self.name:
            return Rejected("foreign")
        try:
            account: store.Account | None = await self._host.read(store.by_subject, identity.subject)
        except StorageError:
            return Unavailable("storage", retry_after_s=RETRY_AFTER_S)
        return Authenticated(_identity(account)) if account else Rejected("gone")

    def _renew(self, account: store.Account, password: str) -> None:
        if account.subject in self._renewals:  # two logins at once
            return
        renewal = asyncio.create_task(self._store_new_hash(account, password), name="local: new hash")
        self._renewals[account.subject] = renewal
        renewal.add_done_callback(lambda _: self._renewals.pop(account.subject))

    async def _store_new_hash(self, account: store.Account, password: str) -> None:
        try:
            renewed = await self._hashes.run(hashing.make, password, self._cost)
            await self._host.write(store.replace_hash, account.subject, account.password_hash, renewed)
        except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
            self._host.log.warning("password hash not renewed", subject=account.subject, error=type(error).__name__)


def _identity(account: store.Account) -> Identity:
    return Identity(LocalProvider.name, account.subject, login=account.login, email=account.login)


def _searchable(name: str) -> str:
    """The name as it is stored; for what no database takes as text, the empty name, which nobody has."""
    surrogates = any("\ud800" <= character <= "\udfff" for character in name[:_LONGEST_NAME])
    return "" if len(name) > _LONGEST_NAME or "\0" in name or surrogates else fold_login(name)
