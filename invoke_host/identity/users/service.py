"""What can be done with users, each as one call: make, read, change, delete, hand over, link, and who an identity is.

Each change is one transaction with everything that follows from it: the password, sessions and tokens that end, work
that stops, content that changes hands, and the line in the audit log. Passwords are judged and hashed before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from invoke_host.api import BadRequest, FieldProblem, Identity, PasswordAccounts, StorageConflict
from invoke_host.audit.record import HOST, Origin
from invoke_host.clock import Clock, timestamp
from invoke_host.identity.users import checks, linking, news, store
from invoke_host.identity.users.changes import SETUP_DONE, Also, Changes
from invoke_host.identity.users.leaving import Leaving
from invoke_host.identity.users.linking import Linking, Refusal, Settled
from invoke_host.identity.users.model import User
from invoke_host.identity.users.paging import Place
from invoke_host.identity.users.passwords import Passwords
from invoke_host.identity.users.seldom import Seldom
from invoke_host.identity.users.store import UserPage
from invoke_host.identity.users.values import (
    Content,
    Linked,
    NewUser,
    NotLinked,
    UserChange,
    UserDisabled,
    no_passwords_here,
    still_taken,
    unknown_user,
)
from invoke_host.ownership import Owned, Share
from invoke_host.storage import Storage


class UserService:
    """Users of this host. `accounts` keeps the passwords, under the provider's name `provider`; None: nobody does."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        *,
        accounts: PasswordAccounts | None,
        provider: str | None,
        owned: Sequence[Owned],
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self.storage = storage
        self.accounts = accounts
        self.provider = provider
        self.clock = clock
        self._log: FilteringBoundLogger = log or structlog.get_logger("invoke_host.identity")
        passwords = None if accounts is None or provider is None else Passwords(provider, accounts)
        self._changes = Changes(passwords, owned)
        self._leaving = Leaving(passwords, owned)
        self._linking = Linking(passwords)
        self._seldom = Seldom(clock)

    # Reading -------------------------------------------------------------------------------------------------------

    async def get(self, user_id: str) -> User:
        """One user, `system` included. Raises NotFound."""
        user = await self.storage.read(store.by_id, user_id)
        if user is None:
            raise unknown_user(user_id)
        return user

    async def find(self, email: str) -> User | None:
        """The user of that address, which must be folded (`api.fold_login`)."""
        return await self.storage.read(store.by_email, email)

    async def page(
        self, search: str = "", limit: int = 100, after: Place | None = None, *, with_system: bool = False
    ) -> UserPage:
        """Users whose address or display name contains `search`, newest first; `system` only if asked for."""
        return await self.storage.read(store.page, search, limit, after, with_system=with_system)

    async def shares(self, user_id: str) -> list[Share]:
        """How much a user owns of each kind. Raises NotFound."""
        return await self.storage.read(self._leaving.shares, user_id)

    async def setup_required(self) -> bool:
        """Whether the first administrator is still to be made, and can be made here."""
        return self.accounts is not None and not await self.storage.read(store.any_active_admin)

    # Changing ------------------------------------------------------------------------------------------------------

    async def create(self, new: NewUser, origin: Origin) -> User:
        """Make an account with a password.

        Raises:
            InvalidInput: no e-mail address, or no display name.
            BadRequest: the address is taken, or the password too weak.
            Conflict: no login provider of this host keeps passwords.
            ServiceUnavailable: too many passwords are being hashed.
        """
        return await self._make(new, origin, setup=False)

    async def setup(self, new: NewUser, origin: Origin) -> User:
        """Make the first administrator; the one-time code was checked by the caller. Raises as `create`."""
        if await self.storage.read(store.any_active_admin):
            raise BadRequest(SETUP_DONE)
        return await self._make(new, origin, setup=True)

    async def change(self, user_id: str, change: UserChange, origin: Origin, *, also: Also | None = None) -> User:
        """Change a user. A new password ends all sessions; deactivation ends tokens and work, too.

        `also(conn, user)` runs last in the transaction: whoever changed their own password gets a new session there.
        Raises NotFound, and as `create`.
        """
        user = await self.get(user_id)
        if change.password is not None and not user.is_system and self.accounts is None:
            raise no_passwords_here()
        change = await checks.checked_change(change, None if user.is_system else self.accounts, user, self.find)
        hashed = None
        if change.password is not None and self.accounts is not None and not user.is_system:
            hashed = await self.accounts.hash(change.password)
        try:
            return await self.storage.write(
                self._changes.change, user_id, change, hashed, origin, also, now=self._now()
            )
        except StorageConflict as error:
            raise still_taken(self.provider, change.email if isinstance(change.email, str) else user.email) from error

    async def delete(self, user_id: str, content: Content, origin: Origin) -> list[Share]:
        """Remove a user with sessions, tokens, identities and memberships; returns what became of their content.

        Raises NotFound (the heir, too), BadRequest for the last administrator and `system`, and Conflict when a login
        provider that is not configured keeps the password.
        """
        return await self.storage.write(self._leaving.delete, user_id, content, origin, now=self._now())

    async def transfer(
        self, source_id: str, target_id: str, parts: frozenset[str] | None, origin: Origin
    ) -> list[Share]:
        """Hand over everything that `source` owns, or the kinds in `parts`; returns how much of each.

        Raises NotFound, InvalidInput for unknown parts, BadRequest when both are the same.
        """
        return await self.storage.write(self._leaving.transfer, source_id, target_id, parts, origin, now=self._now())

    async def problems(self, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
        """What `create` and `change` would refuse in a request that is refused for other fields already."""
        return await checks.problems_of(values, self.accounts)

    # Identities ----------------------------------------------------------------------------------------------------

    async def identities(self, user_id: str) -> list[Linked]:
        """Who the user is at login providers. Raises NotFound."""
        return await self.storage.read(self._linking.of_user, user_id)

    async def link(self, user_id: str, provider: str, subject: str, login: str, origin: Origin) -> None:
        """Let an identity be that user. Raises NotFound, BadRequest, and Conflict if it is somebody else."""
        await self.storage.write(self._linking.link, user_id, provider, subject, login, origin, now=self._now())

    async def unlink(self, user_id: str, provider: str, subject: str, origin: Origin) -> None:
        """Let an identity be nobody; all sessions of the user end. Raises NotFound."""
        await self.storage.write(self._linking.unlink, user_id, provider, subject, origin, now=self._now())

    async def resolve(self, identity: Identity, *, auto_create: bool, origin: Origin = HOST) -> User:
        """The active user behind an identity that a provider vouches for: one quick read unless something is new.

        Raises:
            NotLinked: nobody here; an administrator finds it in the audit log, to link it.
            UserDisabled: they were deactivated.
        """
        seen = None if linking.refusal(identity) else await self.storage.read(news.look, identity)
        if seen is not None:
            if seen.user.is_system:
                raise await self._refused(identity, "system", origin)
            if not seen.user.is_active:
                raise UserDisabled(seen.user.id)
            if seen.email_taken:
                await self._note_kept_address(identity, seen.user, origin)
            if not seen.news and not seen.role:
                return seen.user
            if not seen.news and await self.storage.read(linking.is_last_admin, seen.user):
                await self._note_kept(identity, seen.user, origin)
                return seen.user
        settled = linking.refusal(identity) or await self._settle(identity, origin, auto_create=auto_create)
        if not isinstance(settled, Settled):
            raise await self._refused(identity, settled, origin)
        if not settled.user.is_active:
            raise UserDisabled(settled.user.id)
        if settled.kept_admin:
            await self._note_kept(identity, settled.user, origin)
        return settled.user

    async def _make(self, new: NewUser, origin: Origin, *, setup: bool) -> User:
        if self.accounts is None:
            raise no_passwords_here()
        checked = await checks.checked_new(new, self.accounts, self.find)
        hashed = await self.accounts.hash(checked.password)
        unit = self._changes.set_up if setup else self._changes.create
        try:
            return await self.storage.write(unit, checked, hashed, origin, now=self._now())
        except StorageConflict as error:
            raise still_taken(self.provider, checked.email) from error

    async def _settle(self, identity: Identity, origin: Origin, *, auto_create: bool) -> Settled | Refusal:
        unit = self._linking.settle
        try:
            return await self.storage.write(unit, identity, origin, auto_create=auto_create, now=self._now())
        except StorageConflict:  # an administrator made or removed the same group at the same time
            return await self.storage.write(unit, identity, origin, auto_create=auto_create, now=self._now())

    async def _refused(self, identity: Identity, reason: Refusal, origin: Origin) -> NotLinked:
        if self._seldom.now((identity.provider, identity.subject[:255], reason)):
            await self.storage.write(self._linking.refused, identity, reason, origin, now=self._now())
        return NotLinked(reason)

    async def _note_kept_address(self, identity: Identity, user: User, origin: Origin) -> None:
        if self._seldom.now((identity.provider, identity.subject, "email_taken")):
            await self.storage.write(self._linking.kept_address, identity, user, origin, now=self._now())

    async def _note_kept(self, identity: Identity, user: User, origin: Origin) -> None:
        if self._seldom.now((identity.provider, identity.subject, "last_admin")):
            self._log.warning("last_admin_kept", provider=identity.provider, user_id=user.id)
            await self.storage.write(self._linking.kept_admin, identity, user, origin, now=self._now())

    def _now(self) -> str:
        return timestamp(self.clock.now())
