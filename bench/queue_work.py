"""What bench.queue measures, each on a database of bench.queue_data and with the host's own code."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import structlog
from invoke_storage_sqlite import SqliteBackend, SqliteOptions
from sqlalchemy import Connection, func, select

from bench.queue_data import USERS, user
from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.api import Actor, UserId
from invoke_host.clock import SystemClock, timestamp
from invoke_host.config.schema import QueueConfig
from invoke_host.queue.bulk import Bulk
from invoke_host.queue.retention import retention_task
from invoke_host.queue.store import finish, state, status
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.store.claim import claim
from invoke_host.queue.store.enqueue import NewBatch, enqueue
from invoke_host.queue.store.items import TERMINAL
from invoke_host.queue.store.new_items import NewItem, new_items
from invoke_host.queue.tables import queue_totals
from invoke_host.storage import Storage
from invoke_host.testing.storage import DATABASE
from invoke_host.vocabulary import ACTIONS, RESOURCES

CLOCK = SystemClock()
ACCESS = AccessEngine(ACTIONS, RESOURCES, [AdminPolicy(), OwnerPolicy()])
ME = Actor(id=UserId(user(1)), kind="user", display_name="User 1", provider="bench")
ROOM = 1_000_000
REQUEST = '{"positive_prompt": "a red apple", "width": 512, "height": 512, "steps": 30, "cfg_scale": 7.5}'


class Timed(Storage):
    """A storage that notes how long each write held the writer, its commit with it, and the CPU seconds of that."""

    def __init__(self, folder: Path, options: SqliteOptions | None = None) -> None:
        super().__init__(SqliteBackend(folder / DATABASE, options), log=structlog.get_logger("bench"))
        self.held_s: list[float] = []
        self.held_cpu_s: list[float] = []
        self._reader: Connection | None = None

    def run_write(self, unit: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The unit's result."""
        started, cpu_started = perf_counter(), thread_time()
        try:
            return super().run_write(unit, *args, **kwargs)
        finally:
            self.held_s.append(perf_counter() - started)
            self.held_cpu_s.append(thread_time() - cpu_started)

    def status(self) -> dict[str, Any]:
        """The answer of the status route, on a connection of its own as the host's event loop has one."""
        if self._reader is None:
            self._reader = self.engine.connect().execution_options(invoke_inline=True)
        with self._reader.begin():
            return status.overall(self._reader, ACCESS, ME, "default")

    def forget(self) -> None:
        """Begin to note anew."""
        self.held_s.clear()
        self.held_cpu_s.clear()


def add(storage: Storage, count: int, number: int = 1, size: float = 16.5) -> list[int]:
    """Enqueue items of the n-th user, of so much work each, as the service does; their ids."""
    batch = NewBatch(
        queue_id="default",
        user_id=user(number),
        origin=None,
        destination=None,
        prepend=False,
        idempotency_key=None,
        request_sha256="0" * 64,
        request=REQUEST,
    )
    items = new_items((NewItem(f'{{"seed":{seed}}}', "bench", size) for seed in range(count)), {})
    return storage.run_write(enqueue, batch, items, max_size=ROOM, now=timestamp(CLOCK.now())).item_ids


@contextmanager
def opened(folder: Path) -> Iterator[Timed]:
    """The database of that folder, without an event loop; the disk's own work at each commit is left out."""
    with Timed(folder, SqliteOptions(synchronous="normal")) as storage:
        yield storage


def fill(storage: Storage, waiting: int) -> None:
    """Enqueue so many items, each user as many as the others, one more for the first."""
    for number in range(USERS):
        add(storage, waiting // USERS + (number < waiting % USERS), number)


def cycle_cpu_s(storage: Timed, times: int) -> float:
    """CPU seconds of one dequeue, finish and status together (two write transactions and a read)."""
    started = thread_time()
    for _ in range(times):
        token, now = ids.new_token(), timestamp(CLOCK.now())
        item = storage.run_write(claim, token=token, lease_s=30.0, now=now)
        assert item is not None
        # Without pictures: what storing those costs is no business of the queue.
        storage.run_write(finish.complete, token, (), device="cuda:0", engine_s=4.5, now=now)
        storage.status()
    return (thread_time() - started) / times


@dataclass(slots=True)
class Disturbance:
    """What somebody who writes all the time noticed of a long operation."""

    waits_s: list[float] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, storage: Storage) -> None:
        """Renew a pause that is none, again and again, until told to stop."""
        while not self._stop.is_set():
            started = perf_counter()
            await storage.write(state.set_paused, "nobody's", False, now="")
            self.waits_s.append(perf_counter() - started)
            await asyncio.sleep(0.001)

    def stop(self) -> None:
        """End `write` after the write at hand."""
        self._stop.set()


