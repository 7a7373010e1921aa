"""Events about boards, by the host's own policies: they go to those who see the board when they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import structlog
from sqlalchemy import Connection, Executable, delete, false, insert, literal_column, true, update

from invoke_host.access import AccessEngine
from invoke_host.access.policies import BUILTIN
from invoke_host.api import Action, Actor, Grant, Policy, ResourceType, UserId
from invoke_host.boards.tables import board_grants, boards
from invoke_host.compose.sight import BoardSight
from invoke_host.events import store
from invoke_host.events.hub import EventHub
from invoke_host.events.subscription import RESYNC, Subscription
from invoke_host.identity.groups.tables import groups
from invoke_host.identity.tables import users
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.vocabulary import ACTIONS, RESOURCES
from tests.events.conftest import ADMIN, ALICE, BOB, NOW
from tests.events.test_hub import eventually, take

CAROL = Actor(id=UserId("carol"), kind="user", provider="test")
DAVE = Actor(id=UserId("dave"), kind="user", groups=frozenset({"painters"}), provider="test")
EVERYBODY = (ALICE, BOB, CAROL, DAVE, ADMIN)


def engine(*more: Policy) -> AccessEngine:
    return AccessEngine(ACTIONS, RESOURCES, [*(policy() for policy in BUILTIN), *more])


def write_people(conn: Connection) -> None:
    stamps = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(users), [{"id": each.id, "email": f"{each.id}@example.org", **stamps} for each in EVERYBODY])
    conn.execute(
        insert(groups), [{"id": "painters", "name": "Painters", "name_key": "painters", "description": "", **stamps}]
    )


def write_board(conn: Connection, board_id: str, visibility: str) -> None:
    conn.execute(
        insert(boards).values(
            id=board_id, name=board_id, user_id="alice", visibility=visibility, created_at=NOW, updated_at=NOW
        )
    )


def write_grant(conn: Connection, board_id: str, user_id: str | None, group_id: str | None = None) -> None:
    conn.execute(
        insert(board_grants).values(
            board_id=board_id, user_id=user_id, group_id=group_id, role="viewer", created_at=NOW, updated_at=NOW
        )
    )


@dataclass
class Studio:
    """Alice's board `a`, a hub that tells of it, and open streams."""

    storage: Storage
    clock: FakeClock

    async def board(self, board_id: str = "a", visibility: str = "private") -> None:
        await self.storage.write(write_board, board_id, visibility)

    async def grant(self, board_id: str, user_id: str | None = None, group_id: str | None = None) -> None:
        await self.storage.write(write_grant, board_id, user_id, group_id)

    async def show(self, board_id: str, visibility: str) -> None:
        change = update(boards).where(boards.c.id == board_id).values(visibility=visibility)
        await self.storage.write(_execute, change)

    async def tell(self, kind: str = "images_changed", audience: str | None = "alice", **columns: Any) -> None:
        await self.storage.write(_tell, kind, audience, columns)

    @asynccontextmanager
    async def hub(self, *policies: Policy) -> AsyncIterator[EventHub]:
        """A hub that looks at nothing before it is told to (`_dispatch_new`)."""
        hub = EventHub(
            self.storage, self.clock, structlog.get_logger(), sight=BoardSight(self.storage, engine(*policies))
        )
        await hub.start()
        try:
            yield hub
        finally:
            await hub.stop()


def _execute(conn: Connection, statement: Executable) -> None:
    conn.execute(statement)


def _tell(conn: Connection, kind: str, audience: str | None, columns: dict[str, Any]) -> None:
    store.append(conn, kind, {}, None if audience is None else UserId(audience), now=NOW, **columns)


@pytest.fixture
async def studio(each_storage: Storage, clock: FakeClock) -> Studio:
    await each_storage.write(write_people)
    return Studio(each_storage, clock)


async def who_gets(hub: EventHub, studio: Studio, *actors: Actor, last: int | None = None) -> dict[str, list[str]]:
    """The kinds that wait on a new stream of each; an event for everybody at the end says that it is the end."""
    got: dict[str, list[str]] = {}
    async with AsyncExitStack() as stack:
        streams = {str(each.id): stack.enter_context(await hub.subscribe(each, last)) for each in actors}
        await studio.tell("end", None)
        for name, stream in streams.items():
            kinds: list[str] = []
            while "end" not in kinds:
                kinds += [event.kind for event in await take(stream, 1)]
            got[name] = kinds[:-1]
    return got


