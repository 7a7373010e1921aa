"""Threads for hashing: how many, how many may wait, and what becomes of those who no longer do."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from invoke_auth_local.pool import WorkPool

from invoke_host.api import ServiceUnavailable


class Gate:
    """Work that lasts until the gate opens. `entered` counts who is inside, `most` who ever was at once."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._lock = threading.Lock()
        self.done: list[object] = []
        self.inside = 0
        self.most = 0
        self.full = asyncio.Event()

    def work(self, name: object, loop: asyncio.AbstractEventLoop, wanted: int = 1) -> object:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.inside == wanted:
                loop.call_soon_threadsafe(self.full.set)
        assert self._open.wait(30)
        with self._lock:
            self.inside -= 1
            self.done.append(name)
        return name

    def open(self) -> None:
        self._open.set()


@pytest.fixture
async def make_pool() -> AsyncIterator[Callable[..., WorkPool]]:
    made: list[WorkPool] = []

    def make(threads: int = 1, queue: int = 10, niceness: int = 0) -> WorkPool:
        made.append(WorkPool("test-pool", threads=threads, queue=queue, niceness=niceness))
        made[-1].open()
        return made[-1]

    yield make
    for pool in made:
        await pool.close()


def threads_of_pool() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("test-pool")]


async def test_results_and_errors_come_back(make_pool) -> None:
    pool = make_pool()
    assert await pool.run(int, "ff", base=16) == 255
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)


async def test_never_more_at_once_than_there_are_threads(make_pool) -> None:
    pool, gate, loop = make_pool(threads=2, queue=50), Gate(), asyncio.get_running_loop()
    running = [asyncio.create_task(pool.run(gate.work, number, loop, 2)) for number in range(20)]
    await gate.full.wait()
    gate.open()
    assert await asyncio.gather(*running) == list(range(20))
    assert gate.most == 2


async def test_whoever_finds_the_queue_full_is_told_when_to_come_again(make_pool) -> None:
    pool, gate, loop = make_pool(threads=1, queue=2), Gate(), asyncio.get_running_loop()
    running = [asyncio.create_task(pool.run(gate.work, number, loop)) for number in range(3)]
    await gate.full.wait()
    with pytest.raises(ServiceUnavailable) as refused:
        await pool.run(gate.work, "one too many", loop)
    assert int(refused.value.headers["Retry-After"]) > 0
    gate.open()
    await asyncio.gather(*running)
    assert await pool.run(int, "7") == 7
    assert gate.done == [0, 1, 2]


async def test_who_no_longer_waits_costs_nothing_and_makes_room(make_pool) -> None:
    pool, gate, loop = make_pool(threads=1, queue=1), Gate(), asyncio.get_running_loop()
    first = asyncio.create_task(pool.run(gate.work, "first", loop))
    await gate.full.wait()
    for _ in range(5):
        waiting = asyncio.create_task(pool.run(gate.work, "gone", loop))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await pool.run(gate.work, "late", loop)
    last = asyncio.create_task(pool.run(gate.work, "last", loop))
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(first, last)
    assert gate.done == ["first", "last"]


async def test_closing_refuses_what_waits_and_finishes_what_runs(make_pool) -> None:
    pool, gate, loop = make_pool(), Gate(), asyncio.get_running_loop()
    running = asyncio.create_task(pool.run(gate.work, "running", loop))
    waiting = asyncio.create_task(pool.run(gate.work, "waiting", loop))
    await gate.full.wait()
    closing = asyncio.create_task(pool.close())
    with pytest.raises(ServiceUnavailable):
        await waiting
    assert not closing.done()
    gate.open()
    await closing
    assert await running == "running"
    assert gate.done == ["running"]
    assert threads_of_pool() == []


async def test_a_pool_works_only_between_open_and_close_however_often(make_pool) -> None:
    pool = WorkPool("test-pool", threads=1, queue=1)
    await pool.close()
    with pytest.raises(ServiceUnavailable):
        await pool.run(int, "1")
    for _ in range(2):
        pool.open()
        pool.open()
        assert await pool.run(int, "1") == 1
        await pool.close()
        await pool.close()
        with pytest.raises(ServiceUnavailable):
            await pool.run(int, "1")
    assert threads_of_pool() == []


async def test_canceling_a_waiter_while_the_pool_closes_is_still_a_cancellation(make_pool) -> None:
    pool, gate, loop = make_pool(), Gate(), asyncio.get_running_loop()
    running = asyncio.create_task(pool.run(gate.work, "running", loop))
    waiting = asyncio.create_task(pool.run(gate.work, "waiting", loop))
    await gate.full.wait()
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open()
    await asyncio.gather(running, closing)


@pytest.mark.skipif(sys.platform != "linux", reason="only there does each thread have a priority of its own")
async def test_hashing_threads_give_way_to_everything_else(make_pool) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = niceness()
    assert await make_pool(niceness=10).run(niceness) == min(19, before + 10)
    assert await make_pool().run(niceness) == before
    assert niceness() == before
