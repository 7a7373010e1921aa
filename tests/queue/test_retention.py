"""Finished items are forgotten by age and by number, the oldest first; everything else stays as it is."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, event, select

from invoke_host.config.schema import QueueConfig
from invoke_host.images.tables import images
from invoke_host.limits import usage
from invoke_host.queue.retention import retention_task
from invoke_host.queue.store import retention
from invoke_host.queue.store.batches import KEY_LIFE
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.tables import batches, destination_counts

from .conftest import ADMIN, ALICE, BOB, Line
from .many import cancel_many
from .test_bulk import WAITING, statuses, told
from .test_finishing import complete, output

DAY_S = 86400.0


def finish_one(line: Line, **values: str) -> int:
    """Enqueue one item and complete it; a second passes."""
    line.add(ALICE, 1, **values)
    item = line.must_claim()
    line.clock.advance(1.0)
    complete(line, item, output())
    return item.id


async def forget(line: Line, **options: int) -> None:
    await retention_task(line.storage, line.clock, QueueConfig(**options), rest=0.0).run()


def kept(line: Line) -> list[int]:
    return sorted(line.storage.run_read(statuses))


def pictures(conn: Connection) -> int:
    return len(conn.execute(select(images.c.name)).all())


async def test_without_settings_everything_is_kept_for_ever(each_line: Line) -> None:
    done = finish_one(each_line)
    each_line.clock.advance(10_000 * DAY_S)
    await forget(each_line)
    assert kept(each_line) == [done]


async def test_what_was_finished_before_so_many_days_is_forgotten(each_line: Line, access) -> None:
    finish_one(each_line)
    each_line.clock.advance(2 * DAY_S)
    young = finish_one(each_line)
    waiting = each_line.add(BOB, 3).item_ids
    running = each_line.must_claim().id
    each_line.clock.advance(1 * DAY_S)
    await forget(each_line, keep_days=3)
    assert kept(each_line) == [young, *waiting]
    cancel_many(each_line, access, ADMIN, WAITING)
    each_line.clock.advance(2.5 * DAY_S)
    await forget(each_line, keep_days=3)
    assert kept(each_line) == waiting
    each_line.clock.advance(DAY_S)
    await forget(each_line, keep_days=3)
    assert kept(each_line) == [running]
    assert each_line.drift() == []


async def test_beyond_a_number_the_oldest_are_forgotten_whoever_owns_them(each_line: Line, access) -> None:
    done = [finish_one(each_line) for _ in range(5)]
    waiting = each_line.add(BOB, 4, queue="other").item_ids
    await forget(each_line, keep_items=5)
    assert kept(each_line) == [*done, *waiting]
    await forget(each_line, keep_items=2)
    assert kept(each_line) == [*done[3:], *waiting]
    cancel_many(each_line, access, BOB, Selection("other", ("pending",)))
    await forget(each_line, keep_items=2)
    assert kept(each_line) == waiting[2:]
    assert each_line.drift() == []


async def test_more_than_a_page_goes_at_once(each_line: Line, access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAGE", 10)
    newest = each_line.add(ALICE, 47).item_ids[-7:]
    cancel_many(each_line, access, ALICE, WAITING)
    await forget(each_line, keep_items=7)
    assert kept(each_line) == newest
    each_line.clock.advance(2 * DAY_S)
    await forget(each_line, keep_days=1)
    assert kept(each_line) == []
    assert each_line.drift() == []


async def test_pictures_usage_and_keys_stay_while_batches_and_counters_go(each_line: Line) -> None:
    for _ in range(2):
        finish_one(each_line, destination="canvas")
    finish_one(each_line, key="k")
    used = each_line.storage.run_read(usage.of_user, "alice", each_line.now())
    before = each_line.now()
    await forget(each_line, keep_items=1)
    assert each_line.storage.run_read(usage.of_user, "alice", before) == used
    assert each_line.storage.run_read(lambda conn: conn.execute(select(destination_counts)).all()) == []
    each_line.clock.advance(1.5 * DAY_S - KEY_LIFE.total_seconds())
    each_line.clock.advance(DAY_S)
    await forget(each_line, keep_days=1)
    assert kept(each_line) == []
    assert each_line.storage.run_read(pictures) == 3
    assert each_line.storage.run_read(lambda conn: conn.execute(select(batches.c.id)).all()) == []
    assert each_line.drift() == []


async def test_a_batch_whose_key_may_be_repeated_outlives_its_items(each_line: Line) -> None:
    finish_one(each_line, key="k")
    finish_one(each_line)
    await forget(each_line, keep_items=1)
    assert len(kept(each_line)) == 1
    assert each_line.add(ALICE, 1, key="k").repeated


async def test_owners_are_told(each_line: Line) -> None:
    done = finish_one(each_line)
    finish_one(each_line)
    await forget(each_line, keep_items=1)
    assert each_line.storage.run_read(told)[-1] == (
        "queue_items_changed",
        "alice",
        {"queue_id": "default", "change": "deleted", "item_ids": [done], "user_id": "alice"},
    )


async def test_the_next_claim_is_the_same_with_and_without_a_past(each_line: Line) -> None:
    finish_one(each_line)
    each_line.add(ALICE, 2)
    each_line.add(BOB, 1)
    await forget(each_line, keep_days=1, keep_items=1)
    assert each_line.must_claim().user_id == "bob"


def test_the_oldest_are_found_by_an_index(line: Line) -> None:
    asked: list[tuple[str, object]] = []

    def note(connection: object, cursor: object, statement: str, parameters: object, *rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(line.storage.engine, "before_cursor_execute", note)
    line.storage.run_read(retention.older_than, line.now())
    line.storage.run_read(retention.beyond, -1)
    event.remove(line.storage.engine, "before_cursor_execute", note)
    found = [each for each in asked if "queue_items" in each[0]]
    assert len(found) == 2
    for statement, parameters in found:
        plan = line.storage.run_read(_explain, statement, parameters)
        assert all("ix_queue_items_finished" in each for each in plan), plan


def _explain(conn: Connection, statement: str, parameters: object) -> list[str]:
    return [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]  # type: ignore[arg-type]
