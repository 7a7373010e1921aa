"""The statements of every status answer and claim stay on their indexes however long the history is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from invoke_host.queue.store import bulk, lease, reads, status
from invoke_host.queue.store.bulk import Selection
from invoke_host.queue.store.claim import claim, claimable

from .conftest import ADMIN, ALICE, BOB, CAROL, Line
from .test_recovery import _fill_history


def plans(line: Line, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> list[str]:
    """SQLite's plan of each statement that the unit executes."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((statement, parameters))

    event.listen(line.storage.engine, "before_cursor_execute", note)
    line.storage.run_write(unit, *args, **kwargs)
    event.remove(line.storage.engine, "before_cursor_execute", note)
    assert asked
    return line.storage.run_read(_explain, asked)


def _explain(conn: Connection, asked: list[tuple[str, Any]]) -> list[str]:
    return [
        row[3]
        for statement, parameters in asked
        for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]


@pytest.fixture(params=["with statistics", "without statistics"])
def busy(line: Line, request: pytest.FixtureRequest) -> Line:
    line.add(ALICE, 50, destination="gallery")
    for who in (BOB, CAROL, ADMIN):
        line.add(who)
    line.storage.run_write(_fill_history, 2000)
    if request.param == "with statistics":
        line.storage.run_write(lambda conn: conn.exec_driver_sql("ANALYZE").close())
    return line


def test_a_claim_reads_one_lane_and_one_item(busy: Line) -> None:
    lanes = [plan for plan in plans(busy, claimable) if "queue_lanes" in plan]
    assert lanes
    assert all("ix_queue_lanes_waiting" in plan for plan in lanes), lanes
    found = plans(busy, claim, token="t", lease_s=30.0, now=busy.now())
    items = [plan for plan in found if "queue_items" in plan]
    assert any("ix_queue_items_pending (user_id=?)" in plan for plan in items), items
    assert not any(plan.startswith("SCAN queue_items") for plan in items), items


def test_nothing_that_runs_often_scans_the_items(busy: Line, access) -> None:
    busy.must_claim()
    for unit, args in (
        (reads.one, (access, ADMIN, "default", 5)),
        (reads.current, (access, ADMIN, "default")),
        (status.overall, (access, ALICE, "default")),
        (status.of_batch, (access, ALICE, "default", "history-7")),
        (status.of_destination, (access, ALICE, "default", "gallery")),
        (lease.held, (["a", "b"],)),
        (lease.any_expired, ()),
    ):
        for plan in plans(busy, unit, *args):
            assert not plan.startswith("SCAN queue_items") or "ix_queue_items_running" in plan, (unit, plan)
            assert "SCAN images" not in plan, (unit, plan)


def test_lists_and_bulk_operations_use_the_index_of_what_they_look_for(busy: Line, access) -> None:
    pages = plans(busy, reads.newest, access, ADMIN, "default", destination=None, before=500, limit=10)
    assert any("queue_items USING INDEX ix_queue_items_queue_id (queue_id=? AND id<?)" in plan for plan in pages), pages
    ids = plans(busy, reads.item_ids, "default", descending=True, start=None, limit=10)
    assert any("ix_queue_items_queue_id" in plan for plan in ids), ids
    for destination in (None, "gallery"):
        which = Selection("default", ("pending", "in_progress"), destination=destination)
        found = plans(busy, bulk.cancel_step, access, ADMIN, which, now=busy.now())
        selecting = [plan for plan in found if "queue_items" in plan and ("SCAN" in plan or "SEARCH" in plan)]
        assert any("ix_queue_items_pending" in plan for plan in selecting), selecting
        assert any("ix_queue_items_running" in plan for plan in selecting), selecting
        assert "SCAN queue_items" not in selecting, selecting
