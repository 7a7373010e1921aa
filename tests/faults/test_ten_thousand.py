"""F-29: ten thousand waiting items, a crash, a start."""

from __future__ import annotations

import asyncio
import time

import psutil
import pytest

from tests.machine import busy

from .asking import generate, status_of
from .host import QUEUE, HostRoot, RunningHost

MIB = 1024 * 1024


def memory(host: RunningHost) -> int:
    return psutil.Process(host.process.pid).memory_info().rss


async def ask_timed(host: RunningHost, path: str) -> tuple[float, dict]:
    began = time.perf_counter()
    status, answer = await host.ask("GET", path)
    assert status == 200, answer
    return time.perf_counter() - began, answer


@pytest.mark.timeout(300)
async def test_f_29_ten_thousand_waiting_items_survive_and_cost_a_start_nothing(root: HostRoot) -> None:
    host = await root.start()
    empty = memory(host)
    await host.ask("PUT", f"{QUEUE}/processor/pause")
    ids: list[int] = []
    while len(ids) < 10_000:
        ids += await generate(host, count=min(1000, 10_000 - len(ids)))
    await host.kill()

    began = time.monotonic()
    host = await root.start()
    assert time.monotonic() - began < 5 * busy()
    took = sorted([(await ask_timed(host, f"{QUEUE}/status"))[0] for _ in range(9)])
    assert took[4] < 0.1 * busy()
    _, status = await ask_timed(host, f"{QUEUE}/status")
    assert status["queue"]["pending"] == 10_000
    began = time.monotonic()
    await host.ask("PUT", f"{QUEUE}/processor/resume")
    await status_of(host, ids[0], "in_progress", "completed", within_s=1.0 * busy())
    assert time.monotonic() - began < 1 * busy()
    done: list[int] = []
    while len(done) < 5:  # in the order in which they came
        status_code, items = await host.ask("POST", f"{QUEUE}/items_by_ids", {"item_ids": ids[:50]})
        assert status_code == 200
        begun = [item["item_id"] for item in items if item["status"] != "pending"]
        assert sorted(begun) == ids[: len(begun)]
        done = [item["item_id"] for item in items if item["status"] == "completed"]
        await asyncio.sleep(0.01)
    assert memory(host) - empty < 100 * MIB
    await host.ask("PUT", f"{QUEUE}/processor/pause")
