"""Canceling and deleting many items: whose, how many, in which steps, with which events, and what it gives back."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, event, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.events.tables import outbox
from invoke_host.limits import usage
from invoke_host.queue import bulk as bulk_service
from invoke_host.queue.bulk import Bulk, in_steps
from invoke_host.queue.ownership import OWNED
from invoke_host.queue.pace import FEWEST, GROWTH, MOST, Pace
from invoke_host.queue.store import batches, bulk, candidates
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.store.items import STATUSES, TERMINAL
from invoke_host.queue.tables import destination_counts, queue_counts, queue_items, queue_totals

from .conftest import ADMIN, ALICE, BOB, CAROL, Line
from .many import cancel_many, delete_many
from .test_finishing import complete, output

WAITING = Selection("default", ("pending",))
ALL = Selection("default", STATUSES)


def told(conn: Connection) -> list[tuple[str, str | None, dict[str, Any]]]:
    rows = conn.execute(select(outbox.c.kind, outbox.c.audience, outbox.c.payload).order_by(outbox.c.id))
    return [(kind, audience, orjson.loads(payload)) for kind, audience, payload in rows]


def statuses(conn: Connection) -> dict[int, str]:
    return dict(map(tuple, conn.execute(select(queue_items.c.id, queue_items.c.status))))  # type: ignore[arg-type]


@pytest.fixture
def work(each_line: Line, access: AccessEngine) -> Bulk:
    return Bulk(each_line.storage, access, each_line.clock)


async def test_an_operation_counts_what_it_did_itself(each_line: Line, work: Bulk) -> None:
    each_line.add(ALICE, 3)
    each_line.add(BOB, 2)
    running = each_line.must_claim()
    assert await work.cancel(ALICE, WAITING) == 2
    assert await work.cancel(ALICE, WAITING) == 0
    assert await work.cancel(CAROL, Selection("default", bulk.UNFINISHED)) == 0
    assert await work.delete(ALICE, Selection("default", TERMINAL)) == 2
    assert each_line.storage.run_read(statuses) == {running.id: "in_progress", 4: "pending", 5: "pending"}
    assert await work.delete_all(ADMIN, ALL) == 3
    assert each_line.storage.run_read(statuses) == {}
    assert each_line.drift() == []


async def test_long_operations_go_page_by_page_and_step_by_step(
    each_line: Line, work: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "PAGE", 7)
    monkeypatch.setattr(bulk_service, "Pace", lambda: Pace(first=2))
    each_line.add(ALICE, 30)
    each_line.add(BOB, 5)
    begun = [each_line.must_claim(), each_line.must_claim()]
    for item in begun[:1]:
        complete(each_line, item, output())
    assert await work.cancel(ADMIN, Selection("default", bulk.UNFINISHED)) == 34
    assert await work.delete(ALICE, Selection("default", TERMINAL)) == 30
    assert await work.delete_all(BOB, ALL) == 5
    assert each_line.drift() == []


async def test_what_is_enqueued_meanwhile_is_not_part_of_it(
    each_line: Line, work: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = each_line.add(ALICE, 3)
    steps = []

    async def in_between(*args: Any, **kwargs: Any) -> int:
        if not steps:
            steps.append(each_line.add(ALICE, 2).item_ids)
        return await in_steps(*args, **kwargs)

    monkeypatch.setattr(bulk_service, "in_steps", in_between)
    assert await work.delete_all(ALICE, ALL) == len(first.item_ids)
    assert list(each_line.storage.run_read(statuses)) == steps[0]


async def test_an_item_that_was_begun_after_it_was_found_is_left_or_stopped_as_was_asked(
    each_line: Line, access: AccessEngine
) -> None:
    ids = each_line.add(ALICE, 3).item_ids
    begun = each_line.must_claim()
    now = each_line.now()
    run = each_line.storage.run_write
    assert run(bulk.cancel_step, access, ALICE, ids, ("pending",), now=now) == 2
    assert each_line.item(begun.id).status == "in_progress"
    assert run(bulk.cancel_step, access, ALICE, ids, bulk.UNFINISHED, now=now) == 1
    assert each_line.item(begun.id).status == "canceled"
    assert each_line.drift() == []


def test_a_step_takes_as_many_statements_for_a_thousand_items_as_for_three(
    each_line: Line, access: AccessEngine
) -> None:
    counted: list[int] = []
    for count in (3, 1000):
        each_line.add(ALICE, count, destination="canvas")
        each_line.add(BOB, count)
        asked: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any, asked: list[str] = asked) -> None:
            asked.append(statement)

        event.listen(each_line.storage.engine, "before_cursor_execute", note)
        cancel_many(each_line, access, ADMIN, WAITING)
        delete_many(each_line, access, ADMIN, Selection("default", TERMINAL))
        event.remove(each_line.storage.engine, "before_cursor_execute", note)
        counted.append(len(asked))
    assert counted[0] == counted[1]
    assert each_line.drift() == []


def test_owners_get_one_event_for_each_step_and_one_for_each_item_that_ran(
    each_line: Line, access: AccessEngine
) -> None:
    alices, bobs = each_line.add(ALICE, 4).item_ids, each_line.add(BOB, 3).item_ids
    running = each_line.must_claim()
    before = len(each_line.storage.run_read(told))
    assert cancel_many(each_line, access, ADMIN, Selection("default", bulk.UNFINISHED)) == 7
    events = each_line.storage.run_read(told)[before:]
    assert [(kind, audience) for kind, audience, _ in events] == [
        ("queue_item_status_changed", running.user_id),
        ("queue_items_changed", "alice"),
        ("queue_items_changed", "bob"),
    ]
    assert events[0][2]["item_id"] == running.id
    assert [each["item_ids"] for _, _, each in events[1:]] == [[i for i in alices if i != running.id], bobs]
    assert {each["change"] for _, _, each in events[1:]} == {"canceled"}
    assert delete_many(each_line, access, ALICE, ALL) == 4
    assert each_line.storage.run_read(told)[-1][1:] == (
        "alice",
        {"queue_id": "default", "change": "deleted", "item_ids": alices, "user_id": "alice"},
    )


def test_a_single_item_is_told_of_in_full(each_line: Line, access: AccessEngine) -> None:
    each_line.add(ALICE)
    assert cancel_many(each_line, access, ALICE, WAITING) == 1
    kind, _, payload = each_line.storage.run_read(told)[-1]
    assert (kind, payload["status"]) == ("queue_item_status_changed", "canceled")


def test_canceling_and_removing_what_waits_gives_back_what_was_booked(each_line: Line, access: AccessEngine) -> None:
    def used() -> tuple[int, int]:
        day = each_line.storage.run_read(usage.of_user, "alice", each_line.now())["day"]
        return day.images, day.engine_us

    ids = each_line.add(ALICE, 5).item_ids
    booked = used()
    assert booked[0] == 5
    assert booked[1] > 0
    each_line.storage.run_write(bulk.cancel_one, access, ALICE, "default", ids[0], now=each_line.now())
    assert used() == (4, booked[1] * 4 // 5)
    assert cancel_many(each_line, access, ALICE, Selection("default", ("pending",), batch_ids=("none",))) == 0
    assert delete_many(each_line, access, ALICE, WAITING) == 4
    assert used() == (0, 0)
    assert each_line.drift() == []


def test_removing_what_is_finished_leaves_usage_as_it_was(each_line: Line, access: AccessEngine) -> None:
    each_line.add(ALICE, 4, destination="canvas")
    complete(each_line, each_line.must_claim(), output())
    running = each_line.must_claim()
    each_line.clock.advance(0.5)
    each_line.storage.run_write(bulk.cancel_one, access, ALICE, "default", running.id, now=each_line.now())
    before = each_line.storage.run_read(usage.of_user, "alice", each_line.now())
    assert delete_many(each_line, access, ALICE, Selection("default", TERMINAL)) == 2
    assert each_line.storage.run_read(usage.of_user, "alice", each_line.now()) == before
    assert each_line.drift() == []
    assert delete_many(each_line, access, ALICE, WAITING) == 2
    assert each_line.storage.run_read(lambda conn: conn.execute(select(destination_counts)).all()) == []
    assert each_line.drift() == []


def test_removing_what_runs_stops_it_and_books_what_it_took(each_line: Line, access: AccessEngine) -> None:
    each_line.add(ALICE, 1)
    running = each_line.must_claim()
    each_line.clock.advance(0.25)
    assert delete_many(each_line, access, ALICE, ALL, forget_before=each_line.now()) == 1
    day = each_line.storage.run_read(usage.of_user, "alice", each_line.now())["day"]
    assert (day.images, day.engine_us) == (0, min(running.estimated_us or 0, 250_000))
    assert complete(each_line, running, output()) == "lost"
    assert each_line.storage.run_read(lambda conn: conn.execute(select(batches.batches)).all()) == []
    assert each_line.drift() == []


@pytest.mark.parametrize("who", [ALICE, ADMIN])
def test_an_item_that_changed_hands_after_it_was_found_is_its_new_owners(
    each_line: Line, access: AccessEngine, who: Actor
) -> None:
    ids = each_line.add(BOB, 2).item_ids
    done = each_line.storage.run_write(bulk.cancel_step, access, who, ids, ("pending",), now=each_line.now())
    assert done == (2 if who is ADMIN else 0)


def test_the_pace_grows_slowly_shrinks_at_once_and_stays_in_bounds() -> None:
    pace = Pace(first=100)
    pace.took(100, 0.0001)
    assert pace.rows == 100 * GROWTH
    pace.took(400, 0.040)
    assert pace.rows == 80
    pace.took(0, 1.0)
    assert pace.rows == 80
    pace.took(80, 60.0)
    assert pace.rows == FEWEST
    for _ in range(10):
        pace.took(pace.rows, 0.0)
    assert pace.rows == MOST
    assert pace.rest_s == 0.0


def test_a_queue_id_that_nobody_uses_any_more_leaves_no_rows(each_line: Line, access: AccessEngine) -> None:
    each_line.add(BOB, 1)
    each_line.add(BOB, 1, queue="shared")
    for number in range(3):
        each_line.add(ALICE, 1, queue=f"q{number}")
        delete_many(each_line, access, ALICE, Selection(f"q{number}", STATUSES))
    each_line.add(ALICE, 1, queue="shared")
    delete_many(each_line, access, ALICE, Selection("shared", STATUSES))

    def left(conn: Connection) -> tuple[set[str], set[tuple[str, str]]]:
        totals = set(conn.scalars(select(queue_totals.c.queue_id)))
        return totals, set(conn.execute(select(queue_counts.c.queue_id, queue_counts.c.user_id)).tuples())

    both = ({"default", "shared"}, {("default", "bob"), ("shared", "bob")})
    assert each_line.storage.run_read(left) == both
    assert each_line.drift() == []
    each_line.storage.run_write(OWNED.purge, "bob", now=each_line.now())
    assert each_line.storage.run_read(left) == (set(), set())