async def replayed(studio: Studio, *actors: Actor, policies: tuple[Policy, ...] = ()) -> set[str]:
    """Who gets what is in the outbox, all of it, when they come back now."""
    async with studio.hub(*policies) as hub:
        got = await who_gets(hub, studio, *actors, last=0)
    assert all(len(set(kinds)) <= 1 for kinds in got.values()), got
    return {name for name, kinds in got.items() if kinds}


@pytest.mark.parametrize(
    ("visibility", "expected"),
    [
        ("private", {"alice", "root"}),
        ("shared", {"alice", "bob", "carol", "dave", "root"}),
        ("public", {"alice", "bob", "carol", "dave", "root"}),
    ],
)
async def test_what_happens_on_a_board_is_told_to_those_whom_it_is_shown_to(
    studio: Studio, visibility: str, expected: set[str]
) -> None:
    await studio.board(visibility=visibility)
    await studio.tell(board_id="a")
    assert await replayed(studio, *EVERYBODY) == expected


async def test_users_and_members_of_groups_with_a_grant_are_told(studio: Studio) -> None:
    await studio.board()
    await studio.grant("a", "bob")
    await studio.grant("a", None, "painters")
    await studio.tell(board_id="a")
    assert await replayed(studio, *EVERYBODY) == {"alice", "bob", "dave", "root"}


async def test_a_live_event_goes_to_the_same_people(studio: Studio) -> None:
    await studio.board()
    await studio.grant("a", "bob")
    async with studio.hub() as hub, AsyncExitStack() as stack:
        streams = {each.id: stack.enter_context(await hub.subscribe(each)) for each in EVERYBODY}
        await studio.tell(board_id="a")
        await studio.tell("end", None)
        got = {str(name): (await take(stream, 1))[0].kind for name, stream in streams.items()}
    assert {name for name, kind in got.items() if kind == "images_changed"} == {"alice", "bob", "root"}


async def test_a_grant_that_ends_between_commit_and_delivery_counts(studio: Studio) -> None:
    await studio.board()
    await studio.grant("a", "bob")
    async with studio.hub() as hub:
        with await hub.subscribe(BOB) as stream:
            hub._wake.set()
            await eventually(lambda: not hub._wake.is_set())
            await studio.storage.write(_tell_and_revoke)  # one commit: nobody can have sent it in between
            await studio.tell("end", None)
            assert [event.kind for event in await take(stream, 1)] == ["end"]


def _tell_and_revoke(conn: Connection) -> None:
    _tell(conn, "images_changed", "alice", {"board_id": "a"})
    conn.execute(delete(board_grants))


async def test_a_client_that_comes_back_gets_what_it_may_see_today(studio: Studio) -> None:
    await studio.board()
    await studio.grant("a", "bob")
    await studio.tell(board_id="a")
    assert await replayed(studio, BOB, CAROL) == {"bob"}
    await studio.storage.write(_execute, delete(board_grants))
    await studio.grant("a", "carol")
    assert await replayed(studio, BOB, CAROL) == {"carol"}


async def test_that_a_board_is_gone_is_told_to_exactly_those_who_lost_it(studio: Studio) -> None:
    await studio.board(visibility="shared")
    await studio.grant("a", None, "painters")
    await studio.show("a", "private")
    await studio.tell("boards_gone", None, except_board_id="a")
    assert await replayed(studio, *EVERYBODY) == {"bob", "carol"}


async def test_a_revoked_user_who_sees_the_board_otherwise_is_told_nothing(studio: Studio) -> None:
    await studio.board()
    await studio.tell("boards_gone", "bob", except_board_id="a")
    assert await replayed(studio, *EVERYBODY) == {"bob"}
    await studio.show("a", "public")
    assert await replayed(studio, *EVERYBODY) == set()


