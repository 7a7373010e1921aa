"""Users who go, and what they own when it changes hands: units of work that leave nothing without an owner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from invoke_host.api import SYSTEM_USER_ID, BadRequest, Conflict, FieldProblem, InvalidInput
from invoke_host.audit.record import Origin, append
from invoke_host.identity.groups import store as groups
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.tokens import store as tokens
from invoke_host.identity.users import identities, rules, store
from invoke_host.identity.users.changes import target
from invoke_host.identity.users.model import User
from invoke_host.identity.users.passwords import Passwords
from invoke_host.identity.users.values import Content, Keep, Purge, system_refuses, unknown_user
from invoke_host.ownership import Owned, Share


@dataclass(frozen=True, slots=True)
class Leaving:
    """Units of work."""

    passwords: Passwords | None
    owned: Sequence[Owned]

    def shares(self, conn: Connection, user_id: str) -> list[Share]:
        """How much the user owns of each kind. Raises NotFound."""
        _existing(conn, user_id)
        return [Share(each.name, each.count(conn, user_id)) for each in self.owned]

    def delete(self, conn: Connection, user_id: str, content: Content, origin: Origin, *, now: str) -> list[Share]:
        """Remove a user; returns what became of their content. Raises NotFound, BadRequest, Conflict."""
        store.lock_users(conn)
        user = rules.existing(conn, user_id, leaving=True)
        if user.is_system:
            raise system_refuses("be deleted")
        rules.keep_an_admin(conn, user)
        heir = None if isinstance(content, Purge) else self._heir(conn, user, content)
        self._check_passwords(conn, user)
        for each in self.owned:
            each.stop(conn, user_id, now=now)
        shares = [
            Share(
                each.name,
                each.purge(conn, user_id, now=now) if heir is None else each.transfer(conn, user_id, heir.id, now=now),
            )
            for each in self.owned
        ]
        sessions.end_all(conn, user_id)
        tokens.revoke_all(conn, user_id)
        if self.passwords is not None:
            self.passwords.remove(conn, user_id)
        identities.unlink_all(conn, user_id)
        groups.leave_all(conn, user_id)
        store.remove(conn, user_id)
        details = {
            "content": type(content).__name__.lower(),
            "to": None if heir is None else heir.id,
            **{share.name: share.count for share in shares},
        }
        append(conn, origin, "user.delete", target(user), details=details, now=now)
        return shares

    def transfer(
        self,
        conn: Connection,
        source_id: str,
        target_id: str,
        parts: frozenset[str] | None,
        origin: Origin,
        *,
        now: str,
    ) -> list[Share]:
        """Hand over what `source` owns, all of it or the named kinds. Raises NotFound, BadRequest, InvalidInput."""
        chosen = self._parts(parts)
        if source_id == target_id:
            raise BadRequest("The content belongs to that user already: name two different users.")
        store.lock_users(conn)  # the receiver must not be deleted meanwhile
        users = {each: _existing(conn, each) for each in (source_id, target_id)}
        shares = [Share(each.name, each.transfer(conn, source_id, target_id, now=now)) for each in chosen]
        details = {"to": target_id, "to_email": users[target_id].email}
        counts = {share.name: share.count for share in shares}
        append(conn, origin, "user.transfer", target(users[source_id]), details=details | counts, now=now)
        return shares

    def _heir(self, conn: Connection, user: User, content: Content) -> User:
        heir_id = SYSTEM_USER_ID if isinstance(content, (Keep, Purge)) else content.to_user_id
        if heir_id == user.id:
            raise BadRequest("A user who is deleted can't keep their content: name another user.")
        return _existing(conn, heir_id)

    def _check_passwords(self, conn: Connection, user: User) -> None:
        here = None if self.passwords is None else self.passwords.provider
        mine = identities.identities_of(conn, user.id)
        kept = [each.provider for each in mine if each.subject == user.id and each.provider != here]
        if kept:
            raise Conflict(
                f"the password of {user.email} is kept by the login provider {kept[0]!r}, which is not configured now "
                "and would keep it; name it in [auth] providers, or deactivate the user instead"
            )

    def _parts(self, parts: frozenset[str] | None) -> list[Owned]:
        known = [each.name for each in self.owned]
        wrong = sorted((parts or frozenset()).difference(known))
        if wrong:
            message = f"unknown: {', '.join(each[:40] for each in wrong)}; there are {', '.join(known)}"
            raise InvalidInput([FieldProblem(("body", "parts"), message, "unknown_part")])
        return [each for each in self.owned if parts is None or each.name in parts]


def _existing(conn: Connection, user_id: str) -> User:
    user = store.by_id(conn, user_id)
    if user is None:
        raise unknown_user(user_id)
    return user
