"""What lists, counts, finds and names boards and images, held against the model of one world and one actor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from invoke_host.access import AccessEngine
from invoke_host.api import Actor, NotFound
from invoke_host.boards import rows as board_rows
from invoke_host.boards.query import ListQuery as BoardQuery
from invoke_host.boards.query import Order as BoardOrder
from invoke_host.boards.query import decode_cursor as decode_board_cursor
from invoke_host.images import listing, rows, trash_listing
from invoke_host.images.query import Filters, ListQuery, Order, decode_cursor

from .sharing_model import BOARD, Asked, Model, World, board_id, name, names


def agree_on_listings(
    conn: Connection, engine: AccessEngine, world: World, actor: Actor, asked: Sequence[Asked], limit: int
) -> None:
    """All of it."""
    for each in asked:
        agree_on_images(conn, engine, world, actor, each, limit)
    agree_on_single_images(conn, engine, world, actor)
    agree_on_boards(conn, engine, world, actor)
    agree_on_trash(conn, engine, world, actor, limit)


def agree_on_images(
    conn: Connection, engine: AccessEngine, world: World, actor: Actor, asked: Asked, limit: int
) -> None:
    """Every page, an offset, the total and the names of a listing."""
    expected = Model(world, actor).images(asked)
    filters, order = _filters(asked), Order(asked.descending, asked.starred_first)
    if expected is None:
        for unit, query in ((listing.page, ListQuery(filters, order)), (listing.names, (filters, order))):
            with pytest.raises(NotFound):
                unit(conn, engine, actor, *(query if isinstance(query, tuple) else (query,)))
        return
    wanted = names(expected)
    query = ListQuery(filters, order, limit)
    pages = [listing.page(conn, engine, actor, query)]
    while (text := pages[-1].next_cursor) is not None:
        pages.append(
            listing.page(conn, engine, actor, ListQuery(filters, order, limit, cursor=decode_cursor(text, order)))
        )
    listed = [item["image_name"] for page in pages for item in page.items]
    assert listed == wanted, asked
    assert pages[0].total == len(wanted), asked
    skipped = listing.page(conn, engine, actor, ListQuery(filters, order, limit, offset=1))
    assert [item["image_name"] for item in skipped.items] == wanted[1 : 1 + limit], asked
    starred = sum(world.images[place].starred for place in expected)
    assert listing.names(conn, engine, actor, filters, order) == (wanted, starred), asked


def agree_on_single_images(conn: Connection, engine: AccessEngine, world: World, actor: Actor) -> None:
    """Each image by its name, and all of them by their names; which board it is said to be on."""
    model = Model(world, actor)
    everything = [name(place) for place in range(len(world.images))]
    together = {item["image_name"]: item for item in rows.by_names(conn, engine, actor, [*everything, name(99)])}
    for place, image in enumerate(world.images):
        if not model.may_image("image.view", place):
            assert name(place) not in together
            for read in (rows.get, rows.require, rows.metadata):
                with pytest.raises(NotFound):
                    read(conn, engine, actor, name(place))
            with pytest.raises(NotFound):
                rows.file_facts(conn, engine, actor, name(place), thumbnail=False)
            continue
        shown = rows.get(conn, engine, actor, name(place))
        board = model.shown_board(place)
        assert shown == together[name(place)]
        assert shown["board_id"] == (None if board is None else board_id(board)), place
        assert (shown["user_id"], shown["starred"]) == (image.owner, image.starred)
        rows.file_facts(conn, engine, actor, name(place), thumbnail=True)


def agree_on_boards(conn: Connection, engine: AccessEngine, world: World, actor: Actor) -> None:
    """The list of boards, page by page and at once, and each by its id: counts, cover, permissions."""
    model = Model(world, actor)
    for archived in (False, True):
        expected = [_board(model, place) for place in model.boards(archived=archived)]
        everything = board_rows.everything(conn, engine, actor, BoardOrder(), 100, archived=archived)
        assert [_shown(item) for item in everything] == expected
        pages = [board_rows.page(conn, engine, actor, BoardQuery(BoardOrder(), archived, limit=2))]
        while (text := pages[-1].next_cursor) is not None:
            query = BoardQuery(BoardOrder(), archived, limit=2, cursor=decode_board_cursor(text, BoardOrder()))
            pages.append(board_rows.page(conn, engine, actor, query))
        assert [_shown(item) for page in pages for item in page.items] == expected
        assert pages[0].total == len(expected)
    seen = set(model.boards())
    for place in range(len(world.boards)):
        if place in seen:
            assert _shown(board_rows.one(conn, engine, actor, board_id(place))) == _board(model, place)
        else:
            with pytest.raises(NotFound):
                board_rows.one(conn, engine, actor, board_id(place))


def agree_on_trash(conn: Connection, engine: AccessEngine, world: World, actor: Actor, limit: int) -> None:
    """Every page of the trash, and the files of what is in it."""
    expected = Model(world, actor).trash()
    listed: list[str] = []
    cursor = None
    while True:
        page = trash_listing.page(conn, engine, actor, limit=limit, cursor=cursor)
        listed += [item["image_name"] for item in page.items]
        if page.next_cursor is None:
            break
        cursor = trash_listing.decode_cursor(page.next_cursor)
    assert len(listed) == len(set(listed))
    assert set(listed) == {name(place) for place in expected}
    for place in range(len(world.images)):
        if place in expected:
            trash_listing.file_facts(conn, engine, actor, name(place), thumbnail=True)
        else:
            with pytest.raises(NotFound):
                trash_listing.file_facts(conn, engine, actor, name(place), thumbnail=False)


def _filters(asked: Asked) -> Filters:
    board = asked.board if not isinstance(asked.board, int) else board_id(asked.board)
    return Filters(asked.categories, asked.is_intermediate, search=asked.word, board_id=board)


def _board(model: Model, place: int) -> dict[str, Any]:
    pictures, others = model.counts(place)
    cover = model.cover(place)
    return {
        "board_id": board_id(place),
        "user_id": model.world.boards[place].owner,
        "board_visibility": model.world.boards[place].visibility,
        "image_count": pictures,
        "asset_count": others,
        "cover_image_name": None if cover is None else name(cover),
        "permissions": [action.removeprefix("board.") for action in BOARD if model.may_board(action, place)],
    }


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    asked = ("board_id", "user_id", "board_visibility", "image_count", "asset_count", "cover_image_name", "permissions")
    return {key: item[key] for key in asked}
