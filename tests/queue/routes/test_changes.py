"""Canceling, deleting, retrying and pausing: what reaches which items, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, update

from invoke_host.queue import bulk
from invoke_host.queue.pace import Pace
from invoke_host.queue.routes import ROUTES
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import counters
from invoke_host.queue.store.items import ITEM_COLUMNS, queue_item
from invoke_host.queue.tables import queue_items
from invoke_host.testing.client import ApiClient
from tests.queue.conftest import ADMIN, ALICE, BOB, Line, ToyModels
from tests.queue.routes.answers import ROOT, checked
from tests.queue.test_finishing import complete, output


async def test_only_owner_and_administrator_cancel_and_delete_an_item(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, line: Line
) -> None:
    line.add(ALICE, 3)
    refused = await bob.put(f"{ROOT}/i/1/cancel")
    assert (refused.status, refused.detail) == (403, "Queue item 1 belongs to somebody else.")
    assert (await bob.delete(f"{ROOT}/i/1")).status == 403
    item = checked(await alice.put(f"{ROOT}/i/1/cancel"), "PUT", "i/{item_id}/cancel")
    assert (item["status"], item["status_sequence"], item["completed_at"]) == ("canceled", 1, line.now())
    again = checked(await alice.put(f"{ROOT}/i/1/cancel"), "PUT", "i/{item_id}/cancel")
    assert again == item
    assert checked(await admin.put(f"{ROOT}/i/2/cancel"), "PUT", "i/{item_id}/cancel")["user_id"] == "alice"
    assert checked(await alice.delete(f"{ROOT}/i/1"), "DELETE", "i/{item_id}") is None
    assert (await alice.get(f"{ROOT}/i/1")).status == 404
    assert (await alice.put(f"{ROOT}/i/1/cancel")).status == 404
    assert line.drift() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "own", "everybody"),
    [
        ("PUT", "cancel_all_except_current", None, "canceled", 2, 4),
        ("PUT", "delete_all_except_current", None, "deleted", 2, 4),
        ("PUT", "cancel_by_destination?destination=canvas", None, "canceled", 2, 5),
        ("PUT", "clear", None, "deleted", 2, 6),
        ("PUT", "prune", None, "deleted", 0, 1),
        ("PUT", "prune?mine=true", None, "deleted", 0, 0),
        ("DELETE", "d/canvas", None, "deleted", 2, 6),
    ],
)
async def test_bulk_operations_reach_ones_own_items_and_for_administrators_all(
    bob: ApiClient, admin: ApiClient, line: Line, method: str, path: str, body: Any, key: str, own: int, everybody: int
) -> None:
    line.add(ALICE, 4, destination="canvas")
    line.add(BOB, 2, destination="canvas")
    line.add(ALICE, 1, queue="other", destination="canvas")
    finished = line.must_claim()
    complete(line, finished, output())
    line.storage.run_write(_take, 2)
    declared = path.partition("?")[0].replace("d/canvas", "d/{destination}")
    assert checked(await bob.request(method, f"{ROOT}/{path}"), method, declared) == {key: own}
    rest = everybody - own
    assert checked(await admin.request(method, f"{ROOT}/{path}"), method, declared) == {key: rest}
    assert checked(await admin.request(method, f"{ROOT}/{path}"), method, declared) == {key: 0}
    assert (await admin.get("/api/v1/queue/other/item_ids")).json()["total_count"] == 1
    assert line.drift() == []


def _take(conn: Connection, item_id: int) -> None:
    """Make one of Alice's items the running one, so that Bob's both wait."""

    row = conn.execute(
        update(queue_items)
        .where(queue_items.c.id == item_id)
        .values(status="in_progress", lease_token="t")
        .returning(*ITEM_COLUMNS)
    ).one()
    tally = counters.Tally()
    tally.move(queue_item(row), "pending", "in_progress")
    tally.write(conn)


async def test_batches_are_canceled_by_id_within_ones_own(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    mine, other = line.add(ALICE, 3).batch_id, line.add(ALICE, 1).batch_id
    line.must_claim()
    foreign = await bob.put(f"{ROOT}/cancel_by_batch_ids", {"batch_ids": [mine, "none"]})
    assert checked(foreign, "PUT", "cancel_by_batch_ids") == {"canceled": 0}
    own = await alice.put(f"{ROOT}/cancel_by_batch_ids", {"batch_ids": [mine]})
    assert checked(own, "PUT", "cancel_by_batch_ids") == {"canceled": 3}
    assert (await alice.get(f"{ROOT}/b/{other}/status")).json()["pending"] == 1
    assert line.drift() == []


async def test_retrying_is_all_or_nothing_about_permission(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    line.add(ALICE, 2)
    line.add(BOB)
    line.add(ALICE, queue="other")
    for who, item_id in ((alice, 1), (alice, 2), (bob, 3)):
        await who.put(f"{ROOT}/i/{item_id}/cancel")
    assert (await alice.put(f"{ROOT}/retry_items_by_id", [1, 3])).status == 403
    assert (await alice.put(f"{ROOT}/retry_items_by_id", [1, 4])).status == 404
    done = checked(await alice.put(f"{ROOT}/retry_items_by_id", [1, 2, 77]), "PUT", "retry_items_by_id")
    assert done == {"queue_id": "default", "retried_item_ids": [1, 2], "new_item_ids": [5, 6]}
    assert line.drift() == []


async def test_only_administrators_pause_the_processor(alice: ApiClient, admin: ApiClient, line: Line) -> None:
    assert (await alice.put(f"{ROOT}/processor/pause")).status == 403
    line.add(ALICE)
    stopped = checked(await admin.put(f"{ROOT}/processor/pause"), "PUT", "processor/pause")
    assert stopped == {"is_started": False, "is_processing": False}
    assert line.claim() is None
    assert checked(await admin.put(f"{ROOT}/processor/resume"), "PUT", "processor/resume")["is_started"]
    assert line.must_claim().id == 1


async def test_nobody_is_served_without_a_credential(client: ApiClient) -> None:
    for route in ROUTES:
        path = route.path.format(queue_id="default", item_id=1, batch_id="b", destination="d")
        assert (await client.request(route.method, path, json={})).status == 401


async def test_bulk_operations_take_as_many_steps_as_they_need(
    line: Line, access, models: ToyModels, monkeypatch
) -> None:
    monkeypatch.setattr(bulk, "Pace", lambda: Pace(first=7))
    service = QueueService(line.storage, access, models, line.clock)
    line.add(ALICE, 30)
    line.add(BOB, 5)
    assert await service.cancel_all_except_current(ALICE, "default") == 30
    assert await service.prune(BOB, "default") == 0
    assert await service.clear(ADMIN, "default") == 35
    assert line.drift() == []


@pytest.mark.parametrize("wrong", [["1"], [1.0], [True], [None], ["one"], [-1]])
async def test_ids_to_retry_are_whole_numbers_as_in_the_other_bodies(
    alice: ApiClient, line: Line, wrong: list[object]
) -> None:
    line.add(ALICE, 1)
    for answer in (
        await alice.put(f"{ROOT}/retry_items_by_id", wrong),
        await alice.post(f"{ROOT}/items_by_ids", {"item_ids": wrong}),
    ):
        assert answer.status == 422
        assert answer.detail[0]["loc"][-1] == 0


async def test_a_pause_is_of_one_queue(admin: ApiClient, line: Line) -> None:
    await admin.put(f"{ROOT}/processor/pause")
    line.add(ALICE, queue="other")
    line.must_claim()
    for queue, processor in (
        ("default", {"is_started": False, "is_processing": False}),
        ("other", {"is_started": True, "is_processing": True}),
    ):
        answer = await admin.get(f"/api/v1/queue/{queue}/status")
        assert answer.json()["processor"] == processor


async def test_everybody_pauses_what_is_their_own(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    for who in (ALICE, BOB):
        line.add(who)
    assert checked(await alice.put(f"{ROOT}/own/pause"), "PUT", "own/pause") == {"user_paused": True}
    for client, paused in ((alice, True), (bob, False)):
        seen = checked(await client.get(f"{ROOT}/status"), "GET", "status")
        assert seen["queue"]["user_paused"] is paused
        assert seen["processor"]["is_started"]
    assert line.must_claim().user_id == "bob"
    assert line.claim() is None
    assert checked(await alice.put(f"{ROOT}/own/resume"), "PUT", "own/resume") == {"user_paused": False}
    assert line.must_claim().user_id == "alice"
