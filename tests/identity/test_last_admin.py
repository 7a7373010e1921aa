"""An administrator always remains, whoever changes what at the same time; and the host is set up once.

Random sequences of changes by several clients at once run against the service. On SQLite a trigger is the referee: it
sees every statement. On PostgreSQL, where writers really run at once, it is the state after each change.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

import pytest
from sqlalchemy import Connection, delete, select, text

from invoke_host.api import BadRequest, NotFound
from invoke_host.audit.record import Origin
from invoke_host.identity.tables import identities, users
from invoke_host.identity.users import rules, store
from invoke_host.identity.users.changes import Also
from invoke_host.identity.users.model import User
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import Keep, NewUser, Purge, UserChange
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres import PostgresServer
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import open_storage

from .people import GOOD, ROOT, People

SEQUENCES = 2000
CLIENTS = 3
STEPS = 2

NOW = "2026-01-01 12:00:00.000"

#: Notes when the last active administrator goes, in the statement that does it.
REFEREE = """
CREATE TRIGGER referee_{event} AFTER {event} ON users
WHEN OLD.is_admin AND OLD.is_active AND EXISTS (SELECT 1 FROM game)
 AND NOT EXISTS (SELECT 1 FROM users WHERE is_admin AND is_active AND id <> 'system')
BEGIN INSERT INTO referee VALUES (OLD.email); END
"""


@dataclass
class Arena:
    """Users whom clients change at random, and what became of it."""

    storage: Storage
    service: UserService
    random: Random
    setups: int = 0
    done: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    def begin(self) -> int:
        """Remove everybody; a few new users, of whom none, one or two are active administrators. Returns how many."""
        admins = self.random.choice([0, 1, 1, 2])
        people = [
            User(f"u{n}", f"u{n}@example.org", None, n < admins or n == 3, n != 3, NOW, NOW, None, 0) for n in range(4)
        ]
        self.storage.run_write(_replace_all, people)
        self.setups = 0
        return admins

    async def step(self, random: Random) -> None:
        """One change by one client."""
        name, change = random.choice(self._changes(random))
        try:
            await change()
        except (BadRequest, NotFound):
            self.refused += 1
        else:
            self.done[name] = self.done.get(name, 0) + 1
            self.setups += name == "setup"

    def admins(self) -> int:
        return self.storage.run_read(store.active_admins)

    def _changes(self, random: Random) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
        service = self.service
        someone = random.choice(self._ids())
        new = NewUser(f"n{random.getrandbits(40)}@example.org", None, GOOD, is_admin=random.random() < 0.3)
        content = random.choice([Keep(), Purge()])
        return [
            ("create", lambda: service.create(new, ROOT)),
            ("promote", lambda: service.change(someone, UserChange(is_admin=True), ROOT)),
            ("demote", lambda: service.change(someone, UserChange(is_admin=False), ROOT)),
            ("deactivate", lambda: service.change(someone, UserChange(is_active=False), ROOT)),
            ("delete", lambda: service.delete(someone, content, ROOT)),
            ("delete", lambda: service.delete(someone, content, ROOT)),
            ("setup", lambda: service.setup(new, ROOT)),
        ]

    def _ids(self) -> list[str]:
        query = select(users.c.id).where(users.c.id != "system").order_by(users.c.is_admin.desc(), users.c.id)
        found = list(self.storage.run_read(lambda conn: conn.scalars(query).all()))
        return found[:3] or ["nobody"]


async def play(arena: Arena, sequences: int, clients: int, steps: int) -> None:
    """Run the sequences and judge each."""

    async def client(seed: int, began_with: int) -> None:
        random = Random(seed)
        for _ in range(steps):
            before = arena.admins()
            await arena.step(random)
            # Zero is only ever where nobody has become an administrator yet.
            assert arena.admins() or not (before or began_with), f"no administrator after {arena.done}"

    for _ in range(sequences):
        began_with = arena.begin()
        await asyncio.gather(*(client(arena.random.getrandbits(32), began_with) for _ in range(clients)))
        assert arena.setups <= (began_with == 0)


def _replace_all(conn: Connection, people: list[User]) -> None:
    conn.execute(text("DELETE FROM game"))
    conn.execute(text("DELETE FROM fake_passwords"))
    conn.execute(delete(identities))
    conn.execute(delete(users).where(users.c.id != "system"))
    for user in people:
        store.add(conn, user)
    conn.execute(text("INSERT INTO game VALUES (1)"))


def arena_on(storage: Storage, clock: FakeClock) -> Arena:
    """An arena, with a referee where there is one."""

    def furnish(conn: Connection) -> None:
        conn.execute(text("CREATE TABLE game (runs INTEGER)"))
        conn.execute(text("CREATE TABLE referee (email TEXT)"))
        if conn.dialect.name == "sqlite":
            for event in ("UPDATE", "DELETE"):
                conn.execute(text(REFEREE.format(event=event)))

    storage.run_write(furnish)
    service = People(storage, clock).a_service(owned=())  # they own nothing, which takes time to find out
    return Arena(storage, service, Random(4))


@pytest.mark.timeout(300)
async def test_two_thousand_random_sequences_leave_an_administrator(storage: Storage, clock: FakeClock) -> None:
    arena = arena_on(storage, clock)
    await play(arena, SEQUENCES, CLIENTS, STEPS)
    assert fouls(arena) == 0
    assert arena.done.keys() == {"create", "promote", "demote", "deactivate", "delete", "setup"}
    assert min(arena.done.values()) > SEQUENCES / 20, arena.done  # each of them often enough to mean something
    assert arena.refused > SEQUENCES / 4


async def test_they_do_where_writers_run_at_once(postgres: Storage, clock: FakeClock) -> None:
    arena = arena_on(postgres, clock)
    await play(arena, SEQUENCES // 40, clients=6, steps=2)
    assert arena.done.keys() == {"create", "promote", "demote", "deactivate", "delete", "setup"}


async def test_the_referee_sees_the_last_administrator_go(storage: Storage, clock: FakeClock) -> None:
    """The property test above can fail."""
    arena = arena_on(storage, clock)
    while arena.begin() != 1:
        pass
    storage.run_write(store.change, "u0", {"is_admin": False}, now=NOW)
    assert fouls(arena) == 1


class CheckedBefore(UserService):
    """A mutant: asks before the transaction whether an administrator remains, and whether there is one already."""

    def __init__(self, people: People, barrier: asyncio.Barrier) -> None:
        service = people.service
        super().__init__(people.storage, people.clock, accounts=people.accounts, provider=service.provider, owned=())
        self._barrier = barrier

    async def change(self, user_id: str, change: UserChange, origin: Origin, *, also: Also | None = None) -> User:
        if await self.storage.read(store.active_admins) <= 1:
            raise BadRequest(rules.LAST_ADMIN)
        await self._barrier.wait()  # here others may do the same, and under load they do
        return await super().change(user_id, change, origin, also=also)


async def both(*calls: Awaitable[object]) -> int:
    """How many of the calls were not refused."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, (User, list, BadRequest, NotFound)) for each in results), results
    return sum(not isinstance(each, BaseException) for each in results)


