"""F-24: clocks that jump under a running host. Leases go by the database's clock; SQLite's is the machine's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from .asking import generate, item, status_of
from .host import LEASE_S, QUEUE, HostRoot, RunningHost
from .oracle import Oracle
from .rounds import log_problems

LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.mark.parametrize("jump", ["+1h", "-1h", "+10y"])
async def test_f_24_a_clock_that_jumps_costs_no_second_run(root: HostRoot, jump: str) -> None:
    assert LIBFAKETIME is not None, "install it: apt-get install libfaketime"
    clock = root.root / "clock"
    clock.write_text("+0\n")
    # Monotonic time does not jump, when the time of day is set.
    environment = {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PAINTER_STEP_S": "0.05",  # the first item takes longer than a lease
    }
    host = await root.start(environment=environment)
    before, _ = await _checked_at(host)
    [running] = await generate(host, steps=150)
    waiting = await generate(host, count=2)
    await status_of(host, running, "in_progress")
    clock.write_text(f"{jump}\n")
    await asyncio.sleep(LEASE_S + 0.5)  # until the lease would have ended, if it had not been renewed
    assert (await item(host, running))["status"] == "in_progress"
    after, _ = await _checked_at(host)
    assert (after > before) is (jump != "-1h")
    assert after[:13] != before[:13]
    for item_id in (running, *waiting):
        found = await status_of(host, item_id)
        assert (found["status"], found["attempt"]) == ("completed", 1), found
    [later] = await generate(host)
    assert (await status_of(host, later))["status"] == "completed"
    assert (await host.ask("GET", f"{QUEUE}/status"))[0] == 200
    assert await host.terminate() == 0
    assert list(Oracle().problems(root.root, finished=True)) == []
    assert log_problems(root) == []


async def _checked_at(host: RunningHost) -> tuple[str, int]:
    status, answer = await host.ask("GET", "/readyz")
    return answer["checked_at"], status
