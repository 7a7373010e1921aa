"""The event stream over real HTTP: in order, once, resumable, bounded."""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.events import store
from invoke_host.events.hub import MAX_REPLAY, EventHub
from invoke_host.events.subscription import MAX_WAITING
from invoke_host.storage import Storage
from invoke_host.testing.client import ApiClient
from tests.events.conftest import ALICE, Connect, Outbox
from tests.events.test_hub import take


async def until(hub: EventHub, streams: int) -> None:
    """Wait until the hub has so many clients."""
    async with asyncio.timeout(10):
        while hub.streams != streams:  # noqa: ASYNC110 - the hub announces to nobody how many clients it has
            await asyncio.sleep(0.01)


async def test_events_come_after_commit_in_order_with_id_kind_and_data(connect: Connect, outbox: Outbox) -> None:
    async with connect("alice") as stream:
        await outbox.write(2)
        await outbox.write(1, kind="queue_item_status_changed")

        messages = await stream.take(3)

    assert [(message.id, message.kind, message.number) for message in messages] == [
        (1, "images_changed", 1),
        (2, "images_changed", 2),
        (3, "queue_item_status_changed", 3),
    ]


async def test_the_answer_is_a_stream_that_proxies_leave_alone(connect: Connect) -> None:
    async with connect("alice") as stream:
        headers = stream.response.headers

    assert headers["Content-Type"] == "text/event-stream"
    assert headers["X-Accel-Buffering"] == "no"
    assert "no-cache" in headers["Cache-Control"] or "no-store" in headers["Cache-Control"]
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_rolled_back_event_is_never_sent(connect: Connect, outbox: Outbox, storage: Storage) -> None:
    def write_and_fail(conn: object) -> None:
        store.append(conn, "images_changed", {"number": 666}, None, now="2026-11-23 06:00:00.000")  # type: ignore[arg-type]  # a Connection
        raise RuntimeError

    async with connect("alice") as stream:
        with pytest.raises(RuntimeError):
            await storage.write(write_and_fail)
        await outbox.write()

        assert (await stream.next()).number == 1


async def test_each_user_gets_their_own_administrators_all_and_everybody_the_public_ones(
    connect: Connect, outbox: Outbox
) -> None:
    async with connect("alice") as alice, connect("bob") as bob, connect("root") as root:
        await outbox.write(1, "alice")
        await outbox.write(1, "bob")
        await outbox.write(1, None)

        assert [message.number for message in await alice.take(2)] == [1, 3]
        assert [message.number for message in await bob.take(2)] == [2, 3]
        assert [message.number for message in await root.take(3)] == [1, 2, 3]


async def test_what_was_missed_comes_first_and_once_under_fire(connect: Connect, outbox: Outbox) -> None:
    """A client that reconnects a dozen times while events are written meets each of them exactly once."""
    seen: list[int] = []
    last = 0

    async def write() -> None:
        for _ in range(60):
            await outbox.write(3, "alice")
            await outbox.write(1, "bob")

    writer = asyncio.create_task(write())
    while len(seen) < 180:
        async with connect("alice", last) as stream:
            for message in await stream.take(min(15, 180 - len(seen))):
                seen.append(message.number)
                last = message.id or last
    await writer

    assert seen == [number for number in range(1, 241) if number % 4 != 0]


async def test_a_new_client_gets_nothing_old(connect: Connect, outbox: Outbox) -> None:
    await outbox.write(3)
    async with connect("alice") as stream:
        await outbox.write()

        assert (await stream.next()).number == 4


async def test_clients_without_headers_resume_by_query_and_the_header_wins(connect: Connect, outbox: Outbox) -> None:
    await outbox.write(3)

    async with connect("alice", query="?last_event_id=2") as stream:
        assert (await stream.next()).number == 3
    async with connect("alice", last=1, query="?last_event_id=2") as stream:
        assert (await stream.next()).number == 2


@pytest.mark.parametrize("last", ["17", "-3", "x", "1.5", "9" * 40, "1; DROP TABLE outbox"])
async def test_an_unknown_id_is_answered_with_resync_and_then_live(connect: Connect, outbox: Outbox, last: str) -> None:
    await outbox.write(3)
    async with connect("alice", last) as stream:
        resync = await stream.next()
        await outbox.write()
        live = await stream.next()

    assert (resync.kind, resync.data) == ("resync", {})
    assert (live.id, live.number) == (4, 4)
    if resync.id is not None:  # it can be resumed from
        async with connect("alice", resync.id) as stream:
            assert (await stream.next()).number == 4


