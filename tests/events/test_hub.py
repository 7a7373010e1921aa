"""The hub below HTTP: other processes, other listeners, several writers, pruning."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
import structlog
from sqlalchemy import Connection, insert

from invoke_host.api import Event
from invoke_host.events import store
from invoke_host.events.hub import EventHub
from invoke_host.events.subscription import RESYNC, Subscription
from invoke_host.events.tables import outbox as outbox_table
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.postgres import PostgresServer
from invoke_host.testing.postgres_backend import PostgresBackend
from invoke_host.testing.storage import open_storage
from tests.events.conftest import ALICE, NOW, Outbox, append_all


async def take(subscription: Subscription, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(10):
        async for event in subscription:
            events.append(event)
            if len(events) == count:
                break
    return events


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is in another task's list, which nobody signals
            await asyncio.sleep(0.01)


def insert_with_id(conn: Connection, event_id: int) -> None:
    """An event whose id was given out before, as a transaction that commits late leaves it."""
    conn.execute(
        insert(outbox_table).values(
            id=event_id, kind="images_changed", audience="alice", payload=f'{{"number": {event_id}}}', created_at=NOW
        )
    )


async def test_events_of_another_process_arrive_within_the_poll(hub: EventHub, storage: Storage) -> None:
    """Another process writes without this one's `on_commit`: a second Storage on the same database."""
    with hub_free(storage) as other, await hub.subscribe(ALICE) as subscription:
        await asyncio.to_thread(other.run_write, append_all, 2, "alice", "images_changed", 1)

        assert [event.payload["number"] for event in await take(subscription, 2)] == [1, 2]


def hub_free(storage: Storage) -> Storage:
    """Another Storage on the same database file, which no hub listens to."""
    backend = type(storage.backend)(storage.backend.path)  # type: ignore[attr-defined,call-arg]  # the SQLite backend
    return Storage(backend, log=structlog.get_logger())


async def test_a_hub_that_starts_later_knows_what_was_before(
    hub: EventHub, outbox: Outbox, storage: Storage, clock: FakeClock
) -> None:
    await outbox.write(5)
    restarted = EventHub(storage, clock, structlog.get_logger())
    await restarted.start()
    try:
        with await restarted.subscribe(ALICE, 3) as subscription:
            assert [event.payload["number"] for event in await take(subscription, 2)] == [4, 5]
    finally:
        await restarted.stop()


async def test_an_id_that_only_another_process_has_seen_is_not_sent_twice(
    outbox: Outbox, storage: Storage, clock: FakeClock
) -> None:
    behind = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05)  # not started: it has seen nothing yet
    await outbox.write(3)
    with await behind.subscribe(ALICE, 2) as subscription:
        await behind._dispatch_new()

        assert [event.payload["number"] for event in await take(subscription, 1)] == [3]
        assert subscription.waiting == 0


async def test_listeners_get_every_event_in_order_and_one_failing_stops_nobody(hub: EventHub, outbox: Outbox) -> None:
    heard: list[int] = []

    async def failing(event: Event) -> None:
        raise RuntimeError("a plugin's mistake")

    async def listening(event: Event) -> None:
        heard.append(event.payload["number"])

    hub.listen(failing)
    hub.listen(listening)
    await outbox.write(3, "alice")
    await outbox.write(2, "bob")

    await eventually(lambda: len(heard) == 5)
    assert heard == [1, 2, 3, 4, 5]


async def test_a_listener_that_hangs_does_not_hold_up_the_streams(hub: EventHub, outbox: Outbox) -> None:
    async def hanging(event: Event) -> None:
        await asyncio.Event().wait()

    hub.listen(hanging)
    with await hub.subscribe(ALICE) as subscription:
        await outbox.write(3)

        assert len(await take(subscription, 3)) == 3


async def test_with_several_writers_an_event_waits_for_the_one_before_it(storage: Storage, clock: FakeClock) -> None:
    hub = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05, concurrent_writers=True)
    await hub.start()
    try:
        with await hub.subscribe(ALICE) as subscription:
            await storage.write(insert_with_id, 2)
            await hub._dispatch_new()
            assert subscription.waiting == 0
            await storage.write(insert_with_id, 1)

            assert [event.id for event in await take(subscription, 2)] == [1, 2]
    finally:
        await hub.stop()


