"""Lists of boards: exactly those that the caller sees, in order, page by page, while boards come and go."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, insert

from invoke_host.access import AccessEngine
from invoke_host.api import Actor
from invoke_host.boards import rows
from invoke_host.boards.access import ACTIONS
from invoke_host.boards.query import Cursor, ListQuery, Order, decode_cursor
from invoke_host.boards.statements import asked_of, page_statement
from invoke_host.boards.tables import board_grants, boards

from .conftest import ALICE, CALLERS, LAB, NOW, BoardClient, Studio

ORDERS = [Order(by, descending=down) for by in ("created_at", "board_name") for down in (True, False)]


def mixed(studio: Studio) -> dict[str, str]:
    """Boards of every kind, by what they are."""
    made = {
        f"{visibility} of {owner}": studio.board(owner, visibility)
        for owner in ("alice", "bob")
        for visibility in ("private", "shared", "public")
    }
    made["archived"] = studio.board("alice", archived=True)
    for role in ("viewer", "contributor", "editor"):
        grant(studio, made.setdefault(f"{role} alice", studio.board("dave")), role, user_id="alice")
        grant(studio, made.setdefault(f"{role} lab", studio.board("dave")), role, group_id=LAB)
    return made


def grant(studio: Studio, board_id: str, role: str, **whom: str) -> None:
    row = {"board_id": board_id, "role": role, "created_at": NOW, "updated_at": NOW, **whom}
    studio.storage.run_write(lambda conn: conn.execute(insert(board_grants).values(row)).rowcount)


def walk(studio: Studio, who: Actor, order: Order, limit: int, *, archived: bool = True) -> list[dict[str, Any]]:
    """All pages, one after the other."""
    found: list[dict[str, Any]] = []
    cursor: Cursor | None = None
    for _ in range(100):
        query = ListQuery(order, archived, limit, 0, cursor)
        page = studio.storage.run_read(rows.page, studio.access, who, query)
        found += page.items
        if page.next_cursor is None:
            return found
        assert len(page.items) == limit
        cursor = decode_cursor(page.next_cursor, order)
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "root"])
def test_a_list_holds_what_single_reads_find_with_the_permissions_that_the_engine_gives(
    studio: Studio, name: str
) -> None:
    made, who = mixed(studio), CALLERS[name]
    listed = walk(studio, who, Order(), 1000)
    visible = studio.storage.run_read(
        lambda conn: studio.access.permissions(conn, who, list(made.values()), [action.name for action in ACTIONS])
    )
    assert {board["board_id"] for board in listed} == {board_id for board_id, may in visible.items() if may}
    for board in listed:
        assert {f"board.{may}" for may in board["permissions"]} == visible[board["board_id"]], board
        assert studio.storage.run_read(rows.one, studio.access, who, board["board_id"]) == board


def test_callers_see_what_the_matrix_says(studio: Studio) -> None:
    made = mixed(studio)
    names = {board_id: name for name, board_id in made.items()}
    seen = {
        who: {names[board["board_id"]] for board in walk(studio, CALLERS[who], Order(), 1000)}
        for who in ("alice", "carol", "root")
    }
    shown = {f"{visibility} of {owner}" for visibility in ("shared", "public") for owner in ("alice", "bob")}
    roles = ("viewer", "contributor", "editor")
    assert seen["alice"] == {*shown, "private of alice", "archived", *(f"{role} alice" for role in roles)}
    assert seen["carol"] == {*shown, *(f"{role} lab" for role in roles)}
    assert seen["root"] == set(made)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.by} {order.descending}")
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_are_the_list_cut_in_pieces(studio: Studio, order: Order, limit: int) -> None:
    for at, name in enumerate(["beta", "Alpha", "alpha", "ÄPFEL", "Zeta", "beta", "alpha", "", "10"]):
        if at % 3 == 0:
            studio.clock.advance(1)
        studio.board("alice", name=name)
    studio.board("bob")
    whole = studio.storage.run_read(rows.everything, studio.access, ALICE, order, 1000, archived=False)
    assert len(whole) == 9
    assert walk(studio, ALICE, order, limit, archived=False) == whole
    if order.by == "created_at":
        keys = [(board["created_at"], board["board_id"]) for board in whole]
        assert keys == sorted(keys, reverse=order.descending)
    else:
        names = [board["board_name"].casefold() for board in whole if board["board_name"].isascii()]
        assert names == sorted(names, reverse=order.descending)
    for offset in range(0, 12, limit):
        query = ListQuery(order, limit=limit, offset=offset)
        page = studio.storage.run_read(rows.page, studio.access, ALICE, query)
        assert page.items == whole[offset : offset + limit]
        assert page.total == 9


def test_a_cursor_holds_its_place_while_boards_come_and_go(studio: Studio) -> None:
    ids = []
    for _ in range(6):
        studio.clock.advance(1)
        ids.append(studio.board())
    first = studio.storage.run_read(rows.page, studio.access, ALICE, ListQuery(limit=3))
    assert [board["board_id"] for board in first.items] == ids[:2:-1]
    studio.clock.advance(1)
    studio.board()
    gone = [ids[3], ids[1]]  # the last of the page, and one further on
    studio.storage.run_write(lambda conn: conn.execute(delete(boards).where(boards.c.id.in_(gone))).rowcount)
    assert first.next_cursor is not None
    query = ListQuery(limit=3, cursor=decode_cursor(first.next_cursor, Order()))
    second = studio.storage.run_read(rows.page, studio.access, ALICE, query)
    assert [board["board_id"] for board in second.items] == [ids[2], ids[0]]
    assert (second.total, second.next_cursor) == (5, None)


async def test_without_anything_the_first_hundred_come_newest_first(api: BoardClient, studio: Studio) -> None:
    for _ in range(101):
        studio.clock.advance(1)
        studio.board()
    page = (await api("alice").ask("GET", "boards/")).json()
    assert (len(page["items"]), page["limit"], page["offset"], page["total"]) == (100, 100, 0, 101)
    times = [board["created_at"] for board in page["items"]]
    assert times == sorted(times, reverse=True)
    rest = (await api("alice").ask("GET", "boards/", params={"cursor": page["next_cursor"]})).json()
    assert (len(rest["items"]), rest["next_cursor"]) == (1, None)
    everything = (await api("alice").ask("GET", "boards/", params={"all": "true"})).json()
    assert everything == page["items"] + rest["items"]


async def test_archived_boards_are_listed_when_asked_for(api: BoardClient, studio: Studio) -> None:
    studio.board()
    archived = studio.board(archived=True)
    for query in ({}, {"all": "true"}):
        for include, count in (("false", 1), ("true", 2)):
            answer = await api("alice").ask("GET", "boards/", params={**query, "include_archived": include})
            found = answer.json()
            items = found if isinstance(found, list) else found["items"]
            assert len(items) == count
            assert isinstance(found, list) or found["total"] == count
            assert (archived in {board["board_id"] for board in items}) == (count == 2)


@pytest.mark.parametrize(
    "query",
    [
        {"order_by": "user_id"},
        {"direction": "desc"},
        {"limit": "-1"},
        {"limit": "1001"},
        {"offset": "-1"},
        {"offset": "100001"},
        {"cursor": "!"},
        {"cursor": "bnVsbA"},
        {"cursor": "WyJjcmVhdGVkX2F0IiwxLDIsM10"},
        {"cursor": "a" * 5000},
        {"all": "perhaps"},
    ],
    ids=str,
)
async def test_a_query_that_makes_no_sense_is_refused_with_the_field(api: BoardClient, query: dict[str, str]) -> None:
    answer = await api("alice").ask("GET", "boards/", params=query)
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["query", next(iter(query))])


async def test_a_cursor_belongs_to_its_order(api: BoardClient, studio: Studio) -> None:
    studio.board()
    studio.board()
    cursor = (await api("alice").ask("GET", "boards/", params={"limit": 1})).json()["next_cursor"]
    for query in ({"direction": "ASC"}, {"order_by": "board_name"}, {"offset": "1"}):
        assert await api("alice").status("GET", "boards/", params={"cursor": cursor, **query}) == 422


def test_the_same_caller_gets_the_same_statement(small_studio: Studio, access: AccessEngine) -> None:
    """Or each request would pay for compiling it."""
    first, second = asked_of(access, ALICE), asked_of(access, ALICE)
    assert first is second
    assert page_statement(first, Order(), False, False) is page_statement(second, Order(), False, False)