async def test_events_that_were_pruned_are_answered_with_resync(
    connect: Connect, outbox: Outbox, storage: Storage
) -> None:
    await outbox.write(10)
    await storage.write(store.prune, 4)

    async with connect("alice", 5) as stream:
        assert (await stream.next()).kind == "resync"
    async with connect("alice", 6) as stream:
        assert [message.number for message in await stream.take(4)] == [7, 8, 9, 10]


async def test_too_much_to_send_again_is_answered_with_resync(connect: Connect, outbox: Outbox) -> None:
    await outbox.write(MAX_REPLAY + 1)

    async with connect("alice", 0) as stream:
        assert (await stream.next()).kind == "resync"
    async with connect("alice", 1) as stream:
        assert (await stream.next()).number == 2


async def test_a_live_event_does_not_cost_a_returning_client_what_it_missed(
    storage: Storage, hub: EventHub, outbox: Outbox
) -> None:
    await outbox.write(MAX_REPLAY)
    with await hub.subscribe(ALICE, 0) as subscription:
        await outbox.write(MAX_WAITING)
        assert [event.id for event in await take(subscription, MAX_REPLAY + MAX_WAITING)] == [
            *range(1, MAX_REPLAY + MAX_WAITING + 1)
        ]


async def test_a_returning_client_that_does_not_read_is_bounded_too(
    storage: Storage, hub: EventHub, outbox: Outbox
) -> None:
    await outbox.write(MAX_REPLAY)
    with await hub.subscribe(ALICE, 0) as subscription:
        await outbox.write(MAX_WAITING + 1)
        await hub._dispatch_new()

        assert [event.kind for event in await take(subscription, 1)] == ["resync"]
        assert subscription.waiting == 0


async def test_passing_events_have_no_id_and_are_not_kept(connect: Connect, hub: EventHub) -> None:
    async with connect("alice") as alice, connect("root") as root:
        hub.emit("progress", {"number": 1}, "alice")
        hub.emit("hello", {"number": 2}, None)

        first, second = await alice.take(2)
        assert (first.id, first.kind, second.kind) == (None, "progress", "hello")
        assert [message.kind for message in await root.take(2)] == ["progress", "hello"]
    async with connect("alice", 0) as stream:
        hub.emit("hello", {"number": 3}, None)
        assert (await stream.next()).number == 3


async def test_a_quiet_stream_carries_comments(storage: Storage, connect: Connect, hub: EventHub) -> None:
    hub.keepalive_s = 0.05
    async with connect("alice") as stream:
        await stream.comment()
        await stream.comment()


async def test_a_client_that_never_reads_costs_bounded_memory_and_then_resyncs(
    connect: Connect, outbox: Outbox, hub: EventHub
) -> None:
    async with connect("alice") as stream, connect("alice") as quick:
        (slow, _) = sorted(hub._subscriptions, key=id)
        text = "x" * 50_000
        for _ in range(600):
            hub.emit("big", {"text": text}, "alice")
            await asyncio.sleep(0)
        await outbox.write(1000)
        async with asyncio.timeout(20):
            while (await quick.next()).kind not in ("resync", "images_changed"):
                pass
        assert max(each.waiting for each in hub._subscriptions) <= 256
        assert slow in hub._subscriptions

        kinds = []
        async with asyncio.timeout(30):
            while not kinds or kinds[-1] not in ("resync", "images_changed"):
                kinds.append((await stream.next()).kind)
        assert kinds[-1] == "resync"


async def test_a_client_that_vanishes_is_forgotten(connect: Connect, hub: EventHub) -> None:
    hub.keepalive_s = 0.05
    for _ in range(20):
        async with connect("alice") as stream:
            await until(hub, 1)
            stream.response.close()
        await until(hub, 0)


async def test_streams_end_when_the_hub_stops_and_new_ones_end_at_once(connect: Connect, hub: EventHub) -> None:
    async with connect("alice") as stream:
        await hub.stop()
        with pytest.raises(EOFError):
            await stream.next()
    async with connect("alice") as stream:
        with pytest.raises(EOFError):
            await stream.next()


async def test_nobody_in_particular_and_other_sites_get_no_stream(api: ApiClient) -> None:
    assert (await api.get("/api/v1/events")).status == 401
    answer = await api.as_caller("alice").get("/api/v1/events", headers={"Origin": "https://evil.example"})
    assert answer.status == 403
    answer = await api.as_caller("alice").get("/api/v1/events", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
