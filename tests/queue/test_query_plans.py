"""The statements of every status answer and claim stay on their indexes however long the history is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from invoke_host.queue.access import CANCEL, DELETE
from invoke_host.queue.store import batch_view, bulk, lease, reads, status
from invoke_host.queue.store.candidates import Selection, candidates
from invoke_host.queue.store.claim import claim, claimable
from invoke_host.queue.store.items import TERMINAL
from invoke_host.queue.store.listing import Filters, newest

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line
from .test_finishing import complete, output
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


@pytest.fixture(params=["with statistics", "without statistics", "with statistics of the first picture"])
def busy(line: Line, request: pytest.FixtureRequest) -> Line:
    if request.param == "with statistics of the first picture":
        line.add(ALICE)
        complete(line, line.must_claim(), output())
        line.storage.run_write(lambda conn: conn.exec_driver_sql("ANALYZE").close())
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
        (batch_view.status, (access, ALICE, "default", "history-7")),
        (status.of_destination, (access, ALICE, "default", "gallery")),
        (lease.held, (["a", "b"],)),
        (lease.any_expired, ()),
    ):
        for plan in plans(busy, unit, *args):
            assert not plan.startswith("SCAN queue_items") or "ix_queue_items_running" in plan, (unit, plan)
            assert "SCAN images" not in plan, (unit, plan)


def test_lists_and_bulk_operations_use_the_index_of_what_they_look_for(busy: Line, access) -> None:
    pages = plans(busy, newest, access, ADMIN, "default", Filters(), before=500, limit=10)
    assert any("queue_items USING INDEX ix_queue_items_queue_id (queue_id=? AND id<?)" in plan for plan in pages), pages
    ids = plans(busy, reads.item_ids, "default", descending=True, start=None, limit=10)
    assert any("ix_queue_items_queue_id" in plan for plan in ids), ids
    for destination in (None, "gallery"):
        which = Selection("default", ("pending", "in_progress"), destination=destination)
        found = plans(busy, candidates, access, ADMIN, CANCEL.name, which)
        selecting = [plan for plan in found if "queue_items" in plan and ("SCAN" in plan or "SEARCH" in plan)]
        assert any("ix_queue_items_pending" in plan for plan in selecting), selecting
        assert any("ix_queue_items_running" in plan for plan in selecting), selecting
        assert "SCAN queue_items" not in selecting, selecting


@pytest.mark.parametrize("destination", [None, "gallery"])
def test_who_may_change_only_their_own_finished_items_reads_no_others(
    busy: Line, access, destination: str | None
) -> None:
    which = Selection("default", TERMINAL, destination=destination)
    own = [plan for plan in plans(busy, candidates, access, ALICE, DELETE.name, which) if "<?" in plan]
    assert own == ["SEARCH queue_items USING INDEX ix_queue_items_user_id (user_id=? AND id>? AND id<?)"]
    every = [plan for plan in plans(busy, candidates, access, ADMIN, DELETE.name, which) if "<?" in plan]
    index = "destination (queue_id=? AND destination=?" if destination else "queue_id (queue_id=?"
    assert every == [f"SEARCH queue_items USING INDEX ix_queue_items_{index} AND id>? AND id<?)"]


def test_the_steps_of_bulk_operations_touch_items_by_their_ids_only(busy: Line, access) -> None:
    waiting = list(range(1, 11))
    unfinished, finished = bulk.UNFINISHED, TERMINAL
    found = plans(busy, bulk.cancel_step, access, ALICE, waiting, unfinished, now=busy.now())
    found += plans(busy, bulk.delete_step, access, ALICE, waiting, finished, forget_before=NOW, now=busy.now())
    items = [plan for plan in found if "queue_items" in plan]
    by_id = "SEARCH queue_items USING INTEGER PRIMARY KEY (rowid=?)"
    own = "SEARCH queue_items USING INDEX ix_queue_items_user_id (user_id=? AND id=? AND rowid=?)"
    of_batch = "SEARCH queue_items USING COVERING INDEX ix_queue_items_batch_id (batch_id=?)"
    selected, canceled, selected_again, deleted, *of_batches = items
    assert {selected, selected_again} <= {by_id, own}
    assert (canceled, deleted) == (by_id, by_id)
    assert set(of_batches) == {of_batch}
    assert not [plan for plan in items if plan.startswith("SCAN")]
