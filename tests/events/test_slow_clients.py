"""Clients that are behind: of what passes they get the newest, of what is kept all or one resync; memory is bounded."""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.events.hub import EventHub
from invoke_host.events.subscription import MAX_WAITING, RESYNC
from invoke_host.testing.client import ApiClient
from tests.events.conftest import ADMIN, ALICE, BOB, Connect, Outbox
from tests.events.test_hub import take
from tests.events.test_stream import until


async def test_only_the_newest_progress_of_an_item_waits(hub: EventHub, outbox: Outbox) -> None:
    with await hub.subscribe(ALICE) as stream:
        for step in range(1000):
            for item in (1, 2):
                hub.emit("progress", {"item_id": item, "step": step, "image": "x" * 8000}, "alice")
        assert stream.waiting == 2
        await outbox.write(1)
        await hub._dispatch_new()
        hub.emit("progress", {"item_id": 1, "step": 1000}, "alice")
        events = await take(stream, 3)
    # What comes after a kept event stays after it.
    assert [(event.kind, event.payload.get("item_id"), event.payload.get("step")) for event in events] == [
        ("progress", 2, 999),
        ("images_changed", None, None),
        ("progress", 1, 1000),
    ]


async def test_a_client_that_keeps_up_gets_every_step(hub: EventHub) -> None:
    with await hub.subscribe(ALICE) as stream:
        for step in range(5):
            hub.emit("progress", {"item_id": 1, "step": step}, "alice")
            assert [event.payload["step"] for event in await take(stream, 1)] == [step]
        assert not stream._latest


async def test_other_passing_events_are_not_taken_for_each_other(hub: EventHub) -> None:
    with await hub.subscribe(ALICE) as stream:
        for number in range(3):
            hub.emit("hello", {"item_id": 1, "number": number}, "alice")
        assert [event.payload["number"] for event in await take(stream, 3)] == [0, 1, 2]


async def test_progress_costs_no_kept_event_of_a_client_that_is_behind(hub: EventHub, outbox: Outbox) -> None:
    with await hub.subscribe(ALICE) as stream:
        await outbox.write(MAX_WAITING - 1)
        await hub._dispatch_new()
        for item in range(50):
            hub.emit("progress", {"item_id": item, "step": 1}, "alice")
        assert stream.waiting == MAX_WAITING
        assert RESYNC not in [event.kind for event in await take(stream, MAX_WAITING)]
        assert not stream._latest


async def test_a_resync_forgets_the_progress_that_waited(hub: EventHub, outbox: Outbox) -> None:
    with await hub.subscribe(ALICE) as stream:
        hub.emit("progress", {"item_id": 1, "step": 1}, "alice")
        await outbox.write(MAX_WAITING)
        await hub._dispatch_new()
        hub.emit("progress", {"item_id": 1, "step": 2}, "alice")
        kinds = [(event.kind, event.payload.get("step")) for event in await take(stream, 2)]
    assert kinds == [("resync", None), ("progress", 2)]


async def test_what_waits_together_goes_out_together_and_in_pieces_that_a_connection_can_take(hub: EventHub) -> None:
    with await hub.subscribe(ALICE) as stream:
        for _ in range(10):
            hub.emit("small", {}, "alice")
        for _ in range(4):
            hub.emit("big", {"text": "x" * 40_000}, "alice")
        sizes = []
        async with asyncio.timeout(10):
            async for chunk in stream.chunks():
                sizes.append((chunk.count(b"event: small"), chunk.count(b"event: big")))
                if not stream.waiting:
                    break
    assert sizes == [(10, 2), (0, 2)]


async def test_a_state_is_told_to_each_stream_once_until_it_changes(hub: EventHub) -> None:
    state = {"queue_id": "default", "pending": 1}

    def states(actor: object) -> list[dict[str, object]]:
        return [state]

    with await hub.subscribe(ALICE) as early, await hub.subscribe(BOB) as other:
        hub.emit_state("queue_counts_changed", "queue_id", states)
        hub.emit_state("queue_counts_changed", "queue_id", states)
        with await hub.subscribe(ALICE) as late:
            hub.emit_state("queue_counts_changed", "queue_id", states)
            assert [early.waiting, other.waiting, late.waiting] == [1, 1, 1]
            frames = [(await anext(stream.chunks())) for stream in (early, other, late)]
            assert len(set(frames)) == 1
            state = {"queue_id": "default", "pending": 2}
            hub.emit_state("queue_counts_changed", "queue_id", states)
            state = {"queue_id": "default", "pending": 3}
            hub.emit_state("queue_counts_changed", "queue_id", states)
            for stream in (early, other, late):
                assert [event.payload["pending"] for event in await take(stream, 1)] == [3]
                assert stream.waiting == 0


async def test_a_state_that_found_no_room_is_told_later(hub: EventHub, outbox: Outbox) -> None:
    with await hub.subscribe(ALICE) as stream:
        await outbox.write(MAX_WAITING)
        await hub._dispatch_new()
        tell = ("queue_counts_changed", "queue_id", lambda actor: [{"queue_id": "default", "pending": 1}])
        hub.emit_state(*tell)
        await take(stream, MAX_WAITING)
        assert stream.waiting == 0
        hub.emit_state(*tell)
        assert [event.kind for event in await take(stream, 1)] == ["queue_counts_changed"]


async def test_who_listens_is_known_and_told_at_the_first_and_the_last_stream(hub: EventHub) -> None:
    heard: list[tuple[str, bool]] = []
    hub.presence.watch(lambda user_id: heard.append((user_id, hub.presence.listens(user_id))))
    with await hub.subscribe(ALICE) as first:
        with await hub.subscribe(ALICE), await hub.subscribe(ADMIN):
            assert hub.presence.listens("alice")
            first.close()
            first.close()
        assert not hub.presence.listens("alice")
    assert heard == [("alice", True), ("root", True), ("root", False), ("alice", False)]
    await hub.stop()
    (await hub.subscribe(ALICE)).close()
    assert not hub.presence.listens("alice")


@pytest.mark.timeout(60)
async def test_a_thousand_reconnects_lose_nothing_and_leave_nothing_behind(
    connect: Connect, api: ApiClient, hub: EventHub, outbox: Outbox
) -> None:
    """F-33: clients that come, take an event or none, and vanish without a word, while events are written."""
    hub.keepalive_s = 0.5  # it is at the next comment that somebody's going is noticed
    seen: list[int] = []
    last = 0
    await outbox.write(1)
    for round_ in range(1000):
        if round_ % 10 == 0:
            await outbox.write(2)
        async with connect("alice", last) as stream:
            if round_ % 3 == 0:
                continue  # gone before it reads
            while hub._position > last:
                message = await stream.next()
                seen.append(message.number)
                last = message.id or last
                if round_ % 2:
                    break
    async with connect("alice", last) as stream:
        while len(seen) < outbox.written:
            seen.append((await stream.next()).number)
    assert seen == list(range(1, outbox.written + 1))
    await until(hub, 0)
    assert not hub.presence.listens("alice")
    assert not hub.presence._streams
