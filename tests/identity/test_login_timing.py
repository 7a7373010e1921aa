"""S-E4: the time that a refused login takes does not tell why it was refused."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

from invoke_auth_local import LocalOptions

from invoke_host.identity.users.values import UserChange
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from tests.identity.conftest import Log
from tests.identity.login_host import ALICE, OTHER, PASSWORD, TESTS, login_host

TRIES = 200
ROUNDS = 3
GONE = "gone@example.org"

#: A hash takes some 20 ms at this cost, a tenth of what it takes at the default: what else differs shows all the more.
COST = 8


async def test_unknown_wrong_and_disabled_take_the_same_time(
    storage: Storage, clock: FakeClock, log: Log, tmp_path: Path
) -> None:
    options = LocalOptions(bcrypt_cost=COST, hash_threads=1)
    async with login_host(storage, clock, log, tmp_path, options=options) as host:
        await host.add()
        gone = await host.add(GONE)
        await host.users.change(gone.id, UserChange(is_active=False), TESTS)
        ways = {"unknown": ("nobody@example.org", OTHER), "wrong": (ALICE, OTHER), "disabled": (GONE, PASSWORD)}
        # Other work on the machine can only add a difference; one that is in the host shows in every round.
        for _ in range(ROUNDS):
            took: dict[str, list[float]] = {way: [] for way in ways}
            for number in range(TRIES + 5):
                for way in sorted(ways, key=lambda _: random.random()):
                    name, password = ways[way]
                    started = time.perf_counter()
                    assert (await host.login(name, password)).status == 401
                    if number >= 5:
                        took[way].append(time.perf_counter() - started)
            medians = {way: statistics.median(times) for way, times in took.items()}
            if max(medians.values()) / min(medians.values()) < 1.15:
                break

    assert max(medians.values()) / min(medians.values()) < 1.15, medians
    assert min(medians.values()) > 0.005, "a hash is in each of them"
    assert set(host.failures()) == {"bad_credentials", "disabled"}
