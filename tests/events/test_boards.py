"""Events about boards, by the host's own policies: they go to those who see the board when they are sent."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, delete

from invoke_host.boards.tables import board_grants
from invoke_host.compose.sight import BoardSight
from invoke_host.events.subscription import Subscription
from tests.events.conftest import BOB
from tests.events.studio import CAROL, EVERYBODY, Studio, replayed, run, tell_of
from tests.events.test_hub import eventually, take


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
            await studio.storage.write(tell_and_revoke)  # one commit: nobody can have sent it in between
            await studio.tell("end", None)
            assert [event.kind for event in await take(stream, 1)] == ["end"]


def tell_and_revoke(conn: Connection) -> None:
    tell_of(conn, "images_changed", "alice", {"board_id": "a"})
    conn.execute(delete(board_grants))


async def test_a_client_that_comes_back_gets_what_it_may_see_today(studio: Studio) -> None:
    await studio.board()
    await studio.grant("a", "bob")
    await studio.tell(board_id="a")
    assert await replayed(studio, BOB, CAROL) == {"bob"}
    await studio.storage.write(run, delete(board_grants))
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
