"""Passwords of users, at the one login provider that keeps them here; in the transaction that changes the user."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from invoke_host.api import PasswordAccounts, Secret
from invoke_host.identity.users import identities
from invoke_host.identity.users.model import User


@dataclass(frozen=True, slots=True)
class Passwords:
    """The provider's name and its accounts. An account that is made here has the user's id as its subject."""

    provider: str
    accounts: PasswordAccounts

    def put(self, conn: Connection, user: User, hashed: Secret, *, now: str) -> None:
        """Set the password; a user who only logged in elsewhere until now gets an account for it."""
        mine = identities.subjects(conn, self.provider, user.id)
        if not mine:
            identities.link(conn, user.id, self.provider, user.id, user.email, now=now)
        self.accounts.put(conn, mine[0] if mine else user.id, user.email, hashed, now=now)

    def rename(self, conn: Connection, user: User, *, now: str) -> None:
        """Let the user log in with their address as it is now."""
        for subject in identities.subjects(conn, self.provider, user.id):
            self.accounts.rename(conn, subject, user.email, now=now)
            identities.rename(conn, self.provider, subject, user.email)

    def remove(self, conn: Connection, user_id: str) -> None:
        """Forget the password."""
        for subject in identities.subjects(conn, self.provider, user_id):
            self.accounts.remove(conn, subject)