async def test_a_check_before_the_transaction_would_not_do(
    each_storage: Storage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = arena_on(each_storage, clock)
    people = People(each_storage, clock)
    while arena.begin() != 2:
        pass
    monkeypatch.setattr(rules, "keep_an_admin", lambda *args, **kwargs: None)
    mutant = CheckedBefore(people, asyncio.Barrier(2))
    assert await both(*(mutant.change(each, UserChange(is_admin=False), ROOT) for each in ("u0", "u1"))) == 2
    assert arena.admins() == 0


class Gate:
    """Lets two transactions meet between check and change, if nothing keeps them apart."""

    def __init__(self, wait_s: float) -> None:
        self.met = False
        self._wait_s = wait_s
        self._barrier = threading.Barrier(2)
        self._check = rules.keep_an_admin

    def __call__(self, conn: Connection, before: User, **after: bool) -> None:
        self._check(conn, before, **after)
        try:
            self._barrier.wait(self._wait_s)
            self.met = True
        except threading.BrokenBarrierError:
            pass


async def test_two_administrators_who_demote_each_other_meet_at_the_lock(
    postgres: Storage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = arena_on(postgres, clock)
    while service.begin() != 2:
        pass
    gate = Gate(wait_s=0.5)
    monkeypatch.setattr(rules, "keep_an_admin", gate)
    change = UserChange(is_admin=False)
    assert await both(*(service.service.change(each, change, ROOT) for each in ("u0", "u1"))) == 1
    assert not gate.met
    assert service.admins() == 1


async def test_without_the_lock_they_would_not(
    postgres: Storage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the check inside the transaction is enough where writers run at once."""
    arena = arena_on(postgres, clock)
    while arena.begin() != 2:
        pass
    gate = Gate(wait_s=10)
    monkeypatch.setattr(rules, "keep_an_admin", gate)
    monkeypatch.setattr(store, "lock_users", lambda conn: None)
    change = UserChange(is_active=False)
    assert await both(*(arena.service.change(each, change, ROOT) for each in ("u0", "u1"))) == 2
    assert gate.met
    assert arena.admins() == 0


async def test_many_setups_at_once_make_one_administrator(each_storage: Storage, clock: FakeClock) -> None:
    arena = arena_on(each_storage, clock)
    while arena.begin() != 0:
        pass
    news = [NewUser(f"root{n}@example.org", None, GOOD) for n in range(8)]
    assert await both(*(arena.service.setup(new, ROOT) for new in news)) == 1
    assert arena.admins() == 1


async def test_one_address_is_taken_once_however_many_ask_for_it(each_storage: Storage, clock: FakeClock) -> None:
    arena = arena_on(each_storage, clock)
    arena.begin()
    assert await both(*(arena.service.create(NewUser("new@example.org", None, GOOD), ROOT) for _ in range(8))) == 1


def fouls(arena: Arena) -> int:
    """How often the referee saw the last administrator go."""
    return arena.storage.run_read(lambda conn: conn.scalar(text("SELECT count(*) FROM referee"))) or 0


@pytest.fixture
async def postgres(postgres_server: PostgresServer, postgres_template: str) -> AsyncIterator[Storage]:
    """A database that takes several writers at once."""
    with postgres_server.database(template=postgres_template) as url:
        async with open_storage(PostgresBackend(url)) as opened:
            yield opened
