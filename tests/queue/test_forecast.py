"""What waiting items are told about their place and their time comes true when estimates do."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from invoke_host.access.engine import AccessEngine
from invoke_host.clock import timestamp
from invoke_host.limits.tables import limits
from invoke_host.queue.forecast import KEEP_S, Forecaster
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import forecast, lanes, reads, state
from invoke_host.queue.store.lanes import Order
from invoke_host.queue.tables import queue_lanes, queue_pauses, queue_state

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line
from .test_fairness import complete, weigh

BATCHES = st.lists(
    st.tuples(
        st.sampled_from([ALICE, BOB, CAROL]),
        st.integers(1, 4),
        st.sampled_from([1.0, 2.5, 40.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
)


@pytest.mark.parametrize("mode", ["fair", "fifo"])
@given(
    batches=BATCHES,
    begun=st.integers(0, 6),
    weights=st.lists(st.sampled_from([0.5, 1.0, 2.0, 4.0]), min_size=3, max_size=3),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_items_are_begun_in_the_order_and_at_the_time_foretold(
    each_line: Line, mode: Order, batches: list[Any], begun: int, weights: list[float]
) -> None:
    _empty(each_line)
    for who, weight in zip((ALICE, BOB, CAROL), weights, strict=True):
        if weight != 1:
            weigh(each_line, who, weight)
    for who, count, work, prepend in batches:
        each_line.add(who, count, work=work, prepend=prepend)
    for _ in range(begun):
        each_line.claim(mode)
    line = each_line.storage.run_read(forecast.places, mode, each_line.now())
    assert [place.position for place in line.values()] == list(range(1, len(line) + 1))
    passed_us = sum(item.estimated_us for item in each_line.storage.run_read(_running))
    for item_id, place in line.items():
        assert place.before_us == passed_us
        item = each_line.must_claim(mode)
        assert item.id == item_id
        passed_us += item.estimated_us or 0
    assert each_line.claim(mode) is None


def test_what_is_paused_has_no_place(each_line: Line) -> None:
    paused = each_line.add(ALICE, 2, queue="one").item_ids
    others = each_line.add(BOB, 1, queue="one").item_ids + each_line.add(BOB, 1, queue="two").item_ids
    carols = each_line.add(CAROL, 1, queue="two").item_ids
    each_line.storage.run_write(state.set_paused, "one", True, now=NOW)
    each_line.storage.run_write(lanes.pause_own, "carol", True)
    assert list(each_line.storage.run_read(forecast.places, "fair", NOW)) == others[1:]
    each_line.storage.run_write(state.set_paused, "one", False, now=NOW)
    each_line.storage.run_write(lanes.pause_own, "carol", False)
    assert set(each_line.storage.run_read(forecast.places, "fair", NOW)) == {*paused, *others, *carols}


def test_next_is_the_claims_own_choice_also_for_a_queue_behind_another(each_line: Line, access: AccessEngine) -> None:
    first = each_line.add(ALICE, 2, queue="one").item_ids
    second = each_line.add(ALICE, 2, queue="two").item_ids
    urgent = each_line.add(ALICE, 1, queue="one", prepend=True).item_ids

    def upcoming(queue: str) -> int | None:
        found = each_line.storage.run_read(reads.upcoming, access, ADMIN, queue, now=NOW)
        return found and found["item_id"]

    assert (upcoming("one"), upcoming("two"), upcoming("three")) == (urgent[0], second[0], None)
    assert [each_line.must_claim().id for _ in range(4)] == [*urgent, *first, second[0]]
    assert (upcoming("one"), upcoming("two")) == (None, second[1])


async def test_items_show_their_place_and_time_to_everybody(line: Line, access: AccessEngine, models) -> None:
    service = QueueService(line.storage, access, models, line.clock, devices=lambda: 2)
    for who in (ALICE, BOB):
        line.add(who, 2)
    running = line.must_claim()
    seconds = (running.estimated_us or 0) / 1e6
    shown = {item["item_id"]: item for item in await service.by_ids(BOB, "default", [1, 2, 3, 4])}
    assert [shown[item_id]["position"] for item_id in (1, 2, 3, 4)] == [None, 2, 1, 3]
    starts = {
        item_id: timestamp(line.clock.now() + timedelta(seconds=after * seconds / 2))
        for item_id, after in ((3, 1), (2, 2))
    }
    assert {item_id: shown[item_id]["estimated_start_at"] for item_id in starts} == starts
    assert shown[2]["user_id"] == "redacted"
    summary = (await service.summaries(BOB, "default", [3]))[0]
    assert (summary["position"], summary["estimated_start_at"]) == (1, starts[3])


async def test_a_line_that_is_asked_often_is_read_once(line: Line, access: AccessEngine) -> None:
    made: list[int] = []

    class Counting:
        async def read(self, unit: Any, *args: Any) -> Any:
            made.append(1)
            return await asyncio.to_thread(line.storage.run_read, unit, *args)

    forecaster = Forecaster(Counting(), line.clock, "fair", lambda: 1)  # type: ignore[arg-type]  # as much as is used
    ids = line.add(ALICE, 3).item_ids
    items = [{"item_id": item_id, "status": "pending"} for item_id in ids]
    await asyncio.gather(*(forecaster.place([dict(item)]) for item in items * 20))
    assert len(made) == 1
    await forecaster.place([{"item_id": line.add(BOB).item_ids[0], "status": "pending"}])
    assert len(made) == 2, "an item that came later is not left without a place"
    line.clock.advance(KEEP_S * 0.9)
    await forecaster.place(items)
    assert len(made) == 2
    line.clock.advance(KEEP_S)
    await forecaster.place(items)
    assert len(made) == 3
    await forecaster.place([{"item_id": ids[0], "status": "completed"}])
    assert len(made) == 3


async def test_what_is_paused_loses_its_place_and_gets_it_back_with_the_next_answer(
    line: Line, access: AccessEngine, models
) -> None:
    service = QueueService(line.storage, access, models, line.clock, devices=lambda: 1)
    [item_id] = line.add(ALICE).item_ids
    pauses = (
        lambda paused: service.set_own_paused(ALICE, paused),
        lambda paused: service.set_paused("default", paused),
    )
    for pause in pauses:
        for paused in (False, True, False):
            await pause(paused)
            [item] = await service.by_ids(ALICE, "default", [item_id])
            assert item["position"] == (None if paused else 1)


async def test_a_forecast_that_was_begun_before_a_pause_is_not_kept(line: Line) -> None:
    [item_id] = line.add(ALICE).item_ids
    reading, go_on = asyncio.Event(), asyncio.Event()

    class Slow:
        async def read(self, unit: Any, *args: Any) -> Any:
            found = line.storage.run_read(unit, *args)
            reading.set()
            await go_on.wait()
            return found

    forecaster = Forecaster(Slow(), line.clock, "fair", lambda: 1)  # type: ignore[arg-type]  # as much as is used
    early, late = ({"item_id": item_id, "status": "pending"} for _ in range(2))
    asking = asyncio.create_task(forecaster.place([early]))
    await reading.wait()
    line.storage.run_write(lanes.pause_own, "alice", True)
    forecaster.forget()
    go_on.set()
    await asking
    await forecaster.place([late])
    assert (early.get("position"), late.get("position")) == (1, None)


def test_after_the_measured_time_the_forecast_of_the_rest_still_holds(line: Line) -> None:
    for who in (ALICE, BOB):
        line.add(who, 5, work=3.0)
    while (item := line.claim()) is not None:
        line.clock.advance((item.estimated_us or 0) / 1e6)
        complete(line, item, (item.estimated_us or 0) / 1e6)
        for place in list(line.storage.run_read(forecast.places, "fair", line.now()).values())[:1]:
            assert place.before_us == 0


def _empty(line: Line) -> None:
    while line.claim() is not None:
        pass
    line.storage.run_write(_forget)


def _forget(conn: Any) -> None:
    conn.exec_driver_sql("UPDATE queue_items SET status = 'completed'")
    conn.exec_driver_sql("UPDATE queue_lanes SET running = 0")
    for table in (limits, queue_pauses, queue_state):
        conn.execute(delete(table))
    conn.execute(queue_lanes.update().values(vtime_us=0))


def _running(conn: Any) -> list[Any]:
    return list(conn.exec_driver_sql("SELECT estimated_us FROM queue_items WHERE status = 'in_progress'"))