async def test_images_that_leave_a_board_are_gone_for_those_who_see_only_that_board(studio: Studio) -> None:
    await studio.board("a", "shared")
    await studio.board("b")
    await studio.grant("b", "carol")
    await studio.tell("images_gone", None, board_id="a", except_board_id="b", except_user_id="alice")
    assert await replayed(studio, *EVERYBODY) == {"bob", "dave"}


async def test_of_a_board_that_is_no_more_only_the_user_concerned_hears(studio: Studio) -> None:
    await studio.tell(board_id="never")
    assert await replayed(studio, *EVERYBODY) == {"alice", "root"}


async def test_one_person_with_many_streams_is_asked_about_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    await studio.board(visibility="shared")
    asked: list[int] = []

    async def asking(self: BoardSight, actors: Any, board_ids: Any) -> list[frozenset[str] | None]:
        asked.append(len(actors))
        return [frozenset(board_ids) for _ in actors]

    monkeypatch.setattr(BoardSight, "__call__", asking)
    async with studio.hub() as hub, AsyncExitStack() as stack:
        streams: list[Subscription] = []
        for number in range(10):
            for each in (BOB, CAROL):
                session = replace(each, session_id=f"session {number}")
                streams.append(stack.enter_context(await hub.subscribe(session)))
        await studio.tell(board_id="a")
        for stream in streams:
            assert [event.kind for event in await take(stream, 1)] == ["images_changed"]
        await studio.tell("end", None)
        for stream in streams:
            assert [event.kind for event in await take(stream, 1)] == ["end"]
    assert asked == [2]


class OfficeHours(Policy):
    """Nobody sees boards while it is closed; who it is closed for has to be looked up."""

    name: ClassVar[str] = "office_hours"

    def __init__(self, closed_for: str) -> None:
        self.closed_for = closed_for

    async def facts(self, actor: Actor) -> Mapping[str, Any]:
        return {"closed": actor.id == self.closed_for}

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        return Grant(restrict=false() if facts["closed"] else true())


async def test_policies_of_plugins_and_what_they_look_up_are_obeyed(studio: Studio) -> None:
    await studio.board(visibility="public")
    await studio.tell(board_id="a")
    hours = OfficeHours("bob")
    assert await replayed(studio, *EVERYBODY, policies=(hours,)) == {"alice", "carol", "dave", "root"}
    hours.closed_for = "carol"
    assert await replayed(studio, *EVERYBODY, policies=(hours,)) == {"alice", "bob", "dave", "root"}


class Broken(Policy):
    """Fails for one user: when it looks something up, when it answers, or in the database."""

    name: ClassVar[str] = "broken"

    def __init__(self, how: str) -> None:
        self.how = how

    async def facts(self, actor: Actor) -> Mapping[str, Any]:
        if actor.id == "bob" and self.how == "facts":
            raise RuntimeError("the directory is away")
        return {"how": self.how if actor.id == "bob" else "not"}

    def grant(self, actor: Actor, action: Action, resource: ResourceType, facts: Mapping[str, Any]) -> Grant | None:
        if facts["how"] == "grant":
            raise RuntimeError("a mistake")
        if facts["how"] == "sql":
            return Grant(deny=literal_column("no_such_column = 1"))
        return None


@pytest.mark.parametrize("how", ["facts", "grant", "sql"])
async def test_a_policy_that_fails_for_one_holds_up_only_that_one_until_it_works_again(
    studio: Studio, how: str
) -> None:
    await studio.board(visibility="public")
    broken = Broken(how)
    async with studio.hub(broken) as hub:
        hub._lookout._again_s = 0.01
        with await hub.subscribe(BOB) as his, await hub.subscribe(CAROL) as hers:
            await studio.tell(board_id="a")
            await studio.tell("end", None)
            assert [event.kind for event in await take(hers, 2)] == ["images_changed", "end"]
            assert (his.waiting, his.held) == (0, True)
            assert (await hub.health()).status == "degraded"
            broken.how = "not"
            [resync] = await take(his, 1)
            assert (resync.kind, resync.id) == (RESYNC, 2)
            assert (await hub.health()).status == "ok"
            await studio.tell(board_id="a")
            assert [event.kind for event in await take(his, 1)] == ["images_changed"]
