"""What becomes of open streams when their callers lose or gain rights, and when nobody can tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import pytest
import structlog

from invoke_host.api import Actor, StorageUnavailable
from invoke_host.events.hub import EventHub
from invoke_host.events.revalidate import MOST_FAILURES, POLL_S, Revalidator
from invoke_host.events.subscription import RESYNC, Subscription
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from tests.events.conftest import ADMIN, ALICE, BOB, Connect, Outbox

pytestmark = pytest.mark.timeout(60)


@dataclass
class Rights:
    """The rows that a recheck would read. Nobody is told when they change, as if another process did it."""

    now: dict[Actor, Actor | None] = field(default_factory=dict)
    failures: int = 0
    asked: list[list[Actor]] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    #: Questions get no answer while it is clear.
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def recheck(self, actors: Sequence[Actor]) -> list[Actor | None]:
        self.asked.append(list(actors))
        self.answered.clear()
        if self.failures:
            self.failures -= 1
            raise StorageUnavailable("the database is away")
        answer = [self.now.get(actor, actor) for actor in actors]
        await self.open.wait()
        self.answered.set()
        return answer


@pytest.fixture
def rights() -> Rights:
    return Rights()


@pytest.fixture
async def hub(storage: Storage, clock: FakeClock, rights: Rights) -> AsyncIterator[EventHub]:
    hub = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05, recheck=rights.recheck)
    await hub.start()
    yield hub
    await hub.stop()


async def write_nothing(storage: Storage) -> None:
    """A commit that has nothing to do with anybody."""
    await storage.write(lambda conn: None)


async def settled(rights: Rights) -> None:
    """Wait for an answer to a question that is asked from now on."""
    async with asyncio.timeout(10):
        count = len(rights.asked)
        while len(rights.asked) == count or not rights.answered.is_set():  # noqa: ASYNC110 - nobody signals the list
            await asyncio.sleep(0.005)


async def test_nobody_is_asked_about_while_nobody_listens(
    hub: EventHub, rights: Rights, outbox: Outbox, storage: Storage
) -> None:
    await outbox.write(3)
    for _ in range(5):
        await write_nothing(storage)
    with await hub.subscribe(ALICE):
        await settled(rights)
    asked = len(rights.asked)
    await outbox.write(3)
    with await hub.subscribe(BOB) as subscription:
        await outbox.write(1, audience="bob")
        async for _ in subscription:
            break
    assert all(actors == [BOB] for actors in rights.asked[asked:]), rights.asked
    assert [ALICE] in rights.asked


async def test_all_callers_are_asked_about_at_once_and_each_once(hub: EventHub, rights: Rights) -> None:
    async with AsyncExitStack() as stack:
        for actor in (ALICE, BOB, ADMIN) * 50:
            stack.enter_context(await hub.subscribe(actor))
        await settled(rights)
        assert rights.asked[-1] == [ALICE, BOB, ADMIN] or set(rights.asked[-1]) == {ALICE, BOB, ADMIN}
        assert len(rights.asked[-1]) == 3


async def test_a_stream_ends_within_a_second_of_a_change_by_another_process(connect: Connect, rights: Rights) -> None:
    async with connect("alice") as hers, connect("bob") as his:
        await settled(rights)
        rights.now[ALICE], asked = None, len(rights.asked)
        with pytest.raises(EOFError):
            await hers.next()
        assert len(rights.asked) - asked <= 2  # the next question finds it, and one is asked so often:
        assert POLL_S <= 0.5
        assert not his.response.content.at_eof()


async def test_a_commit_ends_it_at_once(hub: EventHub, connect: Connect, rights: Rights, storage: Storage) -> None:
    assert hub._rights is not None
    hub._rights._poll_s = 3600.0  # what asks is the new stream, and then the commit
    async with connect("alice") as stream:
        async with asyncio.timeout(10):
            await rights.answered.wait()
        rights.now[ALICE] = None
        await write_nothing(storage)
        async with asyncio.timeout(20):
            with pytest.raises(EOFError):
                await stream.next()


async def test_no_event_made_after_a_demotion_reaches_the_administrator_of_before(
    connect: Connect, rights: Rights, outbox: Outbox, hub: EventHub
) -> None:
    async with connect("root") as stream:
        await outbox.write(1, audience="bob")
        assert (await stream.next()).number == 1
        rights.open.clear()  # the answer takes its time
        rights.now[ADMIN] = replace(ADMIN, is_admin=False)
        await outbox.write(3, audience="bob")
        await settled_soon()
        rights.open.set()
        message = await stream.next()
        assert message.kind == RESYNC
        await outbox.write(2, audience="bob")
        await outbox.write(1, audience="root")
        assert (await stream.next()).number == 7


async def settled_soon() -> None:
    """Time for what would be sent by mistake."""
    await asyncio.sleep(0.2)


async def test_what_waits_for_a_slow_client_goes_with_its_rights(
    hub: EventHub, rights: Rights, outbox: Outbox, storage: Storage
) -> None:
    with await hub.subscribe(ADMIN) as subscription:
        await outbox.write(5, audience="bob")
        await settled(rights)
        await wait_for_waiting(subscription, 5)
        rights.now[ADMIN] = replace(ADMIN, is_admin=False)
        await write_nothing(storage)
        await settled(rights)
        await wait_for_waiting(subscription, 1)
        async for event in subscription:
            assert (event.kind, event.id) == (RESYNC, 5)
            break


async def wait_for_waiting(subscription: Subscription, count: int) -> None:
    async with asyncio.timeout(10):
        while subscription.waiting != count:  # noqa: ASYNC110 - the stream has no other reader to signal
            await asyncio.sleep(0.005)


async def test_a_promoted_user_hears_of_others_from_then_on(
    connect: Connect, rights: Rights, outbox: Outbox, storage: Storage
) -> None:
    async with connect("alice") as stream:
        await settled(rights)
        rights.now[ALICE] = replace(ALICE, is_admin=True)
        await write_nothing(storage)
        assert (await stream.next()).kind == RESYNC
        await outbox.write(1, audience="bob")
        assert (await stream.next()).number == 1


async def test_another_name_disturbs_nobody(hub: EventHub, rights: Rights, outbox: Outbox) -> None:
    with await hub.subscribe(ALICE) as subscription:
        renamed = replace(ALICE, display_name="Alice B.")
        rights.now[ALICE] = renamed
        await outbox.write(1)
        async for event in subscription:
            assert event.payload["number"] == 1
            break
        assert subscription.actor == renamed


async def test_two_failures_are_forgiven_and_no_event_is_lost(connect: Connect, rights: Rights, outbox: Outbox) -> None:
    async with connect("alice") as stream:
        await settled(rights)
        rights.failures = MOST_FAILURES - 1
        await outbox.write(1)
        assert (await stream.next()).number == 1
        rights.failures = MOST_FAILURES - 1  # they are counted anew
        await outbox.write(1)
        assert (await stream.next()).number == 2


async def test_callers_who_cannot_be_checked_get_nothing_and_their_streams_end(
    connect: Connect, rights: Rights, outbox: Outbox, hub: EventHub
) -> None:
    async with connect("alice") as hers, connect("root") as admins:
        await settled(rights)
        rights.failures = 10**6
        await outbox.write(1)
        for stream in (hers, admins):
            with pytest.raises(EOFError):
                await stream.next()
        assert hub.streams == 0
    rights.failures = 0
    async with connect("alice", last=0) as stream:  # and who comes back has missed nothing
        assert (await stream.next()).number == 1


async def test_an_answer_that_never_comes_is_a_failure(rights: Rights, clock: FakeClock) -> None:
    left: list[Subscription] = []
    streams = [Subscription(ALICE, left.append)]
    asking = Revalidator(rights.recheck, streams, lambda _: None, clock, structlog.get_logger(), timeout_s=0.01)
    rights.open.clear()
    for _ in range(MOST_FAILURES):
        with pytest.raises(TimeoutError):
            await asking.check()
    assert left == streams


async def test_an_answer_that_does_not_fit_the_question_is_a_failure(clock: FakeClock) -> None:
    async def confused(actors: Sequence[Actor]) -> list[Actor | None]:
        return []

    left: list[Subscription] = []
    asking = Revalidator(confused, [Subscription(ALICE, left.append)], lambda _: None, clock, structlog.get_logger())
    for _ in range(MOST_FAILURES):
        with pytest.raises(ValueError):
            await asking.check()
    assert len(left) == 1


async def test_a_stream_ends_with_the_token_that_opened_it(hub: EventHub, rights: Rights, clock: FakeClock) -> None:
    until = clock.now().timestamp() + 3600
    with await hub.subscribe(ALICE, good_until=until), await hub.subscribe(BOB, good_until=until + 2):
        await settled(rights)
        assert hub.streams == 2
        clock.advance(3601)
        await settled(rights)
        assert hub.streams == 1


async def test_many_commits_are_one_question(hub: EventHub, rights: Rights, storage: Storage) -> None:
    with await hub.subscribe(ALICE):
        await settled(rights)
        asked, began = len(rights.asked), time.monotonic()
        for _ in range(200):
            await write_nothing(storage)
        took = time.monotonic() - began
        assert len(rights.asked) - asked <= took / 0.05 + 2


async def test_the_host_without_login_asks_nobody(storage: Storage, clock: FakeClock) -> None:
    hub = EventHub(storage, clock, structlog.get_logger())
    await hub.start()
    with await hub.subscribe(ADMIN):
        names = {task.get_name() for task in asyncio.all_tasks()}
    await hub.stop()
    assert "event hub" in names
    assert "event stream rights" not in names
