"""The kit's record of events: everything, in order, and waiting for one without sleeping."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection

from invoke_host.clock import timestamp
from invoke_host.events.subscription import Subscription
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.events import RecordedEvents, record_events
from tests.events.conftest import ALICE, Outbox, append_all


async def test_kept_and_passing_events_of_all_users_are_recorded_in_order(
    recorded_events: RecordedEvents, outbox: Outbox
) -> None:
    await outbox.write(audience="alice")
    await recorded_events.next("images_changed")
    recorded_events.hub.emit("progress", {"step": 1}, "bob")
    await outbox.write(audience=None, kind="queue_items_changed")
    last = await recorded_events.next("queue_items_changed")
    assert recorded_events.kinds == ["images_changed", "progress", "queue_items_changed"]
    assert [event.id is None for event in recorded_events.all] == [False, True, False]
    assert (last.payload, last.audience) == ({"number": 2}, None)


async def test_an_event_that_is_not_there_yet_is_waited_for(recorded_events: RecordedEvents, outbox: Outbox) -> None:
    waiting = asyncio.create_task(recorded_events.next("images_changed"))
    other = asyncio.create_task(recorded_events.next("progress"))
    await outbox.write()
    assert (await waiting).payload == {"number": 1}
    recorded_events.hub.emit("progress", {"step": 1}, "alice")
    assert (await other).payload == {"step": 1}


async def test_each_event_is_handed_out_once(recorded_events: RecordedEvents, outbox: Outbox) -> None:
    await outbox.write(3)
    numbers = [(await recorded_events.next("images_changed")).payload["number"] for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert len(recorded_events.of("images_changed")) == 3


async def test_an_event_that_does_not_come_fails_with_what_came_instead(
    recorded_events: RecordedEvents, outbox: Outbox
) -> None:
    await outbox.write()
    await recorded_events.next("images_changed")
    with pytest.raises(AssertionError, match=r"no 'progress' within 0.01 s .*\['images_changed'\]"):
        await recorded_events.next("progress", timeout_s=0.01)
    recorded_events.hub.emit("progress", {}, None)
    assert (await recorded_events.next("progress")).payload == {}


async def test_what_a_transaction_that_is_rolled_back_says_is_not_recorded(
    recorded_events: RecordedEvents, outbox: Outbox, storage: Storage
) -> None:
    def write_and_fail(conn: Connection) -> None:
        append_all(conn, 1, "alice", "images_changed", 99)
        raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError, match="rolled back"):
        await storage.write(write_and_fail)
    await outbox.write()
    assert (await recorded_events.next("images_changed")).payload == {"number": 1}
    assert len(recorded_events.all) == 1


async def test_clients_of_the_recording_hub_get_their_events_too(
    recorded_events: RecordedEvents, outbox: Outbox, clock: FakeClock
) -> None:
    subscription: Subscription
    with await recorded_events.hub.subscribe(ALICE) as subscription:
        await outbox.write()
        await recorded_events.next("images_changed")
        assert subscription.waiting == 1
    recorded_events.hub.emit("progress", {}, "alice")
    assert timestamp(recorded_events.all[-1].created_at) == timestamp(clock.now())


async def test_events_of_postgresql_are_recorded_as_well(each_storage: Storage, clock: FakeClock) -> None:
    await Outbox(each_storage).write()
    async with record_events(each_storage, clock) as recorded:
        await Outbox(each_storage, written=1).write(2)
        numbers = [(await recorded.next("images_changed")).payload["number"] for _ in range(2)]
    assert numbers == [2, 3], "what was there before the record began is not in it"
