"""Who is told what: those who see a board hear of it, and those who lose sight of it hear that it is gone."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import BoardClient, Studio

Told = tuple[str, dict[str, Any], str | None, str | None, str | None]


def told(studio: Studio) -> list[Told]:
    """Kind, payload without empty lists, audience, board, excepted board of all events about boards."""
    return [
        (
            event.kind,
            {key: value for key, value in event.payload.items() if value},
            event.audience,
            event.board_id,
            event.except_board_id,
        )
        for event in studio.events("boards_changed", "boards_gone")
    ]


def news(studio: Studio, before: list[Told]) -> list[Told]:
    return told(studio)[len(before) :]


def updated(board_id: str, owner: str = "alice") -> Told:
    return ("boards_changed", {"updated": [board_id]}, owner, board_id, None)


def gone(board_id: str, user_id: str | None) -> Told:
    return ("boards_gone", {"board_ids": [board_id]}, user_id, None, board_id)


async def test_a_new_board_is_told_to_its_maker(api: BoardClient, studio: Studio) -> None:
    board_id = await api("alice").make()
    assert told(studio) == [("boards_changed", {"added": [board_id]}, "alice", board_id, None)]


async def test_every_event_names_all_three_lists(api: BoardClient, studio: Studio) -> None:
    board_id = await api("alice").make()
    await api("alice").ask("DELETE", f"boards/{board_id}")
    assert [set(event.payload) for event in studio.events("boards_changed")] == [{"added", "updated", "deleted"}] * 2


@pytest.mark.parametrize("before", ["shared", "public"])
async def test_who_sees_a_board_no_more_because_it_is_private_is_told(
    api: BoardClient, studio: Studio, before: str
) -> None:
    board_id = studio.board("alice", before)
    await api("alice").ask("PATCH", f"boards/{board_id}", {"board_visibility": "private"})
    assert told(studio) == [updated(board_id), gone(board_id, None)]


@pytest.mark.parametrize(("before", "after"), [("private", "shared"), ("public", "shared"), ("shared", "public")])
async def test_nobody_loses_a_board_that_is_still_shown(
    api: BoardClient, studio: Studio, before: str, after: str
) -> None:
    board_id = studio.board("alice", before)
    await api("alice").ask("PATCH", f"boards/{board_id}", {"board_visibility": after})
    assert told(studio) == [updated(board_id)]


async def test_grants_are_told_when_they_come_change_and_go(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    grant = await api("alice").share(board_id, "viewer", user_id="bob")
    await api("alice").share(board_id, "editor", user_id="bob")
    await api("alice").share(board_id, "editor", user_id="bob")
    assert told(studio) == [updated(board_id)] * 2
    before = told(studio)
    await api("alice").ask("DELETE", f"boards/{board_id}/grants/{grant['id']}")
    assert news(studio, before) == [updated(board_id), gone(board_id, "bob")]


async def test_a_grant_taken_from_a_group_is_gone_for_each_member(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    grant = await api("root").share(board_id, "viewer", group="Lab")
    before = told(studio)
    await api("alice").ask("DELETE", f"boards/{board_id}/grants/{grant['id']}")
    assert news(studio, before) == [updated(board_id), gone(board_id, "bob"), gone(board_id, "carol")]


async def test_who_leaves_is_told_as_well(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    await api("alice").share(board_id, "viewer", user_id="bob")
    before = told(studio)
    await api("bob").ask("DELETE", f"boards/{board_id}/grants/mine")
    assert news(studio, before) == [updated(board_id), gone(board_id, "bob")]


async def test_a_board_given_away_is_told_to_its_new_owner_and_gone_for_the_old(
    api: BoardClient, studio: Studio
) -> None:
    board_id = studio.board()
    await api("alice").ask("POST", f"boards/{board_id}/transfer", {"user_id": "bob"})
    assert told(studio) == [updated(board_id, "bob"), gone(board_id, "alice")]


async def test_a_deleted_private_board_is_told_to_those_who_saw_it_each_once(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board("bob")
    await api("bob").share(board_id, "viewer", group="Lab")
    await api("bob").share(board_id, "viewer", user_id="carol")
    await api("bob").share(board_id, "viewer", user_id="dave")
    before = told(studio)
    await api("bob").ask("DELETE", f"boards/{board_id}")
    expected = [("boards_changed", {"deleted": [board_id]}, name, None, None) for name in ("bob", "carol", "dave")]
    assert news(studio, before) == expected


@pytest.mark.parametrize("visibility", ["shared", "public"])
async def test_a_deleted_board_that_everybody_saw_is_told_to_everybody(
    api: BoardClient, studio: Studio, visibility: str
) -> None:
    board_id = studio.board("alice", visibility)
    await api("alice").ask("DELETE", f"boards/{board_id}")
    assert told(studio) == [("boards_changed", {"deleted": [board_id]}, None, None, None)]


async def test_what_is_refused_is_told_to_nobody(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board("alice", "shared")
    path = f"boards/{board_id}"
    assert await api("bob").status("PATCH", path, {"board_name": "Roots"}) == 403
    assert await api("bob").status("DELETE", path) == 403
    assert await api("alice").status("PUT", f"{path}/grants", {"user_id": "nobody", "role": "viewer"}) == 422
    assert await api("alice").status("PATCH", path, {"board_name": "Roots", "cover_image_name": "x"}) == 422
    assert told(studio) == []
    assert studio.audited() == []
