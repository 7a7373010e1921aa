"""Listing: right order, right totals, and every image once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, InvalidInput, NotFound
from invoke_host.audit.record import Origin
from invoke_host.images import drift, editing, listing, trash
from invoke_host.images.listing import pages
from invoke_host.images.query import Cursor, Filters, ListQuery, Order, decode_cursor
from invoke_host.images.schema import Category
from invoke_host.images.search import walk as walk_module
from invoke_host.images.tables import image_texts, images
from invoke_host.storage import Storage
from tests.images.conftest import ADMIN, ALICE, BOB, CAROL, NOW, Gallery
from tests.images.listed import ALL_BOARDS, APPLE, PEAR, SEEN, TEAM, add_boards, fill, page


def walk(storage: Storage, access: AccessEngine, actor: Actor, query: ListQuery, limit: int = 3) -> Iterator[str]:
    """All names, page by page with cursors."""
    cursor = None
    while True:
        answer = page(storage, access, actor, ListQuery(query.filters, query.order, limit, 0, cursor))
        yield from (item["image_name"] for item in answer.items)
        if answer.next_cursor is None:
            return
        cursor = decode_cursor(answer.next_cursor, query.order)


@dataclass(frozen=True)
class Row:
    """An image as the reference implementation of a listing sees it."""

    id: int
    name: str
    user_id: str
    category: str
    is_intermediate: bool
    starred: bool
    origin: str
    board_id: str | None
    created_at: str
    metadata: str | None


def everything(conn: Connection) -> list[Row]:
    columns = [images.c[name] for name in Row.__dataclass_fields__ if name != "metadata"]
    texts = image_texts.c.image_id == images.c.id
    query = select(*columns, image_texts.c.metadata).select_from(images.outerjoin(image_texts, texts))
    return [Row(**row._mapping) for row in conn.execute(query.where(images.c.deleted_at.is_(None)))]


def expected(rows: list[Row], actor: Actor, filters: Filters, order: Order) -> list[str]:
    """The listing by sorting everything in memory."""
    seen = set(ALL_BOARDS) if actor.is_admin else SEEN.get(str(actor.id), set())
    matching = [
        row
        for row in rows
        if (actor.is_admin or row.user_id == actor.id or row.board_id in seen)
        and (filters.categories is None or row.category in filters.categories)
        and (filters.is_intermediate is None or row.is_intermediate == filters.is_intermediate)
        and (filters.origin is None or row.origin == filters.origin)
        and (filters.board_id is None or (row.board_id if row.board_id in seen else "none") == filters.board_id)
        and (filters.day is None or row.created_at.startswith(filters.day))
        and (not filters.search or FOUND[filters.search](row))
    ]
    matching.sort(key=lambda row: row.id, reverse=order.descending)
    if order.starred_first:
        matching.sort(key=lambda row: not row.starred)
    return [row.name for row in matching]


def said(*prompts: str) -> Callable[[Row], bool]:
    """Rows with one of these prompts."""
    return lambda row: any(f'"{prompt}"' in (row.metadata or "") for prompt in prompts)


#: What somebody types, and which rows that finds.
FOUND: dict[str, Callable[[Row], bool]] = {
    "RED": said(APPLE),
    "apple": said(APPLE),
    "a": said(APPLE, PEAR),
    "pear a": said(PEAR),
    "appl*": said(APPLE),
    "appl": said(),
    '"100 apple"': said(APPLE),
    '"apple 100"': said(),
    "red-100": said(APPLE),
    "%": said(),
    "red AND apple": said(),
    "2024": lambda row: said(PEAR)(row) or row.created_at.startswith("2024"),
    "2026-01-01": lambda row: row.created_at.startswith("2026-01-01"),
    "2026-01": lambda row: row.created_at.startswith("2026-01"),
    "2026 pear": lambda row: said(PEAR)(row) and row.created_at.startswith("2026"),
    "_s1": said(),
}


ORDERS = st.builds(Order, st.booleans(), st.booleans())
FILTERS = st.builds(
    Filters,
    st.none() | st.frozensets(st.sampled_from(get_args(Category))),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["internal", "external"]),
    st.none() | st.sampled_from(sorted(FOUND)),
    st.none() | st.sampled_from(["none", "a1", "b2", "c1"]),
    st.none() | st.sampled_from(["2026-01-01", "2026-01-02", "1999-01-01"]),
)


@pytest.mark.parametrize("many", [0, 40], ids=["board by board", "newest first"])
def test_every_way_of_listing_agrees_with_sorting_everything(
    each_gallery: Gallery, access: AccessEngine, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Cursor walks, offset walks and names, for every filter and order, on both databases."""
    monkeypatch.setattr(pages, "_MANY_BOARDS", many)
    monkeypatch.setattr(walk_module, "_FIRST", 4)
    monkeypatch.setattr(walk_module, "_SECOND", 4)
    monkeypatch.setattr(walk_module, "_MANY", 8)
    monkeypatch.setattr(pages, "MAX_SEARCH_TOTAL", 1000)
    storage = each_gallery.storage
    storage.run_write(add_boards)
    fill(each_gallery, seed=7, count=90, board_ids=[None, *ALL_BOARDS])
    rows = storage.run_read(everything)

    @settings(max_examples=80, deadline=None, database=None)
    @given(st.sampled_from([TEAM, BOB, CAROL, ADMIN]), FILTERS, ORDERS, st.integers(1, 25))
    def check(actor: Actor, filters: Filters, order: Order, limit: int) -> None:
        query = ListQuery(filters, order)
        if filters.board_id not in (None, "none", *(ALL_BOARDS if actor.is_admin else SEEN[str(actor.id)])):
            with pytest.raises(NotFound):
                page(storage, access, actor, query)
            return
        wanted = expected(rows, actor, filters, order)

        assert list(walk(storage, access, actor, query, limit)) == wanted
        for offset in (0, 1, limit, len(wanted), len(wanted) + 5):
            answer = page(storage, access, actor, ListQuery(filters, order, limit, offset))
            assert [item["image_name"] for item in answer.items] == wanted[offset : offset + limit]
            assert answer.total == len(wanted)
        names, starred = storage.run_read(listing.names, access, actor, filters, order)
        assert names == wanted
        assert starred == sum(row.starred for row in rows if row.name in set(wanted))

    check()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), ORDERS, st.integers(1, 7))
