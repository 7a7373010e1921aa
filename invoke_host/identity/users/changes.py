"""Making and changing users: units of work, each with everything that has to happen along with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sqlalchemy import Connection

from invoke_host import ids
from invoke_host.api import BadRequest, Secret
from invoke_host.audit.record import Origin, Target, append
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.tokens import store as tokens
from invoke_host.identity.users import identities, rules, store
from invoke_host.identity.users.model import User
from invoke_host.identity.users.passwords import Passwords
from invoke_host.identity.users.values import UNSET, NewUser, UserChange, no_passwords_here, taken
from invoke_host.ownership import Owned

#: Whatever else has to happen in the transaction, after the user is as they will be.
Also: TypeAlias = Callable[[Connection, User], None]

SETUP_DONE = "Administrator account already configured"


@dataclass(frozen=True, slots=True)
class Changes:
    """Units of work. Values come checked (`checks.py`) and passwords hashed."""

    passwords: Passwords | None
    owned: Sequence[Owned]

    def create(self, conn: Connection, new: NewUser, hashed: Secret, origin: Origin, *, now: str) -> User:
        """Make an account. Raises BadRequest for a taken address."""
        store.lock_users(conn)
        user = self._add(conn, new, hashed, now=now)
        append(conn, origin, "user.create", target(user), details={"is_admin": user.is_admin}, now=now)
        return user

    def set_up(self, conn: Connection, new: NewUser, hashed: Secret, origin: Origin, *, now: str) -> User:
        """Make the first administrator. Raises BadRequest if there is one."""
        store.lock_users(conn)
        if store.active_admins(conn):
            raise BadRequest(SETUP_DONE)
        user = self._add(conn, replace(new, is_admin=True), hashed, now=now)
        append(conn, origin, "setup", target(user), now=now)
        return user

    def change(
        self,
        conn: Connection,
        user_id: str,
        change: UserChange,
        hashed: Secret | None,
        origin: Origin,
        also: Also | None,
        *,
        now: str,
    ) -> User:
        """Change a user; what they no longer may do ends with it. Raises NotFound or BadRequest."""
        store.lock_users(conn)
        before = rules.existing(conn, user_id)
        rules.check_system(before, change)
        after = self._changed(before, change)
        rules.keep_an_admin(conn, before, is_admin=after.is_admin, is_active=after.is_active)
        if after.email != before.email:
            self._check_address(conn, after)
        if hashed is not None or before.is_active != after.is_active:
            after = replace(after, auth_epoch=before.auth_epoch + 1)
        if after != before:
            after = replace(after, updated_at=now)
            store.change(conn, user_id, _columns(after), now=now)
        if self.passwords is not None and after.email != before.email:
            self.passwords.rename(conn, after, now=now)
        if hashed is not None and self.passwords is not None:
            self.passwords.put(conn, after, hashed, now=now)
            ended = sessions.end_all(conn, user_id)
            append(conn, origin, "user.password", target(after), details={"sessions_ended": ended}, now=now)
        self._record(conn, before, after, origin, now=now)
        if also is not None:
            also(conn, after)
        return after

    def _add(self, conn: Connection, new: NewUser, hashed: Secret, *, now: str) -> User:
        if self.passwords is None:
            raise no_passwords_here()
        if store.by_email(conn, new.email) is not None:
            raise taken(new.email)
        user = User(ids.new_id(), new.email, new.display_name, new.is_admin, True, now, now, None, 0)
        store.add(conn, user)
        self.passwords.put(conn, user, hashed, now=now)
        return user

    def _changed(self, before: User, change: UserChange) -> User:
        return replace(
            before,
            display_name=before.display_name if change.display_name is UNSET else change.display_name,
            email=before.email if change.email is UNSET else change.email,
            is_admin=before.is_admin if change.is_admin is None else change.is_admin,
            is_active=before.is_active if change.is_active is None else change.is_active,
        )

    def _check_address(self, conn: Connection, after: User) -> None:
        if store.by_email(conn, after.email) is not None:
            raise taken(after.email)
        if self.passwords is None and any(
            each.subject == after.id for each in identities.identities_of(conn, after.id)
        ):
            raise no_passwords_here()  # they would still log in with the old one

    def _record(self, conn: Connection, before: User, after: User, origin: Origin, *, now: str) -> None:
        old, new = _columns(before), _columns(after)
        details: dict[str, Any] = {
            name: {"from": old[name], "to": new[name]}
            for name in ("email", "display_name", "is_admin", "is_active")
            if old[name] != new[name]
        }
        if before.is_active and not after.is_active:
            details["sessions_ended"] = sessions.end_all(conn, after.id)
            details["revoked"] = tokens.revoke_all(conn, after.id)
            details["stopped"] = {each.name: each.stop(conn, after.id, now=now) for each in self.owned}
        if details:
            append(conn, origin, "user.change", target(after), details=details, now=now)


def target(user: User) -> Target:
    """The user as the audit log names them."""
    return Target("user", user.id, user.email)


def _columns(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "display_name": user.display_name,
        "is_admin": user.is_admin,
        "is_active": user.is_active,
        "auth_epoch": user.auth_epoch,
    }
