"""Putting images on boards and taking them off: rows, counters, search and events move together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Event, NotFound, Role
from invoke_host.boards.tables import boards
from invoke_host.events import store as events
from invoke_host.images import moves, trash
from invoke_host.images.drift import drift
from invoke_host.images.tables import image_counts, images
from invoke_host.storage import Storage
from tests.images.conftest import ADMIN, ALICE, BOB, CAROL, NOW, Gallery


def told(storage: Storage, after: int) -> list[Event]:
    return storage.run_read(events.read_after, after, 1000)


def last(storage: Storage) -> int:
    return storage.run_read(events.span).last


def places(conn: Connection) -> dict[str, str | None]:
    return {row.name: row.board_id for row in conn.execute(select(images.c.name, images.c.board_id))}


def test_an_image_goes_on_a_board_and_on_to_another(each_gallery: Gallery, access: AccessEngine) -> None:
    storage = each_gallery.storage
    first, second = each_gallery.add_board(), each_gallery.add_board()
    name = each_gallery.add()

    assert storage.run_write(moves.place, access, ALICE, first, [name, name], now=NOW) == moves.Moved(
        [name], [], [first]
    )
    onward = storage.run_write(moves.place, access, ALICE, second, [name], now=NOW)

    assert (onward.done, set(onward.boards)) == ([name], {first, second})
    assert storage.run_read(places) == {name: second}
    assert storage.run_read(drift) == []


def test_putting_an_image_where_it_is_changes_and_tells_nothing(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board()
    name, loose = each_gallery.add(board_id=board), each_gallery.add()
    before = last(storage)

    assert storage.run_write(moves.place, access, ALICE, board, [name], now=NOW).done == [name]
    assert storage.run_write(moves.detach, access, ALICE, [loose], now=NOW).done == [loose]

    assert told(storage, before) == []


def test_who_may_add_moves_their_own_and_nobody_elses(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board(ALICE, "public")
    own, foreign = each_gallery.add(BOB), each_gallery.add(ALICE)

    moved = storage.run_write(moves.place, access, BOB, board, [foreign, own, "../x"], now=NOW)

    assert (moved.done, moved.failed, moved.boards) == ([own], [foreign, "../x"], [board])
    assert storage.run_read(places) == {own: board, foreign: None}


def test_the_uploader_takes_their_image_off_a_board_that_they_can_not_see_any_more(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board(ALICE)
    name = each_gallery.add(BOB, board_id=board)

    moved = storage.run_write(moves.detach, access, BOB, [name], now=NOW)

    assert (moved.done, moved.boards) == ([name], []), "the id of a board that they can't see is not told"
    assert storage.run_read(drift) == []


def test_those_who_see_the_new_place_are_told_and_those_who_only_saw_the_old_one_lose_it(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    old, new = each_gallery.add_board(ALICE), each_gallery.add_board(BOB)
    mine, foreign = each_gallery.add(BOB, board_id=old), each_gallery.add(ALICE, board_id=old)
    before = last(storage)

    storage.run_write(moves.place, access, ADMIN, new, [mine, foreign], now=NOW)

    assert [seen(event) for event in told(storage, before)] == [
        {"kind": "images_changed", "audience": "alice", "board_id": new, "updated": [foreign]},
        {"kind": "images_changed", "audience": "bob", "board_id": new, "updated": [mine]},
        {
            "kind": "images_gone",
            "board_id": old,
            "except_board_id": new,
            "except_user_id": "alice",
            "gone": (old, [foreign]),
        },
        {
            "kind": "images_gone",
            "board_id": old,
            "except_board_id": new,
            "except_user_id": "bob",
            "gone": (old, [mine]),
        },
    ]


def seen(event: Event) -> dict[str, Any]:
    """What of an event is not empty."""
    payload = {key: event.payload[key] for key in ("added", "deleted", "updated") if event.payload.get(key)}
    if event.kind == "images_gone":
        payload = {"gone": (event.payload["board_id"], event.payload["image_names"])}
    facts = {key: getattr(event, key) for key in ("audience", "board_id", "except_board_id", "except_user_id")}
    return {"kind": event.kind, **{key: value for key, value in facts.items() if value is not None}, **payload}


@pytest.mark.parametrize("board", ["missing", "none", "", "x" * 5000, "a\0b", "../boards"])
def test_a_board_that_is_none_is_not_found(each_gallery: Gallery, access: AccessEngine, board: str) -> None:
    name = each_gallery.add()
    board = each_gallery.name().removesuffix(".png") if board == "missing" else board

    with pytest.raises(NotFound) as refused:
        each_gallery.storage.run_write(moves.place, access, ALICE, board, [name], now=NOW)

    assert len(refused.value.detail) < 200
    assert each_gallery.storage.run_read(places) == {name: None}


def test_a_board_is_cleared_in_steps_with_what_lies_in_the_trash(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board()
    live, other = each_gallery.add_rows(5, board_id=board), each_gallery.add_rows(1)
    storage.run_write(trash.put, rows_of(storage, live[:2]), by="alice", now=NOW)

    steps = [storage.run_write(moves.clear_board, board, now=NOW, limit=2) for _ in range(3)]

    assert steps == [2, 2, 1]
    assert storage.run_read(places) == dict.fromkeys([*live, *other])
    assert storage.run_read(drift) == []
    assert storage.run_read(counters_of, board) == []
    storage.run_write(lambda conn: conn.execute(delete(boards).where(boards.c.id == board)).close())
    restored = storage.run_write(trash.restore, access, ALICE, live[:2], now=NOW)
    assert (restored.done, restored.boards) == (live[:2], [])


def rows_of(storage: Storage, names: list[str]) -> list[Any]:
    from invoke_host.images import changes

    return storage.run_write(changes.locked, names)


def counters_of(conn: Connection, board_id: str) -> list[Any]:
    return list(conn.execute(select(image_counts).where(image_counts.c.board_id == board_id)))


@pytest.mark.parametrize("keep", [True, False])
def test_a_board_goes_into_the_trash_in_steps(each_gallery: Gallery, access: AccessEngine, keep: bool) -> None:
    storage, board = each_gallery.storage, each_gallery.add_board(ALICE, roles={"bob": "editor"})
    live = each_gallery.add_rows(4, BOB, board_id=board)
    foreign = each_gallery.add_rows(1, BOB, board_id=board, is_intermediate=True)
    each_gallery.add_rows(1, board_id=board, is_intermediate=True)

    steps = [storage.run_write(trash.trash_board, access, ALICE, board, now=NOW, limit=3, keep=keep) for _ in range(3)]

    live += foreign
    assert steps == [3, 3, 0]
    assert storage.run_read(places) == (dict.fromkeys(live) if keep else {})
    assert storage.run_read(drift) == []
    assert storage.run_read(counters_of, board) == []
    assert sorted(storage.run_write(trash.restore, access, BOB, live, now=NOW).done) == (sorted(live) if keep else [])
    assert storage.run_read(drift) == []


@pytest.mark.parametrize("roles", [{}, {"carol": "viewer"}, {"carol": "contributor"}])
def test_a_picture_is_saved_on_a_board_only_where_its_owner_may_add(
    each_gallery: Gallery, access: AccessEngine, roles: Mapping[str, Role]
) -> None:
    board = each_gallery.add_board(ALICE, roles=roles)

    assert each_gallery.storage.run_write(moves.may_add, access, CAROL, board) == ("contributor" in roles.values())
    assert not each_gallery.storage.run_write(moves.may_add, access, CAROL, "x" * 500)
