"""Lists of boards cost what they hold: a fixed number of statements, on indexes, however many images there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from invoke_host.boards import rows
from invoke_host.boards.query import Cursor, ListQuery, Order
from invoke_host.boards.tables import board_grants

from .conftest import ALICE, LAB, NOW, ROOT, Studio

STREAM = "ix_images_board_stream (board_id=? AND is_intermediate=? AND category=? AND starred=?)"
PAST = Cursor(Order(), "2026-11-23 06:00:00.000", "5")


def asked(studio: Studio, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> list[tuple[str, Any]]:
    """The statements that a unit executes."""
    found: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        found.append((statement, parameters))

    event.listen(studio.storage.engine, "before_cursor_execute", note)
    studio.storage.run_read(unit, studio.access, *args, **kwargs)
    event.remove(studio.storage.engine, "before_cursor_execute", note)
    return found


def plans(studio: Studio, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> list[str]:
    """SQLite's plan of each of them."""

    def explain(conn: Connection) -> list[str]:
        return [
            row[3]
            for statement, parameters in found
            for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]

    found = asked(studio, unit, *args, **kwargs)
    return studio.storage.run_read(explain)


def share(conn: Connection, board_id: str) -> None:
    for whom in ({"user_id": "dave"}, {"group_id": LAB}):
        row = {"board_id": board_id, "role": "viewer", "created_at": NOW, "updated_at": NOW, **whom}
        conn.execute(insert(board_grants).values(row))


@pytest.fixture(params=["with statistics", "without statistics"])
def busy(small_studio: Studio, request: pytest.FixtureRequest) -> Studio:
    for at in range(40):
        board_id = small_studio.board(("alice", "bob")[at % 2], ("private", "shared", "public")[at % 3])
        small_studio.images(5, "alice", board_id, starred=at % 2 == 0)
        times = {"created_at": NOW, "updated_at": NOW}
        for whom in ({"user_id": "dave"}, {"group_id": LAB}):
            row = {"board_id": board_id, "role": "viewer", **times, **whom}
            small_studio.storage.run_write(
                lambda conn, row=row: conn.execute(insert(board_grants).values(row)).rowcount
            )
    if request.param == "with statistics":
        small_studio.storage.run_write(lambda conn: conn.exec_driver_sql("ANALYZE").close())
    return small_studio


@pytest.mark.parametrize("limit", [1, 40])
@pytest.mark.parametrize("who", [ALICE, ROOT], ids=lambda who: who.id)
def test_a_page_takes_two_statements_and_a_list_one(busy: Studio, who: Any, limit: int) -> None:
    assert len(asked(busy, rows.page, who, ListQuery(limit=limit))) == 2
    assert len(asked(busy, rows.everything, who, Order(), limit, archived=True)) == 1


@pytest.mark.parametrize("who", [ALICE, ROOT], ids=lambda who: who.id)
def test_pictures_and_counters_are_reached_by_the_board_they_are_on(busy: Studio, who: Any) -> None:
    for unit, args in (
        (rows.page, (who, ListQuery())),
        (rows.page, (who, ListQuery(cursor=PAST))),
        (rows.one, (who, busy.board())),
    ):
        found = plans(busy, unit, *args)
        counters = [plan for plan in found if "image_counts" in plan]
        assert counters
        assert all("ix_image_counts_board_id (board_id=? AND is_intermediate=?)" in plan for plan in counters), counters
        pictures = [plan for plan in found if " images" in plan or " named" in plan]
        assert any(STREAM in plan for plan in pictures), pictures
        assert not any(plan.startswith("SCAN") for plan in pictures), pictures
        grants = [plan for plan in found if "board_grants" in plan]
        assert all(any(by in plan for by in ("user_id=?", "group_id=?")) for plan in grants), grants


def test_pages_by_time_follow_the_index_and_begin_where_the_last_ended(busy: Studio) -> None:
    first = plans(busy, rows.page, ALICE, ListQuery())
    assert any("boards USING INDEX ix_boards_created_at_id" in plan for plan in first), first
    after = plans(busy, rows.page, ALICE, ListQuery(cursor=PAST))
    assert any("SEARCH boards USING INDEX ix_boards_created_at_id (created_at<?)" in plan for plan in after), after
