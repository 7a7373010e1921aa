"""Failed logins per account, per address and per known device: what they cost, and that nobody is locked out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from invoke_host.api import TooManyRequests
from invoke_host.config.schema import ThrottleConfig
from invoke_host.identity.login import throttle as throttling
from invoke_host.identity.login.tables import login_throttle
from invoke_host.identity.login.throttle import Throttle, address_key, keys_of, prune_step
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.storage import copy_of, open_storage

CONFIG = ThrottleConfig(free_failures=3, longest_wait_s=60, failures_per_address=10)
ROOMY = ThrottleConfig(free_failures=3, longest_wait_s=60, failures_per_address=100_000)
HOME = "192.0.2.7"


@pytest.fixture
def throttle(storage: Storage, clock: FakeClock) -> Throttle:
    return Throttle(storage, clock, ROOMY)


async def fail(throttle: Throttle, keys: tuple[str, ...]) -> int:
    """A try that nobody refunds; seconds to wait if it was refused, else 0."""
    try:
        await throttle.check(keys)
        await throttle._storage.write(throttle.charge, keys)
    except TooManyRequests as error:
        return int(error.headers["Retry-After"])
    return 0


async def test_the_first_failures_are_free_and_each_more_doubles_the_wait(throttle: Throttle, clock: FakeClock) -> None:
    keys = keys_of("alice", HOME)
    waits: list[int] = []
    while len(waits) < 8:
        if wait := await fail(throttle, keys):
            waits.append(wait)
            clock.advance(wait)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60], "from one second up to the longest wait"


async def test_waiting_as_long_as_told_is_enough_however_long_the_attack_went_on(
    throttle: Throttle, clock: FakeClock
) -> None:
    keys = keys_of("alice", HOME)
    for _ in range(200):
        clock.advance(await fail(throttle, keys))

    clock.advance(CONFIG.longest_wait_s)

    assert await fail(throttle, keys) == 0


async def test_a_failure_an_hour_is_forgiven_and_all_after_a_day(throttle: Throttle, clock: FakeClock) -> None:
    keys = keys_of("alice", HOME)
    for _ in range(4):
        assert await fail(throttle, keys) == 0
    clock.advance(3600)
    assert await fail(throttle, keys) == 0, "the wait is over"
    assert await fail(throttle, keys) == 1, "four failures less one, and the fifth"

    clock.advance(86_400)

    assert [await fail(throttle, keys) for _ in range(4)] == [0, 0, 0, 0]


async def test_success_forgets_the_account_s_debt_and_gives_the_address_one_try_back(
    storage: Storage, clock: FakeClock
) -> None:
    throttle = Throttle(storage, clock, CONFIG)
    keys = keys_of("alice", HOME)
    for _ in range(3):
        await fail(throttle, keys)
    ticket = await storage.write(throttle.charge, keys)
    assert await fail(throttle, keys) == 1

    await storage.write(throttle.succeeded, ticket)

    rows = await storage.read(
        lambda conn: dict(conn.execute(select(login_throttle.c.key, login_throttle.c.debt)).all())
    )
    assert rows == {address_key(HOME): 3.0}


async def test_a_refund_is_as_if_the_password_had_not_been_tried(throttle: Throttle, storage: Storage) -> None:
    keys = keys_of("alice", HOME)
    for _ in range(3):
        await fail(throttle, keys)

    for _ in range(20):
        ticket = await storage.write(throttle.charge, keys)
        await storage.write(throttle.refund, ticket)

    assert await fail(throttle, keys) == 0


async def test_a_refund_of_what_was_pruned_meanwhile_harms_nobody(throttle: Throttle, storage: Storage) -> None:
    ticket = await storage.write(throttle.charge, keys_of("alice", HOME))
    await storage.write(prune_step, 1e12)

    await storage.write(throttle.refund, ticket)
    await storage.write(throttle.succeeded, ticket)


async def test_guesses_sent_at_once_cost_as_much_as_guesses_sent_in_turn(
    each_storage: Storage, clock: FakeClock
) -> None:
    throttle = Throttle(each_storage, clock, ROOMY)
    keys = keys_of("alice", HOME)

    waits = await asyncio.gather(*(fail(throttle, keys) for _ in range(50)))

    assert sorted(waits) == [0] * 4 + [1] * 46, "three free, the fourth starts the wait"


async def test_tries_from_one_address_are_a_bucket_that_refills_in_a_minute(storage: Storage, clock: FakeClock) -> None:
    throttle = Throttle(storage, clock, CONFIG)

    waits = [await fail(throttle, keys_of(f"user{number}", HOME)) for number in range(12)]
    assert waits == [0] * 10 + [6, 6]
    assert await fail(throttle, keys_of("user", "192.0.2.8")) == 0, "the neighbour is another address"

    clock.advance(6)
    assert [await fail(throttle, keys_of(f"later{number}", HOME)) for number in range(2)] == [0, 6]
    clock.advance(60)
    assert [await fail(throttle, keys_of(f"last{number}", HOME)) for number in range(11)] == [0] * 10 + [6]


async def test_one_account_from_many_addresses_waits_all_the_same(storage: Storage, clock: FakeClock) -> None:
    throttle = Throttle(storage, clock, CONFIG)

    waits = [await fail(throttle, keys_of("alice", f"198.51.100.{number}")) for number in range(200)]

    assert sum(wait == 0 for wait in waits) == 4


async def test_a_known_device_gets_in_while_account_and_address_have_to_wait(
    storage: Storage, clock: FakeClock
) -> None:
    throttle = Throttle(storage, clock, CONFIG)
    for number in range(1000):
        await fail(throttle, keys_of("alice", HOME if number % 2 else f"198.51.100.{number % 200}"))
    assert await fail(throttle, keys_of("alice", HOME)) > 0

    assert await fail(throttle, keys_of("alice", HOME, "device-1")) == 0


async def test_a_known_device_that_guesses_waits_too(throttle: Throttle) -> None:
    keys = keys_of("alice", HOME, "device-1")

    assert [await fail(throttle, keys) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert await fail(throttle, keys_of("alice", HOME)) == 0, "and does not make others wait"


async def test_a_device_is_known_for_one_account_only(throttle: Throttle) -> None:
    assert keys_of("alice", HOME, "device-1") != keys_of("bob", HOME, "device-1")


async def test_failures_survive_a_restart(tmp_path: Path, sqlite_template: Path, clock: FakeClock) -> None:
    backend = copy_of(sqlite_template, tmp_path)
    keys = keys_of("alice", HOME)
    async with open_storage(backend) as storage:
        for _ in range(4):
            await fail(Throttle(storage, clock, CONFIG), keys)

    async with open_storage(backend) as storage:
        assert await fail(Throttle(storage, clock, CONFIG), keys) == 1


async def test_a_clock_that_is_set_back_locks_nobody_out(throttle: Throttle, clock: FakeClock) -> None:
    keys = keys_of("alice", HOME)
    for _ in range(4):
        await fail(throttle, keys)
    assert await fail(throttle, keys) == 1

    clock.jump(-365 * 86_400)

    assert await fail(throttle, keys) == 0
    assert await fail(throttle, keys) == 2, "the debt stays"


async def test_names_are_the_same_account_however_they_are_written(throttle: Throttle) -> None:
    assert keys_of(" Alice@Example.COM ", HOME) == keys_of("alice@example.com", HOME)
    assert "alice" not in keys_of("alice", HOME)[0], "what somebody types is not kept"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "address:2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("fe80::1%eth0", "address:fe80::/64"),
        ("", "address:unknown"),
        (None, "address:unknown"),
        ("unix:", "address:unknown"),
    ],
)
def test_an_address_stands_for_one_customer(address: str | None, key: str) -> None:
    assert address_key(address) == key


async def test_rows_that_mean_nothing_any_more_are_pruned_in_steps(
    each_storage: Storage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "STEP", 4)
    throttle = Throttle(each_storage, clock, ROOMY)
    for number in range(9):
        await fail(throttle, keys_of(f"user{number}", HOME, f"device-{number}"))
    clock.advance(86_000)
    await fail(throttle, keys_of("late", HOME, "device-late"))
    clock.advance(401)

    await throttle.prune_task().run()

    keys = await each_storage.read(lambda conn: conn.scalars(select(login_throttle.c.key)).all())
    assert keys == list(keys_of("late", HOME, "device-late"))


async def test_a_refused_try_writes_nothing(throttle: Throttle, storage: Storage) -> None:
    for _ in range(4):
        await fail(throttle, keys_of("alice", HOME))
    with pytest.raises(TooManyRequests):
        await storage.write(throttle.charge, keys_of("alice", "192.0.2.99"))

    count = await storage.read(lambda conn: conn.scalar(select(func.count()).select_from(login_throttle)))
    assert count == 2, "the account and the first address"
