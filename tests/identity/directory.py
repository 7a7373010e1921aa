"""A login provider whose people are in memory, and a re-check of those who logged in by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select

from invoke_host.api import Authenticated, AuthOutcome, AuthProvider, Health, Identity, Rejected, Unavailable
from invoke_host.clock import timestamp
from invoke_host.config.schema import AuthConfig
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.outages import Outages
from invoke_host.identity.recheck.service import Recheck
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.sessions.store import NewSession
from invoke_host.identity.sessions.tables import sessions as sessions_table
from invoke_host.identity.tables import identities
from invoke_host.identity.tokens import store as tokens
from invoke_host.identity.users import store as users_store
from invoke_host.identity.users.model import User

from .conftest import Log
from .people import People

Answer = Callable[[Identity], Awaitable[AuthOutcome]]


class Directory(AuthProvider):
    """Answers by what `people` say; `asked` is whom it was asked about. `up` False: it can't answer."""

    def __init__(self, name: str = "ldap") -> None:
        self.name = name  # type: ignore[misc]  # several directories in one test
        self.people: dict[str, AuthOutcome | Answer] = {}
        self.asked: list[str] = []
        self.up = True

    def knows(self, identity: Identity) -> None:
        self.people[identity.subject] = Authenticated(identity)

    def says_no(self, subject: str, code: str = "disabled") -> None:
        self.people[subject] = Rejected(code)

    async def refresh(self, identity: Identity) -> AuthOutcome:
        self.asked.append(identity.subject)
        await asyncio.sleep(0)
        if not self.up:
            return Unavailable("down")
        answer = self.people.get(identity.subject, Rejected("gone"))
        return await answer(identity) if callable(answer) else answer


class Office:
    """People who have logged in by a directory, with sessions."""

    def __init__(self, people: People, log: Log, *directories: Directory, owned: Sequence[Any] = (), **config: Any):
        self.people = people
        self.directories = directories or (Directory(),)
        self.outages = Outages(people.clock, log.logger)
        self.recheck = Recheck(
            people.storage,
            people.service,
            self.directories,
            people.clock,
            log.logger,
            config=AuthConfig(providers=("ldap",), **config),
            owned=owned,
            outages=self.outages,
        )

    @property
    def directory(self) -> Directory:
        return self.directories[0]

    async def come(self, name: str, **told: Any) -> User:
        """Somebody logs in; the directory keeps saying so."""
        told = {"provider": self.directory.name, **told}
        identity = Identity(subject=f"uid-{name}", login=name, email=f"{name}@example.org", **told)
        next(each for each in self.directories if each.name == identity.provider).knows(identity)
        return await self.log_in(identity)

    async def log_in(self, identity: Identity) -> User:
        user = await self.people.service.resolve(identity, auto_create=True)
        self.people.storage.run_write(self._session, user, identity)
        return user

    def change(self, name: str, **told: Any) -> None:
        """The directory tells something else about them."""
        outcome = self.directory.people[f"uid-{name}"]
        assert isinstance(outcome, Authenticated)
        self.directory.knows(replace(outcome.identity, **told))

    async def later(self, *, minutes: float = 15) -> None:
        """Time goes by, and the round begins."""
        self.people.clock.advance(minutes * 60)
        self.directory.asked.clear()
        await self.recheck.run()

    def sessions(self, user: User) -> int:
        mine = select(func.count()).select_from(sessions_table).where(sessions_table.c.user_id == user.id)
        return self._read(lambda conn: conn.scalar(mine))

    def token(self, user: User) -> str:
        """A new API token's text."""
        text, now = tokens.new_text(), timestamp(self.people.clock.now())
        more = {"name": "t", "scopes": frozenset({"read"}), "expires_at": None, "now": now}
        self.people.storage.run_write(lambda conn: tokens.create(conn, user.id, text, **more) and None)
        return text

    def identity(self, name: str) -> Any:
        """The row."""
        row = select(identities).where(identities.c.subject == f"uid-{name}")
        return self._read(lambda conn: conn.execute(row).one())

    def groups(self, user: User) -> dict[str, str | None]:
        """The names of the groups that they are in, and who put them there."""
        query = (
            select(groups.c.name, group_members.c.provider)
            .join(group_members, group_members.c.group_id == groups.c.id)
            .where(group_members.c.user_id == user.id)
        )
        return self._read(lambda conn: {row.name: row.provider for row in conn.execute(query)})

    async def health(self) -> Health:
        (check,) = self.recheck.checks()
        return await check.run()

    def _read(self, unit: Callable[[Connection], Any]) -> Any:
        return self.people.storage.run_read(unit)

    def _session(self, conn: Connection, user: User, identity: Identity) -> None:
        now = timestamp(self.people.clock.now())
        new = NewSession(user.id, identity.provider, identity.subject, False, "", "", "2999-01-01 00:00:00.000")
        sessions.create(conn, new, now)
        users_store.logged_in(conn, user.id, identity.provider, identity.subject, now)


class Work:
    """Something that users own: notes who is stopped."""

    name = "work"
    tables: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def stop(self, conn: Any, user_id: str, *, now: str) -> int:
        self.stopped.append(user_id)
        return 1


def events(log: Log) -> list[object]:
    """What was logged."""
    return [entry["event"] for entry in log.entries]
