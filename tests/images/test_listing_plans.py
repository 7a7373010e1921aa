"""Listing: an index under every page, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.images import listing
from invoke_host.images.listing import counted
from invoke_host.images.listing.sight import Sight
from invoke_host.images.query import Cursor, Filters, ListQuery, Order
from tests.images.conftest import ADMIN, ALICE, Gallery
from tests.images.listed import ALL_BOARDS, add_boards, fill, page
from tests.images.plans import Plans


def _analyze(conn: Connection) -> None:
    conn.execute(text("ANALYZE"))


QUERIES = {
    "first": ListQuery(limit=50),
    "deep": ListQuery(limit=50, cursor=Cursor(Order(), False, 100)),
    "oldest first": ListQuery(limit=50, order=Order(descending=False)),
    "without stars": ListQuery(limit=50, order=Order(starred_first=False)),
    "one category": ListQuery(Filters(frozenset({"general"}), False), limit=50),
    "several categories": ListQuery(Filters(frozenset({"control", "user"}), False), limit=50),
    "offset": ListQuery(limit=50, offset=60),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
@pytest.mark.parametrize("actor", [ALICE, ADMIN], ids=["owner", "administrator"])
@pytest.mark.parametrize("analyzed", [False, True])
def test_every_page_is_a_range_of_an_index_without_sorting(
    gallery: Gallery, access: AccessEngine, query: ListQuery, actor: Actor, analyzed: bool
) -> None:
    fill(gallery, seed=3, count=200)
    if analyzed:
        gallery.storage.run_write(_analyze)
    engine: Engine = gallery.storage.engine

    with Plans(engine) as plans:
        assert page(gallery.storage, access, actor, query).total > 0

    index = "ix_images_owner_stream" if actor is ALICE else "ix_images_stream"
    _assert_streamed(plans, index)


@pytest.mark.parametrize("board_id", ["a1", "none"])
@pytest.mark.parametrize("actor", [ALICE, ADMIN], ids=["owner", "administrator"])
def test_a_page_of_a_board_and_of_no_board_is_a_range_of_an_index(
    gallery: Gallery, access: AccessEngine, board_id: str, actor: Actor
) -> None:
    gallery.storage.run_write(add_boards)
    fill(gallery, seed=3, count=200, board_ids=[None, *ALL_BOARDS])
    engine: Engine = gallery.storage.engine

    with Plans(engine) as plans:
        assert page(gallery.storage, access, actor, ListQuery(Filters(board_id=board_id), limit=50)).total > 0

    owned = board_id == "none" and actor is ALICE
    _assert_streamed(plans, "ix_images_owner_stream" if owned else "ix_images_board_stream")


def test_the_heads_of_all_boards_are_found_without_sorting(gallery: Gallery, access: AccessEngine) -> None:
    gallery.storage.run_write(add_boards)
    fill(gallery, seed=3, count=200, board_ids=[None, *ALL_BOARDS])
    gallery.storage.run_write(_analyze)
    sight = Sight.of(access, ALICE)

    with Plans(gallery.storage.engine) as plans:
        assert gallery.storage.run_read(counted.on_boards, sight, Filters(), counted.Heads(True, 10**9, 10**9))

    assert "TEMP B-TREE" not in str(plans.lines)
    assert "SCAN image" not in str(plans.lines)
    assert [line for line in plans.lines if "ix_images_board_stream (" in line and "id<?" in line]


def _assert_streamed(plans: Plans, index: str) -> None:
    streams = [line for line in plans.lines if f"{index} (" in line]
    assert streams
    for line in plans.lines:
        assert "TEMP B-TREE" not in line, plans.lines
        # Rows that were picked from several streams are then read by id, and each is asked whether it may be seen.
        assert line in streams or line.startswith(_BY_THE_WAY), plans.lines
    for line in streams:
        assert "is_intermediate=? AND category=? AND starred=?" in line


_BY_THE_WAY = (
    "SEARCH images USING INTEGER PRIMARY KEY (rowid=?)",
    "CORRELATED SCALAR SUBQUERY",
    "SEARCH board_above USING INDEX sqlite_autoindex_boards_1 (id=?)",
    "SEARCH board_grants USING ",
)


def test_postgresql_can_answer_every_page_from_the_same_indexes(
    postgres_gallery: Gallery, access: AccessEngine
) -> None:
    """With so few rows it would rather read all; with that ruled out, the plan shows which index carries a page."""
    fill(postgres_gallery, seed=3, count=60)
    plans = postgres_gallery.storage.run_read(_postgres_plans, access)

    assert len(plans) == 2 * len(QUERIES)
    for plan in plans:
        assert "Index Only Scan" in plan or "Index Scan" in plan, plan
        assert "Sort" not in plan, plan
        assert "_stream" in plan, plan


def _postgres_plans(conn: Connection, access: AccessEngine) -> list[str]:
    conn.execute(text("SET LOCAL enable_seqscan = off"))
    conn.execute(text("SET LOCAL enable_bitmapscan = off"))
    conn.execute(text("SET LOCAL enable_sort = off"))
    plans: list[str] = []

    def explain(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT") and "ORDER BY images.id" in statement and "IN (" not in statement:
            rows = conn.connection.cursor().execute(f"EXPLAIN {statement}", parameters).fetchall()
            found.append("\n".join(row[0] for row in rows))

    for query in QUERIES.values():
        for actor in (ALICE, ADMIN):
            found: list[str] = []
            event.listen(conn, "before_cursor_execute", explain)
            listing.walked_page(conn, access, actor, query)
            event.remove(conn, "before_cursor_execute", explain)
            plans.append("\n".join(found))
    return plans
