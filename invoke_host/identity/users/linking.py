"""Who an identity of a login provider is here: units of work that find, make, link and unlink.

An identity is never joined to a user because names or addresses are equal: whoever may choose those at the provider
could choose somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, select

from invoke_host import ids
from invoke_host.api import BadRequest, Conflict, Identity, NotFound
from invoke_host.audit.record import Origin, Target, append
from invoke_host.identity.emails import valid_email
from invoke_host.identity.groups import told
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.tables import users
from invoke_host.identity.users import identities, rules, store
from invoke_host.identity.users.changes import target
from invoke_host.identity.users.model import User
from invoke_host.identity.users.news import login_of, new_address
from invoke_host.identity.users.passwords import Passwords
from invoke_host.identity.users.values import Linked, cleaned_name, system_refuses, unknown_user

#: Why a provider's word is not enough; stable words for the audit log.
Refusal: TypeAlias = Literal["invalid_subject", "unknown_account", "not_linked", "email_taken", "system"]


@dataclass(frozen=True, slots=True)
class Settled:
    """The user as they are now; `kept_admin`: the provider says no administrator, but they are the last one."""

    user: User
    kept_admin: bool = False


@dataclass(frozen=True, slots=True)
class Linking:
    """Units of work."""

    passwords: Passwords | None

    def link(
        self, conn: Connection, user_id: str, provider: str, subject: str, login: str, origin: Origin, *, now: str
    ) -> None:
        """Let an identity be that user. Raises NotFound, BadRequest, and Conflict if it is somebody else."""
        user = rules.existing(conn, user_id)
        if user.is_system:
            raise system_refuses("log in")
        if self.passwords is not None and provider == self.passwords.provider:
            raise BadRequest(f"Accounts of the login provider {provider!r} are made with the user: set a password.")
        owner = identities.identity(conn, provider, subject)
        if owner == user_id:
            return
        if owner is not None:
            raise Conflict(f"that identity of {provider!r} is linked to the user {owner!r}; unlink it there first")
        identities.link(conn, user_id, provider, subject, login, now=now)
        details = {"provider": provider, "subject": subject}
        append(conn, origin, "identity.link", target(user), details=details, now=now)

    def unlink(self, conn: Connection, user_id: str, provider: str, subject: str, origin: Origin, *, now: str) -> None:
        """Let an identity be nobody; the user's sessions end.

        Raises NotFound, and BadRequest where an account with a password here, or the last administrator's only way in,
        would be lost.
        """
        store.lock_users(conn)
        user = rules.existing(conn, user_id)
        if not identities.unlink(conn, user_id, provider, subject):
            raise NotFound(f"{user.email} has no such identity at {provider[:64]!r}.")
        left = identities.identities_of(conn, user_id)
        if self.passwords is not None and provider == self.passwords.provider:
            if not left:
                raise BadRequest("That password is the user's only way in; deactivate or delete the user instead.")
            self.passwords.accounts.remove(conn, subject)
        if not left:
            rules.keep_an_admin(conn, user)
        store.change(conn, user_id, {"auth_epoch": user.auth_epoch + 1}, now=now)
        details = {"provider": provider, "subject": subject, "sessions_ended": sessions.end_all(conn, user_id)}
        append(conn, origin, "identity.unlink", target(user), details=details, now=now)

    def of_user(self, conn: Connection, user_id: str) -> list[Linked]:
        """All identities of a user. Raises NotFound."""
        if store.by_id(conn, user_id) is None:
            raise unknown_user(user_id)
        return identities.identities_of(conn, user_id)

    def settle(
        self, conn: Connection, identity: Identity, origin: Origin, *, auto_create: bool, now: str
    ) -> Settled | Refusal:
        """Bring the user of an identity up to date with what its provider says, making them if need be."""
        store.lock_users(conn)
        known = identities.known(conn, identity.provider, identity.subject)
        if known is None:
            return self._first_seen(conn, identity, origin, auto_create=auto_create, now=now)
        before = rules.existing(conn, known.user.id)
        if not before.is_active:
            return Settled(before)
        after, kept = _as_told(conn, before, identity)
        after = replace(after, email=new_address(conn, before, identity) or before.email)
        if after != before:
            after = replace(after, updated_at=now)
            names = ("display_name", "is_admin", "email")
            store.change(conn, after.id, {name: getattr(after, name) for name in names}, now=now)
        if identity.host_groups is not None:
            told.apply(conn, identity.provider, after.id, after.email, identity.host_groups, origin, now=now)
        identities.unblock(conn, identity.provider, identity.subject, now=now)
        if known.blocked:
            details = {"provider": identity.provider, "subject": identity.subject}
            append(conn, origin, "identity.unblock", target(after), details=details, now=now)
        login = login_of(identity)
        if login and login != known.login:
            identities.rename(conn, identity.provider, identity.subject, login)
        changed = [name for name in ("is_admin", "email") if getattr(after, name) != getattr(before, name)]
        if changed:
            news: dict[str, Any] = {
                name: {"from": getattr(before, name), "to": getattr(after, name)} for name in changed
            }
            news["provider"] = identity.provider
            append(conn, origin, "user.change", target(after), details=news, now=now)
        return Settled(after, kept)

    def refused(self, conn: Connection, identity: Identity, reason: Refusal, origin: Origin, *, now: str) -> None:
        """Note it, with all that an administrator needs to link the identity."""
        details = {
            "provider": identity.provider,
            "subject": identity.subject[:255],
            "reason": reason,
            "email": identity.email,
        }
        what = Target("identity", None, identity.login or identity.subject)
        append(conn, origin, "identity.refused", what, outcome="refused", details=details, now=now)

    def kept_address(self, conn: Connection, identity: Identity, user: User, origin: Origin, *, now: str) -> None:
        """Note that the address which the provider tells is somebody else's."""
        details = {"provider": identity.provider, "reason": "email_taken", "email": identity.email}
        append(conn, origin, "user.change", target(user), outcome="refused", details=details, now=now)

    def kept_admin(self, conn: Connection, identity: Identity, user: User, origin: Origin, *, now: str) -> None:
        """Note that the provider's word about the last administrator was not followed."""
        details = {"provider": identity.provider, "reason": "last_admin", "is_admin": {"from": True, "to": False}}
        append(conn, origin, "user.change", target(user), outcome="refused", details=details, now=now)

    def _first_seen(
        self, conn: Connection, identity: Identity, origin: Origin, *, auto_create: bool, now: str
    ) -> Settled | Refusal:
        if self.passwords is not None and identity.provider == self.passwords.provider:
            return "unknown_account"  # made with its user, and gone with them
        if not auto_create:
            return "not_linked"
        user_id = ids.new_id()
        email = _address(identity, user_id)
        if store.by_email(conn, email) is not None:
            return "email_taken"
        name = cleaned_name(identity.display_name)
        user = User(user_id, email, name, identity.admin is True, True, now, now, None, 0)
        store.add(conn, user)
        login = login_of(identity)
        identities.link(conn, user_id, identity.provider, identity.subject, login, now=now, vouched=True)
        details = {"is_admin": user.is_admin, "provider": identity.provider, "subject": identity.subject}
        append(conn, origin, "user.create", target(user), details=details, now=now)
        if identity.host_groups is not None:
            told.apply(conn, identity.provider, user.id, user.email, identity.host_groups, origin, now=now)
        return Settled(user)


def refusal(identity: Identity) -> Refusal | None:
    """Why no user could have that identity."""
    if not identity.subject or len(identity.subject) > identities.MAX_SUBJECT or "\0" in identity.subject:
        return "invalid_subject"
    return None


def is_last_admin(conn: Connection, user: User) -> bool:
    """Whether they administrate and nobody else could: a provider's word against that is not followed."""
    return user.is_admin and not _another_admin(conn, user.id)


def _as_told(conn: Connection, before: User, identity: Identity) -> tuple[User, bool]:
    is_admin = before.is_admin if identity.admin is None else identity.admin
    kept = before.is_admin and not is_admin and not _another_admin(conn, before.id)
    name = cleaned_name(identity.display_name) or before.display_name
    return replace(before, display_name=name, is_admin=before.is_admin if kept else is_admin), kept


def _another_admin(conn: Connection, user_id: str) -> bool:
    return (
        conn.execute(select(users.c.id).where(store.ACTIVE_ADMIN, users.c.id != user_id).limit(1)).first() is not None
    )


def _address(identity: Identity, user_id: str) -> str:
    try:
        return valid_email(identity.email or "")
    except ValueError:
        return f"{user_id}@{identity.provider}.invalid"
