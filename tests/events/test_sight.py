"""Streams while it can't be told which boards their callers see, and callers who change meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
import structlog
from sqlalchemy import Connection

from invoke_host.api import Actor, StorageUnavailable, UserId
from invoke_host.events import store
from invoke_host.events.hub import EventHub
from invoke_host.events.sight import Lookout
from invoke_host.events.subscription import RESYNC, Subscription
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from tests.events.conftest import ADMIN, ALICE, BOB, NOW
from tests.events.test_hub import eventually, take

pytestmark = pytest.mark.timeout(60)

CAROL = Actor(id=UserId("carol"), kind="user", provider="test")


@dataclass
class Eyes:
    """Who sees which boards, as a database would tell."""

    sees: dict[str, set[str]] = field(default_factory=dict)
    broken: bool = False
    short: bool = False
    asked: list[list[str]] = field(default_factory=list)
    #: Questions get no answer while it is clear.
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def sight(self, actors: Sequence[Actor], board_ids: Sequence[str]) -> list[frozenset[str] | None]:
        self.asked.append([str(actor.id) for actor in actors])
        await self.open.wait()
        if self.broken:
            raise StorageUnavailable("the database is away")
        if self.short:
            return []
        return [frozenset(self.sees.get(str(actor.id), ())) & frozenset(board_ids) for actor in actors]


@pytest.fixture
def eyes() -> Eyes:
    return Eyes({"bob": {"a"}, "carol": {"a"}})


@pytest.fixture
async def hub(storage: Storage, clock: FakeClock, eyes: Eyes) -> AsyncIterator[EventHub]:
    hub = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05, sight=eyes.sight)
    hub._lookout._again_s = 0.01
    hub._lookout._timeout_s = 0.2
    await hub.start()
    yield hub
    await hub.stop()


async def tell(storage: Storage, kind: str, board_id: str | None = "a") -> None:
    def write(conn: Connection) -> None:
        store.append(conn, kind, {}, None if board_id is None else ALICE.id, now=NOW, board_id=board_id)

    await storage.write(write)


async def kinds(subscription: Subscription, count: int) -> list[str]:
    return [event.kind for event in await take(subscription, count)]


async def test_events_without_boards_and_streams_that_get_them_anyway_cost_no_question(
    hub: EventHub, storage: Storage, eyes: Eyes
) -> None:
    await tell(storage, "nobody listens")
    with await hub.subscribe(ALICE) as owner, await hub.subscribe(ADMIN) as admin:
        await tell(storage, "first")
        await tell(storage, "second", None)
        for stream in (owner, admin):
            assert await kinds(stream, 2) == ["first", "second"]
    assert eyes.asked == []


@pytest.mark.parametrize("fault", ["broken", "short", "silent"])
async def test_without_an_answer_nothing_kept_gets_through_until_there_is_one_and_then_a_resync(
    hub: EventHub, storage: Storage, eyes: Eyes, fault: str
) -> None:
    with await hub.subscribe(BOB) as his, await hub.subscribe(ALICE) as hers:
        await tell(storage, "before", None)
        assert await kinds(his, 1) == ["before"]
        if fault == "silent":
            eyes.open.clear()
        else:
            setattr(eyes, fault, True)
        await tell(storage, "on a board")
        await tell(storage, "for everybody", None)
        assert await kinds(hers, 3) == ["before", "on a board", "for everybody"]
        assert (his.held, his.waiting) == (True, 0)
        hub.emit("progress", {}, "bob")
        assert await kinds(his, 1) == ["progress"]
        health = await hub.health()
        assert (health.status, health.detail[:26]) == ("degraded", "1 event streams are held: ")

        eyes.broken = eyes.short = False
        eyes.open.set()
        [resync] = await take(his, 1)
        assert (resync.kind, resync.id) == (RESYNC, 3)
        await tell(storage, "after")
        assert await kinds(his, 1) == ["after"]
        assert (await hub.health()).status == "ok"


async def test_a_held_stream_makes_the_others_wait_for_no_second_answer(
    hub: EventHub, storage: Storage, eyes: Eyes
) -> None:
    hub._lookout._again_s = 1000
    eyes.open.clear()
    with await hub.subscribe(BOB), await hub.subscribe(ALICE) as hers:
        for number in range(5):
            await tell(storage, f"number {number}")
            assert await kinds(hers, 1) == [f"number {number}"]
    assert eyes.asked == [["bob"]]


async def test_who_comes_back_while_it_cant_be_told_gets_nothing_of_what_was_missed(
    hub: EventHub, storage: Storage, eyes: Eyes
) -> None:
    await tell(storage, "for everybody", None)
    await tell(storage, "on a board")
    await eventually(lambda: hub._position == 2)
    eyes.broken = True
    with await hub.subscribe(BOB, 0) as stream:
        assert (stream.held, stream.waiting) == (True, 0)
        eyes.broken = False
        assert await kinds(stream, 1) == [RESYNC]


async def test_who_comes_back_is_asked_for_what_was_missed_only(hub: EventHub, storage: Storage, eyes: Eyes) -> None:
    await tell(storage, "seen")
    await tell(storage, "missed", None)
    await eventually(lambda: hub._position == 2)
    with await hub.subscribe(BOB, 1) as stream:
        assert await kinds(stream, 1) == ["missed"]
    assert eyes.asked == []
    with await hub.subscribe(BOB, 0) as stream:
        assert await kinds(stream, 2) == ["seen", "missed"]
    assert eyes.asked == [["bob"]]


async def test_a_stream_that_begins_while_others_are_asked_for_is_asked_for_as_well(
    hub: EventHub, storage: Storage, eyes: Eyes
) -> None:
    hub._lookout._timeout_s = 10
    eyes.open.clear()
    with await hub.subscribe(BOB) as his:
        await tell(storage, "on a board")
        await eventually(lambda: eyes.asked == [["bob"]])
        with await hub.subscribe(CAROL) as hers:
            eyes.open.set()
            assert await kinds(his, 1) == ["on a board"]
            assert await kinds(hers, 1) == ["on a board"]
    assert eyes.asked == [["bob"], ["carol"]]


async def test_a_caller_who_changes_while_they_are_asked_for_is_asked_for_again(
    hub: EventHub, storage: Storage, eyes: Eyes
) -> None:
    """An administrator who is one no more would otherwise get what is decided for administrators."""
    hub._lookout._timeout_s = 10
    eyes.open.clear()
    with await hub.subscribe(ADMIN) as stream, await hub.subscribe(BOB):
        await tell(storage, "on a board")
        await eventually(lambda: eyes.asked == [["bob"]])
        stream.actor = replace(ADMIN, is_admin=False)
        eyes.open.set()
        await tell(storage, "end", None)
        assert await kinds(stream, 1) == ["end"]
    assert eyes.asked == [["bob"], ["root"]]


async def test_callers_who_change_faster_than_they_can_be_asked_for_are_held(
    hub: EventHub, storage: Storage, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with await hub.subscribe(BOB) as stream:
        rounds = 0

        async def restless(actors: Sequence[Actor], board_ids: Sequence[str]) -> list[frozenset[str] | None]:
            nonlocal rounds
            rounds += 1
            if rounds <= 5:
                stream.actor = replace(BOB, groups=frozenset({str(rounds)}))
            return [frozenset(board_ids) for _ in actors]

        monkeypatch.setattr(hub._lookout, "_sight", restless)
        await tell(storage, "on a board")
        assert await kinds(stream, 1) == [RESYNC]
    assert rounds == 6


async def test_a_hub_that_can_ask_nobody_sends_to_those_who_get_it_anyway(storage: Storage, clock: FakeClock) -> None:
    hub = EventHub(storage, clock, structlog.get_logger())
    await hub.start()
    try:
        with await hub.subscribe(ALICE) as hers, await hub.subscribe(BOB) as his:
            await tell(storage, "on a board")
            await tell(storage, "end", None)
            assert await kinds(hers, 2) == ["on a board", "end"]
            assert await kinds(his, 1) == ["end"]
    finally:
        await hub.stop()


async def test_a_hub_whose_streams_are_looked_after_by_nobody_has_failed(hub: EventHub) -> None:
    await hub._lookout.stop()
    assert (await hub.health()).status == "failed"
    await Lookout(None, [], lambda _: None, structlog.get_logger()).stop()