def test_a_walk_meets_each_image_once_while_seen_ones_are_starred_and_deleted(
    walk_gallery: Gallery, access: AccessEngine, seed: int, order: Order, limit: int
) -> None:
    storage = walk_gallery.storage
    storage.run_write(_empty, access)
    fill(walk_gallery, seed, 25)
    random = Random(seed)
    wanted = expected(storage.run_read(everything), ADMIN, Filters(), order)

    seen: list[str] = []
    for name in walk(storage, access, ADMIN, ListQuery(order=order), limit):
        seen.append(name)
        if random.random() < 0.4:
            victim = [random.choice(seen)]
            change = random.choice(["star", "delete"])
            if change == "delete":
                storage.run_write(trash.delete_images, access, ADMIN, victim, origin=Origin.of(ADMIN, None), now=NOW)
            elif order.starred_first:  # moves it to a place that the walk has passed
                storage.run_write(editing.set_starred, access, ADMIN, victim, True, now=NOW)

    assert seen == wanted
    assert storage.run_read(drift.drift) == []


@pytest.fixture
def walk_gallery(gallery: Gallery) -> Gallery:
    """One database for all examples; each example empties it first."""
    return gallery


def _empty(conn: Connection, access: AccessEngine) -> None:
    names = list(conn.scalars(select(images.c.name).where(images.c.deleted_at.is_(None))))
    trash.delete_images(conn, access, ADMIN, names, origin=Origin.of(ADMIN, None), now=NOW)


def test_a_page_costs_one_look_past_its_end_and_says_when_it_is_the_last(
    gallery: Gallery, access: AccessEngine
) -> None:
    gallery.add_rows(4)

    first = page(gallery.storage, access, ALICE, ListQuery(limit=2))
    assert first.next_cursor is not None
    second = page(gallery.storage, access, ALICE, ListQuery(limit=2, cursor=decode_cursor(first.next_cursor, Order())))

    assert second.next_cursor is None
    assert page(gallery.storage, access, ALICE, ListQuery(limit=0)).total == 4


def test_new_images_do_not_disturb_a_walk_from_the_newest(gallery: Gallery, access: AccessEngine) -> None:
    old = gallery.add_rows(10)
    seen = []
    for name in walk(gallery.storage, access, ALICE, ListQuery()):
        seen.append(name)
        gallery.add_rows(1)

    assert seen == old[::-1]


OTHER_ORDER = Cursor(Order(False, True), False, 1).encode()


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "....", "é", "\0", "MTExMS4x", "9" * 64, "MTEwLi0x", OTHER_ORDER])
def test_what_is_no_cursor_of_this_list_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_cursor(cursor, Order(True, True))
    assert refused.value.problems[0].loc == ("query", "cursor")


@given(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2**59))
def test_a_cursor_survives_the_trip_to_the_client(
    down: bool, starred_first: bool, starred: bool, position: int
) -> None:
    cursor = Cursor(Order(down, starred_first), starred, position)

    assert decode_cursor(cursor.encode(), cursor.order) == cursor
    assert len(cursor.encode()) <= 64
