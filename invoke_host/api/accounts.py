"""Accounts that are made in this host: what a login provider offers when passwords are kept by it.

The host owns users; the provider owns passwords, in tables of its own. `put`, `rename` and `remove` are plain functions
that the host calls inside its own write transaction, so that a user and their password appear and vanish together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from invoke_host.api.secrets import Secret


@dataclass(frozen=True, slots=True)
class PasswordJudgement:
    """`problems`: full sentences on why a password is refused, never quoting it; empty = good enough.

    `strength` and `hint` are advice for whoever chooses one, also when it is accepted.
    """

    problems: tuple[str, ...]
    strength: Literal["weak", "moderate", "strong"]
    hint: str = ""


class PasswordAccounts(ABC):
    """Passwords of accounts that this host makes, by subject: the id that the host gives a new account.

    Coroutines may take as long as hashing takes and never block the event loop.
    """

    @property
    @abstractmethod
    def strict(self) -> bool:
        """Whether the rule about upper case, lower case and digits applies; clients are told."""

    @abstractmethod
    async def judge(self, password: Secret, *, about: Sequence[str] = ()) -> PasswordJudgement:
        """Is it good enough for somebody whom `about` describes (e-mail, display name)? Any text is judged."""

    @abstractmethod
    async def hash(self, password: Secret) -> Secret:
        """What `put` stores. Raises ServiceUnavailable when too many wait for the same."""

    @abstractmethod
    async def verify(self, subject: str, password: Secret) -> bool:
        """Is this that account's password? As slow for unknown subjects. Raises ServiceUnavailable as `hash`."""

    @abstractmethod
    def put(self, conn: Connection, subject: str, login: str, hashed: Secret, *, now: str) -> None:
        """Store or replace the password; `login` is folded (`fold_login`) and unique among accounts."""

    @abstractmethod
    def rename(self, conn: Connection, subject: str, login: str, *, now: str) -> None:
        """Let the account log in under another name from now on; unknown subjects change nothing."""

    @abstractmethod
    def remove(self, conn: Connection, subject: str) -> None:
        """Forget the account; harmless when there is none."""
