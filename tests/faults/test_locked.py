"""F-17: another process has the database for itself, for one second, ten, and a minute."""

from __future__ import annotations

import time

import pytest

from tests.machine import busy

from .asking import generate, send, status_of
from .host import QUEUE, HostRoot
from .rounds import log_problems
from .trouble import locked

#: What a host has whose operator has changed nothing; the tests of this folder wait for less.
AS_DELIVERED = {"INVOKE_HOST_PLUGINS__SQLITE__BUSY_TIMEOUT_S": "5"}


async def test_f_17_a_lock_of_a_second_goes_unseen(root: HostRoot) -> None:
    host = await root.start(environment=AS_DELIVERED)
    async with locked(root.root, 1.0):
        ids = await generate(host, count=3)
        for item_id in ids:
            assert (await status_of(host, item_id))["status"] == "completed"
    assert await host.terminate() == 0
    assert log_problems(root) == []


@pytest.mark.parametrize("seconds", [10.0, pytest.param(60.0, marks=[pytest.mark.soak, pytest.mark.timeout(300)])])
async def test_f_17_a_long_lock_is_503_with_retry_after_and_the_finished_picture_is_kept(
    root: HostRoot, seconds: float
) -> None:
    host = await root.start(environment=AS_DELIVERED)
    [running] = await generate(host, steps=150)
    await status_of(host, running, "in_progress")
    async with locked(root.root, seconds):
        began = time.monotonic()
        async with host.session.post(
            f"{host.url}{QUEUE}/generate", json={"positive_prompt": "x"}, headers={"Idempotency-Key": "again"}
        ) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert (await answer.json())["error_id"]
        assert 4 < time.monotonic() - began < 8 * busy()
        assert (await host.ask("GET", f"{QUEUE}/status"))[0] == 200  # readers are not locked out
        assert (await host.ask("GET", "/api/v1/images/?limit=5"))[0] == 200
    found = await status_of(host, running, within_s=10)
    assert (found["status"], found["attempt"]) == ("completed", 1)  # made once, and stored when it could be
    status, answer_again = await send(host, key="again")
    assert status == 201
    assert (await status_of(host, answer_again["item_ids"][0], within_s=10))["status"] == "completed"
    assert await host.terminate() == 0
    assert log_problems(root) == []
