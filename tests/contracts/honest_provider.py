"""A login provider that keeps the whole contract, on a small directory in SQLite that can be made to fail.

It is cut into small methods so that the mutants can break one thing each.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, create_engine, text
from sqlalchemy.pool import StaticPool

from invoke_host.api import (
    Authenticated,
    AuthOutcome,
    AuthProvider,
    Identity,
    LoginContext,
    PasswordAccounts,
    PasswordJudgement,
    Rejected,
    RequestView,
    Secret,
    Unavailable,
    fold_login,
)

PROXY = "192.0.2.1"
#: How long the directory is waited for where the host does not say.
PATIENCE_S = 0.2
REJECTED = Rejected("bad_credentials")
UNAVAILABLE = Unavailable("directory")
BLANK = " \t\r\n\0\u00a0\u3000\u00ad\u200b\ufeff\u2060"

FIND = "SELECT * FROM people WHERE {} = :key"
PUT = (
    "INSERT INTO people (subject, login, hash, display_name, team) VALUES (:s, :l, :h, :l, :l) "
    "ON CONFLICT (subject) DO UPDATE SET login = :l, hash = :h"
)


class Directory:
    """People in one table; `mode` says how it answers."""

    def __init__(self) -> None:
        self.engine: Engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        self.mode: Literal["up", "down", "silent", "slow"] = "up"
        self.execute(
            "CREATE TABLE people (subject TEXT PRIMARY KEY, login TEXT UNIQUE, hash TEXT, display_name TEXT, "
            "team TEXT, active INTEGER DEFAULT 1)"
        )

    def execute(self, statement: str, **values: object) -> None:
        with self.engine.begin() as conn:
            conn.execute(text(statement), values)

    async def pieces(self) -> AsyncIterator[None]:
        """The answer, bit by bit; complete when the iteration ends."""
        await asyncio.sleep(0)
        if self.mode == "down":
            raise ConnectionRefusedError
        if self.mode == "silent":
            await asyncio.Event().wait()
        while self.mode == "slow":
            await asyncio.sleep(0.01)  # what trickles, trickles in time
            yield

    def row(self, column: str, key: str) -> Row[Any] | None:
        with self.engine.connect() as conn:
            return conn.execute(text(FIND.format(column)), {"key": key}).one_or_none()


class HonestProvider(AuthProvider):
    """Passwords and a proxy's header, both looked up in the directory."""

    name = "honest"

    def __init__(self, directory: Directory, iterations: int = 1) -> None:
        self.directory = directory
        self.iterations = iterations
        self.pool: ThreadPoolExecutor | None = None

    @property
    def accounts(self) -> PasswordAccounts | None:
        return HonestAccounts(self)

    async def open(self) -> None:
        self.pool = ThreadPoolExecutor(2, "honest")

    async def close(self) -> None:
        if self.pool is not None:
            self.pool.shutdown()

    async def from_password(self, name: str, password: Secret, context: LoginContext) -> AuthOutcome | None:
        if not self.plausible(name):
            return None
        try:
            row = await self.find("login", self.key(name), context.deadline_s)
        except OSError:
            return UNAVAILABLE
        if row is None:
            return None
        if not row.active or not await self.matches(row, password.reveal()):
            return REJECTED
        return Authenticated(self.identity(row))

    async def from_request(self, request: RequestView) -> AuthOutcome | None:
        value = request.headers.get("x-user")
        if value is None or not self.trusts(request):
            return None
        if not self.plausible(value):
            return REJECTED
        try:
            row = await self.find("login", self.key(value), PATIENCE_S)
        except OSError:
            return UNAVAILABLE
        return Authenticated(self.identity(row)) if row is not None and row.active else REJECTED

    async def refresh(self, identity: Identity) -> AuthOutcome:
        if identity.provider != self.name:
            return REJECTED
        try:
            row = await self.find("subject", identity.subject, PATIENCE_S)
        except OSError:
            return UNAVAILABLE
        return Authenticated(self.identity(row)) if row is not None and row.active else REJECTED

    def trusts(self, request: RequestView) -> bool:
        return request.peer == PROXY

    def plausible(self, value: str) -> bool:
        """A text that may be a name or a password at all."""
        return bool(value.strip(BLANK)) and len(value) <= 256 and value.isprintable() and "," not in value

    def key(self, name: str) -> str:
        return fold_login(name)

    async def find(self, column: str, key: str, deadline_s: float) -> Row[Any] | None:
        async with asyncio.timeout(deadline_s):
            async for _ in self.directory.pieces():
                pass
        return self.directory.row(column, key)

    async def matches(self, row: Row[Any], password: str) -> bool:
        return bool(password.strip(BLANK)) and row.hash == await self.derive(password, row.hash.partition("$")[0])

    async def derive(self, password: str, salt: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.derived, password, salt)

    def derived(self, password: str, salt: str) -> str:
        # Hashed first: HMAC takes a key with a NUL at its end for the same key without.
        data = hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
        return f"{salt}${hashlib.pbkdf2_hmac('sha256', data, salt.encode(), self.iterations).hex()}"

    def identity(self, row: Row[Any]) -> Identity:
        return Identity(
            self.name, row.subject, row.login, row.display_name, groups=frozenset([row.team] if row.team else [])
        )


class HonestAccounts(PasswordAccounts):
    """The directory's people as accounts of the host."""

    strict = False

    def __init__(self, provider: HonestProvider) -> None:
        self.provider = provider

    async def judge(self, password: Secret, *, about: Sequence[str] = ()) -> PasswordJudgement:
        if len(password.reveal().strip(BLANK)) < 8:
            return PasswordJudgement(("The password is too short.",), "weak", "Take a longer one.")
        return PasswordJudgement((), "strong")

    async def hash(self, password: Secret) -> Secret:
        return Secret(await self.provider.derive(password.reveal(), secrets.token_hex(8)))

    async def verify(self, subject: str, password: Secret) -> bool:
        row = self.provider.directory.row("subject", subject)
        return row is not None and await self.provider.matches(row, password.reveal())

    def put(self, conn: Connection, subject: str, login: str, hashed: Secret, *, now: str) -> None:
        conn.execute(text(PUT), {"s": subject, "l": login, "h": hashed.reveal()})

    def rename(self, conn: Connection, subject: str, login: str, *, now: str) -> None:
        conn.execute(text("UPDATE people SET login = :l WHERE subject = :s"), {"l": login, "s": subject})

    def remove(self, conn: Connection, subject: str) -> None:
        conn.execute(text("DELETE FROM people WHERE subject = :s"), {"s": subject})
