"""Who is next is found by index on both databases, however many wait: the planners are asked, and rows are counted."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from invoke_host import ids
from invoke_host.identity.tables import users
from invoke_host.queue.store import lanes, state
from invoke_host.queue.store.lanes import Order
from invoke_host.queue.tables import batches, queue_items, queue_lanes

from .conftest import NOW, Line
from .test_finishing import complete, output

LANES, EACH = 300, 30


@pytest.fixture(params=["with statistics", "with statistics of the first picture"])
def crowded(each_line: Line, request: pytest.FixtureRequest) -> Line:
    if request.param == "with statistics of the first picture":
        each_line.add()
        complete(each_line, each_line.must_claim(), output())
        each_line.storage.run_write(_analyze)
    each_line.storage.run_write(_crowd)
    # PostgreSQL looks at the size of the tables as it is; SQLite believes what it was told once.
    if request.param == "with statistics" or each_line.storage.backend.name != "sqlite":
        each_line.storage.run_write(_analyze)
    return each_line


def _crowd(conn: Connection) -> None:
    names = [f"user-{number:04}" for number in range(LANES)]
    times = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(users), [{"id": n, "email": f"{n}@example.org", "display_name": n, **times} for n in names])
    some = {"queue_id": "default", "requested": EACH, "enqueued": EACH, "created_at": NOW}
    conn.execute(insert(batches), [{"id": name, "user_id": name, **some} for name in names])
    rows = [{"user_id": n, "pending": EACH, "vtime_us": at * 7 % 1000, "since": at} for at, n in enumerate(names, 1)]
    conn.execute(insert(queue_lanes), rows)
    conn.execute(insert(queue_items), [_item(name, index, times) for name in names for index in range(EACH)])


def _item(name: str, index: int, times: dict[str, str]) -> dict[str, Any]:
    what = {"queue_id": "default", "status": "pending", "request": "{}", "model": "toy", "work": 1.0}
    return {"batch_id": name, "batch_index": index, "user_id": name, "session_id": ids.new_id(), **what, **times}


def _analyze(conn: Connection) -> None:
    conn.exec_driver_sql("ANALYZE").close()


def plan(line: Line, order: Order) -> str:
    """How the database finds who is next."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if "queue_lanes" in statement:
            asked.append((statement, parameters))

    event.listen(line.storage.engine, "before_cursor_execute", note)
    line.storage.run_read(lanes.pick, order)
    event.remove(line.storage.engine, "before_cursor_execute", note)
    ((statement, parameters),) = asked
    return line.storage.run_read(_explain, statement, parameters)


def _explain(conn: Connection, statement: str, parameters: Any) -> str:
    words = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN (ANALYZE, TIMING OFF)"
    return "\n".join(str(row[-1]) for row in conn.exec_driver_sql(f"{words} {statement}", parameters))


def test_the_pick_reads_the_first_lane_and_its_first_item(crowded: Line) -> None:
    found = plan(crowded, "fair")
    assert "ix_queue_lanes_waiting" in found, found
    assert "ix_queue_items_pending" in found, found
    # Neither database sorts lanes: the index has them in order, and one is enough.
    assert "TEMP B-TREE" not in found, found
    assert "Sort" not in found, found
    assert "Seq Scan on queue_items" not in found, found
    assert "SCAN queue_items" not in found, found


def test_first_come_first_served_reads_one_item_of_each_lane(crowded: Line) -> None:
    found = plan(crowded, "fifo")
    assert "ix_queue_items_pending" in found, found
    assert "SCAN queue_items" not in found, found


def test_items_of_a_paused_queue_are_passed_over_within_the_index(crowded: Line) -> None:
    crowded.storage.run_write(state.set_paused, "default", True, now=NOW)
    assert crowded.storage.run_read(lanes.pick) is None
    found = plan(crowded, "fair")
    assert "COVERING INDEX ix_queue_items_pending" in found or "Index Only Scan using ix_queue_items_pending" in found