@dataclass(frozen=True, slots=True)
class Long:
    """A long operation: all of it, its longest step with the commit, and the longest that another write took.

    `cpu_s` is of all steps, `longest_cpu_s` of the longest: what they would take if nobody else used this machine.
    """

    total_s: float
    longest_s: float
    other_s: float
    cpu_s: float
    longest_cpu_s: float


async def _beside(storage: Timed, work: Callable[[], Any]) -> Long:
    other = Disturbance()
    task = asyncio.create_task(other.write(storage))
    await asyncio.sleep(0.05)
    storage.forget()
    other.waits_s.clear()
    started = perf_counter()
    await work()
    total_s = perf_counter() - started
    other.stop()
    await task
    held, cpu = storage.held_s, storage.held_cpu_s
    return Long(total_s, max(held), max(other.waits_s, default=0.0), sum(cpu), max(cpu))


@dataclass(frozen=True, slots=True)
class Canceling:
    """Rounds of enqueueing and canceling many items: how long enqueueing held the writer, and what canceling took.

    `idle_s`: what the same small write took that goes on beside it, with nothing else going on.
    """

    enqueue_s: list[float] = field(default_factory=list)
    enqueue_cpu_s: list[float] = field(default_factory=list)
    alone_s: list[float] = field(default_factory=list)
    beside: list[Long] = field(default_factory=list)
    idle_s: list[float] = field(default_factory=list)


async def canceling(folder: Path, waiting: int, rounds: int) -> Canceling:
    """Cancel so many waiting items, alone and with another writer beside it."""
    found = Canceling()
    async with _open(folder) as storage:
        work = Bulk(storage, ACCESS, CLOCK)

        async def enqueue() -> None:
            storage.forget()
            await asyncio.to_thread(add, storage, waiting)
            found.enqueue_s.extend(storage.held_s)
            found.enqueue_cpu_s.extend(storage.held_cpu_s)

        async def cancel() -> None:
            count = await work.cancel(ME, Selection("default", ("pending",)))
            assert count == waiting, count

        for _ in range(rounds):
            await enqueue()
            started = perf_counter()
            await cancel()
            found.alone_s.append(perf_counter() - started)
            await enqueue()
            found.beside.append(await _beside(storage, cancel))
            found.idle_s.append((await _beside(storage, partial(asyncio.sleep, 0.2))).longest_s)
    return found


async def forgetting(folder: Path, each: int, rounds: int) -> list[Long]:
    """Rounds of retention, each of which removes so many of the finished items, with another writer beside it."""
    async with _open(folder) as storage:
        finished = await storage.read(_finished)
        found = []
        for number in range(rounds):
            config = QueueConfig(keep_items=finished - each * (number + 1))
            found.append(await _beside(storage, retention_task(storage, CLOCK, config).run))
        assert await storage.read(_finished) == finished - each * rounds
        return found


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Timed]:
    storage = Timed(folder)
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


def _finished(conn: Connection) -> int:
    totals = queue_totals.c
    return conn.scalar(select(func.sum(totals.count)).where(totals.status.in_(TERMINAL))) or 0


def single_cancels_s(url: str, item_ids: list[int]) -> list[float]:
    """How long the answer to each `PUT .../i/{id}/cancel` took, on one connection, in order of time."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    taken = []
    for item_id in item_ids:
        started = perf_counter()
        connection.request("PUT", f"/api/v1/queue/default/i/{item_id}/cancel")
        answer = connection.getresponse()
        answer.read()
        taken.append(perf_counter() - started)
        assert answer.status == 200, answer.status
    connection.close()
    return sorted(taken)
