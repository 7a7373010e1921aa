"""A provider on real storage with the plugin's tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from invoke_auth_local import LocalOptions, LocalProvider
from invoke_auth_local.store import Account, by_subject
from invoke_auth_local.tables import lineage

from invoke_host.api import AuthOutcome, LoginContext, Secret
from invoke_host.lineage import host_lineage
from invoke_host.storage import Storage
from invoke_host.storage.migrate import upgrade
from invoke_host.testing.fakes import FakeHost

ALICE = "alice@example.org"
PASSWORD = "correct horse battery staple"
NOW = "2026-11-23 06:00:00.000"

MakeLocal = Callable[..., Awaitable["Local"]]


class Host(FakeHost):
    """A host whose units of work run on real storage. `before_read` and `before_write` are awaited before each."""

    def __init__(self, root: Path, options: LocalOptions, storage: Storage) -> None:
        super().__init__(root, {"local": options})
        self.storage = storage
        self.before_read: Callable[[], Awaitable[None]] | None = None
        self.before_write: Callable[[], Awaitable[None]] | None = None

    async def read(self, unit: Callable[..., Any], *args: Any) -> Any:
        if self.before_read is not None:
            await self.before_read()
        return await self.storage.read(unit, *args)

    async def write(self, unit: Callable[..., Any], *args: Any) -> Any:
        if self.before_write is not None:
            await self.before_write()
        return await self.storage.write(unit, *args)


@dataclass
class Local:
    """The provider, and what a host does with it."""

    provider: LocalProvider
    host: Host
    storage: Storage = field(init=False)

    def __post_init__(self) -> None:
        self.storage = self.host.storage

    async def store(self, subject: str, login: str, hashed: str, *, now: str = NOW) -> None:
        """Store a hash, as the host does when it makes a user."""
        accounts = self.provider.accounts
        await self.storage.write(lambda conn: accounts.put(conn, subject, login, Secret(hashed), now=now))

    async def add(self, subject: str, login: str, password: str) -> None:
        """Make an account."""
        await self.store(subject, login, (await self.provider.accounts.hash(Secret(password))).reveal())

    async def login(self, name: str, password: str, *, deadline_s: float = 30.0) -> AuthOutcome | None:
        """Log in."""
        context = LoginContext(peer=None, deadline_s=deadline_s)
        return await self.provider.from_password(name, Secret(password), context)

    async def account(self, subject: str) -> Account:
        """The row, which must be there."""
        found = await self.storage.read(by_subject, subject)
        assert found is not None
        return found

    async def renewed(self) -> None:
        """Wait until no hash is being renewed."""
        while renewals := list(self.provider._renewals.values()):
            await renewals[0]


async def _migrated(storage: Storage, tmp_path: Path) -> Storage:
    log = structlog.get_logger("test")
    upgrade(storage.engine, storage.backend, [host_lineage(), lineage], backup_dir=tmp_path / "backups", log=log)
    return storage


@pytest.fixture
async def passwords_storage(storage: Storage, tmp_path: Path) -> Storage:
    """SQLite with the plugin's table."""
    return await _migrated(storage, tmp_path)


@pytest.fixture
async def each_passwords_storage(each_storage: Storage, tmp_path: Path) -> Storage:
    """SQLite and PostgreSQL with the plugin's table: the test runs twice."""
    return await _migrated(each_storage, tmp_path)


@pytest.fixture
async def make_local(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Local]]]:
    """Open providers on a storage: `await make_local(storage, bcrypt_cost=5)`."""
    made: list[Local] = []

    async def make(storage: Storage, **options: Any) -> Local:
        chosen = LocalOptions.model_validate({"bcrypt_cost": 4, **options})
        host = Host(tmp_path, chosen, storage)
        made.append(Local(LocalProvider(host, chosen), host))
        await made[-1].provider.open()
        return made[-1]

    yield make
    for each in made:
        await each.provider.close()


@pytest.fixture
async def local(passwords_storage: Storage, make_local: MakeLocal) -> Local:
    """A provider on SQLite at the lowest cost, and Alice."""
    made = await make_local(passwords_storage)
    await made.add("alice", ALICE, PASSWORD)
    return made