async def test_an_event_that_comes_after_all_makes_clients_read_afresh(storage: Storage, clock: FakeClock) -> None:
    hub = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05, concurrent_writers=True)
    heard: list[int | None] = []

    async def listening(event: Event) -> None:
        heard.append(event.id)

    hub.listen(listening)
    await hub.start()
    try:
        with await hub.subscribe(ALICE) as subscription:
            await storage.write(insert_with_id, 2)
            await hub._dispatch_new()
            clock.advance(5)
            assert [event.id for event in await take(subscription, 1)] == [2]
            await eventually(lambda: heard == [2])
            await storage.write(insert_with_id, 1)

            (resync,) = await take(subscription, 1)
        assert (resync.kind, resync.id) == (RESYNC, 2)
        await eventually(lambda: len(heard) == 2)
        assert heard == [2, 1]
    finally:
        await hub.stop()


async def test_pruning_keeps_the_newest_in_short_steps(
    hub: EventHub, outbox: Outbox, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PRUNE_STEP", 10)
    await outbox.write(95)

    assert await storage.write(store.prune, 30) == 10
    await hub.prune_task(30).run()

    assert await storage.read(store.span) == store.Span(66, 95)
    assert await storage.write(store.prune, 30) == 0
    assert await storage.write(store.prune, 0) == 10


def test_events_read_back_as_they_were_written(each_storage: Storage) -> None:
    each_storage.run_write(append_all, 3, None, "images_changed", 1)
    each_storage.run_write(append_all, 2, "alice", "progressed", 4)

    events = each_storage.run_read(store.read_after, 1, 10)

    assert [(event.id, event.kind, event.audience, event.payload) for event in events] == [
        (2, "images_changed", None, {"number": 2}),
        (3, "images_changed", None, {"number": 3}),
        (4, "progressed", "alice", {"number": 4}),
        (5, "progressed", "alice", {"number": 5}),
    ]
    assert events[0].created_at.isoformat() == "2026-11-23T06:00:00+00:00"
    assert [event.id for event in each_storage.run_read(store.read_after, 1, 10, up_to=3)] == [2, 3]
    assert [event.id for event in each_storage.run_read(store.read_ids, [5, 2, 77])] == [2, 5]
    assert each_storage.run_write(store.prune, 2) == 3
    assert each_storage.run_read(store.span) == store.Span(4, 5)
    each_storage.run_write(append_all, 1, None, "images_changed", 6)
    assert each_storage.run_read(store.span).last == 6


def test_ids_are_never_used_again(storage: Storage) -> None:
    from sqlalchemy import delete

    def empty(conn: Connection) -> None:
        conn.execute(delete(outbox_table))

    storage.run_write(append_all, 3, None, "images_changed", 1)
    storage.run_write(empty)
    storage.run_write(append_all, 1, None, "images_changed", 4)

    assert storage.run_read(store.span) == store.Span(4, 4)


def test_an_empty_outbox_has_no_span(each_storage: Storage) -> None:
    assert each_storage.run_read(store.span) == store.Span(0, 0)
    assert each_storage.run_write(store.prune, 10) == 0


async def test_on_postgresql_a_slow_transaction_is_not_overtaken(
    postgres_server: PostgresServer, postgres_template: str, clock: FakeClock
) -> None:
    """The real thing: ids are given out before commit, and the first of two transactions commits last."""
    with postgres_server.database(template=postgres_template) as url:
        async with open_storage(PostgresBackend(url)) as storage:
            hub = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05)
            await hub.start()
            try:
                with await hub.subscribe(ALICE) as subscription:
                    appended, may_commit = threading.Event(), threading.Event()

                    def slow(conn: Connection) -> None:
                        append_all(conn, 1, "alice", "images_changed", 1)
                        appended.set()
                        may_commit.wait(10)

                    first = asyncio.create_task(storage.write(slow))
                    await asyncio.to_thread(appended.wait, 10)
                    await storage.write(append_all, 1, "alice", "images_changed", 2)
                    await hub._dispatch_new()
                    assert subscription.waiting == 0
                    may_commit.set()
                    await first

                    assert [event.payload["number"] for event in await take(subscription, 2)] == [1, 2]
            finally:
                await hub.stop()
