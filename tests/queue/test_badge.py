"""The badge: numbers for everybody, one's own for each, told when they change and not too often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import structlog
from sqlalchemy import Connection, delete, insert

from invoke_host.api import ANONYMOUS, Actor, StorageUnavailable, UserId
from invoke_host.events.hub import EventHub
from invoke_host.events.subscription import Subscription
from invoke_host.identity.tables import users
from invoke_host.queue import badge as badges
from invoke_host.queue.badge import KIND, Badge, read_numbers
from invoke_host.queue.store.state import set_paused
from invoke_host.queue.tables import queue_counts
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock

NOW = "2026-11-23 06:00:00.000"
ALICE = Actor(id=UserId("alice"), kind="user", provider="test")
BOB = Actor(id=UserId("bob"), kind="user", provider="test")
CAROL = Actor(id=UserId("carol"), kind="user", provider="test")
ADMIN = Actor(id=UserId("root"), kind="user", is_admin=True, provider="test")

Row = tuple[str, str, str, int]


def set_counts(conn: Connection, rows: Sequence[Row]) -> None:
    conn.execute(delete(queue_counts))
    names = ("queue_id", "user_id", "status", "count")
    if rows:
        conn.execute(insert(queue_counts), [dict(zip(names, row, strict=True)) for row in rows])


def add_people(conn: Connection) -> None:
    stamps = {"created_at": NOW, "updated_at": NOW}
    for actor in (ALICE, BOB, CAROL, ADMIN):
        conn.execute(insert(users).values(id=actor.id, email=f"{actor.id}@example.org", **stamps))


SOME: list[Row] = [
    ("default", "alice", "pending", 2),
    ("default", "alice", "completed", 5),
    ("default", "bob", "pending", 14),
    ("default", "bob", "in_progress", 1),
    ("default", "bob", "failed", 0),
    ("bobs secret plan", "bob", "pending", 3),
]


async def start(storage: Storage, clock: FakeClock) -> EventHub:
    await storage.write(add_people)
    hub = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05)
    await hub.start()
    return hub


@pytest.fixture
async def hub(each_storage: Storage, clock: FakeClock) -> AsyncIterator[EventHub]:
    hub = await start(each_storage, clock)
    yield hub
    await hub.stop()


@pytest.fixture
async def badge(each_storage: Storage, hub: EventHub) -> AsyncIterator[Badge]:
    badge = Badge(each_storage, hub, structlog.get_logger(), poll_s=0.05, least_s=0.01)
    badge.start()
    yield badge
    await badge.stop()
    await badge.stop()


async def next_of(stream: Subscription, **wanted: Any) -> dict[str, Any]:
    """The next numbers that say this."""
    async with asyncio.timeout(10):
        async for event in stream:
            assert event.kind == KIND
            assert event.id is None
            if all(event.payload[key] == value for key, value in wanted.items()):
                return dict(event.payload)
    raise AssertionError


async def test_everybody_gets_the_totals_and_each_their_own(each_storage: Storage, hub: EventHub, badge: Badge) -> None:
    with await hub.subscribe(ALICE) as hers, await hub.subscribe(BOB) as his, await hub.subscribe(CAROL) as third:
        await each_storage.write(set_counts, SOME)
        common = {
            "queue_id": "default",
            "pending": 16,
            "in_progress": 1,
            "waiting": 0,
            "completed": 5,
            "failed": 0,
            "canceled": 0,
            "total": 22,
            "is_started": True,
        }
        assert await next_of(hers, pending=16) == {**common, "user_pending": 2, "user_in_progress": 0}
        assert await next_of(his, pending=16) == {**common, "user_pending": 14, "user_in_progress": 1}
        assert await next_of(third, pending=16) == {**common, "user_pending": 0, "user_in_progress": 0}


async def test_a_pause_is_told_though_no_number_changes(each_storage: Storage, hub: EventHub, badge: Badge) -> None:
    with await hub.subscribe(CAROL) as stream:
        await next_of(stream, is_started=True)
        await each_storage.write(set_paused, "default", True, now=NOW)
        await next_of(stream, is_started=False)
        await each_storage.write(set_paused, "default", False, now=NOW)
        await next_of(stream, is_started=True)


async def test_names_of_other_queues_are_told_to_those_who_are_in_them_and_to_administrators(
    each_storage: Storage,
) -> None:
    await each_storage.write(add_people)
    await each_storage.write(set_counts, SOME)
    numbers = await each_storage.read(read_numbers)
    queues = {str(actor.id): [each["queue_id"] for each in numbers.for_(actor)] for actor in (ALICE, BOB, CAROL, ADMIN)}
    both = ["bobs secret plan", "default"]
    assert queues == {"alice": ["default"], "bob": both, "carol": ["default"], "root": both}
    assert [each["queue_id"] for each in numbers.for_(ANONYMOUS)] == ["default"]


async def test_callers_with_the_same_numbers_get_one_mapping(each_storage: Storage) -> None:
    numbers = await each_storage.read(read_numbers)
    assert numbers.for_(ALICE)[0] is numbers.for_(CAROL)[0]
    assert numbers.for_(ALICE)[0]["total"] == 0


async def test_a_new_stream_is_told_at_once_and_nobody_twice(
    each_storage: Storage, hub: EventHub, badge: Badge
) -> None:
    await each_storage.write(set_counts, SOME)
    with await hub.subscribe(ALICE) as early:
        await next_of(early, pending=16)
        with await hub.subscribe(ALICE) as late:
            assert (await next_of(late))["user_pending"] == 2
            await each_storage.write(set_counts, SOME)  # nothing is different
            await each_storage.write(set_counts, [*SOME, ("default", "carol", "pending", 1)])
            await next_of(early, pending=17)  # the very next
            assert early.waiting == 0


async def test_what_is_gone_is_told_too(each_storage: Storage, hub: EventHub, badge: Badge) -> None:
    await each_storage.write(set_counts, SOME)
    with await hub.subscribe(BOB) as stream:
        await next_of(stream, queue_id="default", total=22)
        await each_storage.write(set_counts, [])
        assert (await next_of(stream, queue_id="default", total=0))["user_pending"] == 0


async def test_changes_of_other_processes_are_told_too(storage: Storage, clock: FakeClock) -> None:
    hub = await start(storage, clock)
    badge = Badge(storage, hub, structlog.get_logger(), poll_s=0.05, least_s=0.01)
    badge.start()
    other = Storage(type(storage.backend)(storage.backend.path), log=structlog.get_logger())  # type: ignore[attr-defined,call-arg]  # SQLite
    try:
        with other, await hub.subscribe(ALICE) as stream:
            await next_of(stream, total=0)
            await asyncio.to_thread(other.run_write, set_counts, SOME)
            await next_of(stream, total=22)
    finally:
        await badge.stop()
        await hub.stop()


async def test_a_storm_of_changes_is_a_few_events(storage: Storage, clock: FakeClock) -> None:
    hub = await start(storage, clock)
    badge = Badge(storage, hub, structlog.get_logger(), poll_s=10, least_s=0.25)
    badge.start()
    try:
        with await hub.subscribe(ALICE) as stream:
            began = asyncio.get_running_loop().time()
            for count in range(1, 101):
                await storage.write(set_counts, [("default", "bob", "pending", count)])
            told = 1
            while (await next_of(stream))["pending"] != 100:
                told += 1
            took_s = asyncio.get_running_loop().time() - began
            assert told <= 2 + took_s / 0.25
    finally:
        await badge.stop()
        await hub.stop()


async def test_nothing_is_read_while_nobody_listens_and_trouble_ends_nothing(
    storage: Storage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await start(storage, clock)
    reads = 0

    def failing(conn: Connection) -> Any:
        nonlocal reads
        reads += 1
        if reads == 1:
            raise StorageUnavailable("the database is away")
        if reads == 2:
            raise RuntimeError("whatever")
        return read_numbers(conn)

    monkeypatch.setattr(badges, "read_numbers", failing)
    badge = Badge(storage, hub, structlog.get_logger(), poll_s=0.01, least_s=0.01)
    badge.start()
    try:
        await storage.write(set_counts, SOME)
        await asyncio.sleep(0.1)
        assert reads == 0
        with await hub.subscribe(ALICE) as stream:
            await next_of(stream, total=22)
        assert reads >= 3  # two failures and the answer; it may have looked once more by now
    finally:
        await badge.stop()
        await hub.stop()
