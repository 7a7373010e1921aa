"""Users for tests: a service on real storage, and a provider with a small table of passwords that hashes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, select, text

from invoke_host.api import PasswordAccounts, PasswordJudgement, Secret
from invoke_host.audit.record import Origin
from invoke_host.audit.tables import audit_log
from invoke_host.identity.users.model import User
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import NewUser
from invoke_host.owned import OWNED
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock

#: The name of the provider that keeps passwords.
PROVIDER = "local"

ROOT = Origin("admin", "Admin", "api", "198.51.100.7")

GOOD = Secret("correct horse 7")


class FakeAccounts(PasswordAccounts):
    """Instant: a hash is the password backwards. Refuses what has fewer than eight characters, and `weakling`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.hashed = 0
        storage.run_write(_make_table)

    @property
    def strict(self) -> bool:
        return False

    async def judge(self, password: Secret, *, about: Sequence[str] = ()) -> PasswordJudgement:
        weak = len(password.reveal()) < 8 or password.reveal() in ("weakling", *about)
        return PasswordJudgement(("The password is too weak.",) if weak else (), "weak" if weak else "strong")

    async def hash(self, password: Secret) -> Secret:
        self.hashed += 1
        return Secret(password.reveal()[::-1])

    async def verify(self, subject: str, password: Secret) -> bool:
        return self.logins().get(subject, ("", ""))[1] == password.reveal()[::-1]

    def put(self, conn: Connection, subject: str, login: str, hashed: Secret, *, now: str) -> None:
        self.remove(conn, subject)
        values = {"subject": subject, "login": login, "hash": hashed.reveal()}
        conn.execute(text("INSERT INTO fake_passwords VALUES (:subject, :login, :hash)"), values)

    def rename(self, conn: Connection, subject: str, login: str, *, now: str) -> None:
        values = {"subject": subject, "login": login}
        conn.execute(text("UPDATE fake_passwords SET login = :login WHERE subject = :subject"), values)

    def remove(self, conn: Connection, subject: str) -> None:
        conn.execute(text("DELETE FROM fake_passwords WHERE subject = :subject"), {"subject": subject})

    def logins(self) -> dict[str, tuple[str, str]]:
        """Login and hash by subject."""
        rows = self._storage.run_read(lambda conn: conn.execute(text("SELECT * FROM fake_passwords")).all())
        return {row[0]: (row[1], row[2]) for row in rows}


def _make_table(conn: Connection) -> None:
    conn.execute(
        text(
            "CREATE TABLE IF NOT EXISTS fake_passwords "
            "(subject VARCHAR(255) PRIMARY KEY, login VARCHAR(320) UNIQUE, hash TEXT)"
        )
    )


@dataclass
class People:
    """Makes users, and reads what the audit log says about them."""

    storage: Storage
    clock: FakeClock
    accounts: FakeAccounts = field(init=False)
    service: UserService = field(init=False)

    def __post_init__(self) -> None:
        self.accounts = FakeAccounts(self.storage)
        self.service = self.a_service()

    def a_service(self, **options: Any) -> UserService:
        """Another service on the same database."""
        defaults: dict[str, Any] = {"accounts": self.accounts, "provider": PROVIDER, "owned": OWNED}
        return UserService(self.storage, self.clock, **{**defaults, **options})

    async def add(self, name: str, *, is_admin: bool = False, origin: Origin = ROOT) -> User:
        """A user called `name`, a second later than the one before."""
        self.clock.advance(1)
        new = NewUser(f"{name.lower()}@example.org", name, GOOD, is_admin)
        return await self.service.create(new, origin)

    def log(self, action: str | None = None) -> list[dict[str, Any]]:
        """Rows of the audit log, oldest first, details unpacked."""
        query = select(audit_log).order_by(audit_log.c.id)
        if action is not None:
            query = query.where(audit_log.c.action == action)
        rows = self.storage.run_read(lambda conn: conn.execute(query).mappings().all())
        return [{**row, "details": orjson.loads(row["details"])} for row in rows]
