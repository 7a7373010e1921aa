"""What is accepted is in the database once, however often and however concurrently it is asked for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace

import pytest
from sqlalchemy import func, select, update

from invoke_host.api import Conflict, TooManyRequests
from invoke_host.events.store import read_after
from invoke_host.generation.requests import GenerationRequest
from invoke_host.limits.tables import usage_windows
from invoke_host.queue import cost
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import bulk
from invoke_host.queue.store.retry import retry
from invoke_host.queue.store.templates import template_of
from invoke_host.queue.tables import batches, queue_items

from .conftest import ALICE, BOB, REQUEST, Line


def test_a_batch_becomes_one_pending_item_per_picture(each_line: Line) -> None:
    done = each_line.add(ALICE, 3, origin="test", destination="gallery")
    items = [each_line.item(item_id) for item_id in done.item_ids]
    assert [item.batch_index for item in items] == [0, 1, 2]
    assert {(item.status, item.user_id, item.origin, item.destination) for item in items} == {
        ("pending", "alice", "test", "gallery")
    }
    assert len({item.session_id for item in items}) == 3
    assert (done.enqueued, done.requested, done.priority) == (3, 3, 0)
    assert each_line.drift() == []


def test_the_event_is_written_with_the_items(each_line: Line) -> None:
    done = each_line.add(ALICE, 2, destination="canvas")
    (event,) = each_line.storage.run_read(read_after, 0, 10)
    assert (event.kind, event.audience) == ("batch_enqueued", "alice")
    assert event.payload == {
        "queue_id": "default",
        "batch_id": done.batch_id,
        "enqueued": 2,
        "requested": 2,
        "item_ids": done.item_ids,
        "origin": None,
        "destination": "canvas",
        "priority": 0,
        "user_id": "alice",
    }


def test_the_same_key_and_request_name_the_same_items(each_line: Line) -> None:
    first = each_line.add(ALICE, 2, key="k1")
    again = each_line.add(ALICE, 2, key="k1")
    assert again.repeated
    assert not first.repeated
    assert (again.batch_id, again.item_ids) == (first.batch_id, first.item_ids)
    assert each_line.storage.run_read(_count) == (1, 2)


def test_the_same_key_for_another_request_is_a_conflict(each_line: Line) -> None:
    each_line.add(ALICE, key="k1", digest="a" * 64)
    with pytest.raises(Conflict, match="different request"):
        each_line.add(ALICE, key="k1", digest="b" * 64)
    assert each_line.storage.run_read(_count) == (1, 1)


def test_keys_of_two_users_have_nothing_to_do_with_each_other(each_line: Line) -> None:
    assert each_line.add(ALICE, key="k1").batch_id != each_line.add(BOB, key="k1").batch_id


def test_a_full_queue_takes_what_fits_and_then_says_when_to_come_back(each_line: Line) -> None:
    each_line.max_size = 5
    part = each_line.add(ALICE, 7)
    assert (part.enqueued, part.requested, len(part.item_ids)) == (5, 7, 5)
    with pytest.raises(TooManyRequests, match="max_size") as refused:
        each_line.add(BOB)
    assert refused.value.headers["Retry-After"] == "10"
    with pytest.raises(TooManyRequests, match="on this host"):
        each_line.add(BOB, queue="other")  # a queue id is a word of the client's choice, and makes no room
    each_line.must_claim()
    assert each_line.add(BOB).enqueued == 1
    assert each_line.drift() == []


def test_whoever_fills_the_queue_does_not_shut_the_others_out(each_line: Line) -> None:
    each_line.max_size = 300
    assert each_line.add(ALICE, 400).enqueued == 300
    assert each_line.add(BOB, 5).enqueued == 3, "a hundredth is everybody's own"
    for user in (ALICE, BOB):
        with pytest.raises(TooManyRequests, match="on this host"):
            each_line.add(user, queue="other")
    assert each_line.must_claim().user_id != each_line.must_claim().user_id
    assert each_line.drift() == []


def test_a_repeated_key_is_answered_although_the_queue_is_full(each_line: Line) -> None:
    each_line.max_size = 2
    first = each_line.add(ALICE, 2, key="k1")
    assert each_line.add(ALICE, 2, key="k1").item_ids == first.item_ids


def test_prepending_goes_before_the_own_waiting_items(each_line: Line) -> None:
    plain = each_line.add(ALICE)
    front = each_line.add(ALICE, prepend=True)
    more = each_line.add(ALICE, prepend=True)
    assert (plain.priority, front.priority, more.priority) == (0, 1, 2)
    assert each_line.order() == [*more.item_ids, *front.item_ids, *plain.item_ids]


async def test_concurrent_requests_with_one_key_make_one_batch(
    each_line: Line, access, models, clock, monkeypatch
) -> None:
    service = QueueService(each_line.storage, access, models, clock)
    request = GenerationRequest(positive_prompt="a red apple", count=2)
    answers = await asyncio.gather(
        *(service.generate(ALICE, "default", request, idempotency_key="k") for _ in range(12))
    )
    assert len({tuple(answer.item_ids) for answer in answers}) == 1
    assert sum(not answer.repeated for answer in answers) == 1
    assert each_line.storage.run_read(_count) == (1, 2)
    assert each_line.drift() == []


async def test_concurrent_enqueues_never_overfill_the_queue(each_line: Line) -> None:
    each_line.max_size = 10

    def add() -> int:
        try:
            return each_line.add(ALICE, 3).enqueued
        except TooManyRequests:
            return 0

    accepted = await asyncio.gather(*(asyncio.to_thread(add) for _ in range(8)))
    assert sum(accepted) == 10
    assert each_line.drift() == []


def test_ten_thousand_items_are_one_bulk_insert_in_the_order_of_the_pictures(each_line: Line) -> None:
    started = time.perf_counter()
    done = each_line.add(ALICE, 10_000)
    assert len(done.item_ids) == 10_000
    assert time.perf_counter() - started < 5.0
    rows = each_line.storage.run_read(lambda conn: conn.execute(_ITEMS).all())
    assert [(row.id, row.batch_index, row.request) for row in rows] == [
        (item_id, k, f'{{"seed":{k}}}') for k, item_id in enumerate(done.item_ids)
    ]
    assert len({row.session_id for row in rows}) == 10_000
    assert each_line.drift() == []


def test_an_item_holds_what_is_its_own_and_its_batch_the_rest(each_line: Line) -> None:
    done = each_line.add(ALICE, 2, request={"positive_prompt": 'a "red" apple, caf\u00e9 \U0001f34e \\'})
    template = each_line.storage.run_read(template_of, done.batch_id)
    items = [each_line.item(item_id) for item_id in done.item_ids]
    assert [item.request for item in items] == ['{"seed":0}', '{"seed":1}']
    assert template.request(items[1].request) == {
        **asdict(REQUEST),
        "positive_prompt": 'a "red" apple, caf\u00e9 \U0001f34e \\',
        "seed": 1,
    }
    assert [(item.model, item.work) for item in items] == [("toy", cost.work(REQUEST))] * 2
    assert items[0].booked_us == cost.estimate_us(cost.work(REQUEST), cost.US_PER_WORK)


async def test_items_of_before_there_were_templates_are_read_as_they_are(line: Line, access, models, clock) -> None:
    (item_id,) = line.add(ALICE).item_ids
    old = REQUEST.to_json().replace(',"is_intermediate":false', "").replace(',"board_id":null', "")
    line.storage.run_write(_make_old, old)
    service = QueueService(line.storage, access, models, clock)
    item = await service.get(ALICE, "default", item_id)
    assert item["request"] == asdict(REQUEST)
    assert (item["field_values"], item["session"]["source_prepared_mapping"]) == (None, {})
    batch = await service.batch(ALICE, "default", item["batch_id"])
    assert (batch["request"]["model"], batch["request"]["is_intermediate"]) == (None, False)
    await service.cancel(ALICE, "default", item_id)
    (again,) = (await service.retry(ALICE, "default", [item_id])).new_ids
    repeated = line.item(again)
    assert (repeated.request, repeated.model, repeated.work) == (old, "toy", cost.work(REQUEST))


def test_a_batch_id_of_the_clients_own_is_taken_once(each_line: Line) -> None:
    mine = each_line.add(ALICE, batch_id="my-batch")
    assert mine.batch_id == "my-batch"
    with pytest.raises(Conflict, match="There was a batch 'my-batch' before"):
        each_line.add(ALICE, batch_id="my-batch")
    assert each_line.storage.run_read(_count) == (1, 1)


def test_a_batch_id_tells_nobody_that_somebody_else_uses_it(each_line: Line) -> None:
    each_line.add(ALICE, batch_id="my-batch")
    assert each_line.add(BOB, batch_id="my-batch").batch_id != "my-batch"
    assert each_line.add(BOB, batch_id="redacted").batch_id != "redacted"
    assert each_line.storage.run_read(_count) == (3, 3)


def test_what_was_retried_is_no_part_of_a_repeated_answer(line: Line, access) -> None:
    first = line.add(ALICE, 2, key="k")
    line.storage.run_write(bulk.cancel_one, access, ALICE, "default", first.item_ids[0], now=line.now())
    line.storage.run_write(retry, access, ALICE, "default", first.item_ids[:1], max_size=line.max_size, now=line.now())
    assert line.add(ALICE, 2, key="k").item_ids == first.item_ids


_ITEMS = select(queue_items).order_by(queue_items.c.id)


def _make_old(conn, request: str) -> None:
    conn.execute(update(batches).values(request=None))
    conn.execute(update(queue_items).values(request=request, model=None, work=0, booked_us=0))
    conn.execute(update(usage_windows).values(engine_us=0))


def _count(conn) -> tuple[int, int]:
    return (
        conn.execute(select(func.count()).select_from(batches)).scalar_one(),
        conn.execute(select(func.count()).select_from(queue_items)).scalar_one(),
    )


async def test_a_model_of_one_size_does_its_work_there_whatever_size_is_asked_for(line, access, models) -> None:
    service = QueueService(line.storage, access, models, line.clock)
    models.record = replace(models.record, offer=replace(models.record.offer, native_size=(64, 64)))
    asked = GenerationRequest(positive_prompt="x", width=2048, height=2048, steps=4, cfg_scale=7.5)
    await service.generate(ALICE, "default", asked)
    assert line.must_claim().work == cost.work(replace(REQUEST, width=64, height=64))
