"""The queue routes over real HTTP, in the shapes that clients know, for owners, others and administrators."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, update

from invoke_host.config.schema import QueueConfig
from invoke_host.images import access as image_access
from invoke_host.queue import access as queue_access
from invoke_host.queue.routes import QUEUE, ROUTES
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import bulk, counters, finish
from invoke_host.queue.store.items import ITEM_COLUMNS, queue_item
from invoke_host.queue.tables import queue_items
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.schemas import assert_matches_schema

from .conftest import ADMIN, ALICE, BOB, Line, ToyModels
from .test_finishing import complete, output

ROOT = "/api/v1/queue/default"
CALLERS = {"alice": ALICE, "bob": BOB, "admin": ADMIN}


def checked(answer: Answer, method: str, path: str, status: int = 200) -> Any:
    """The answer's content, which its route must have declared."""
    (route,) = (each for each in ROUTES if (each.method, each.path) == (method, f"/api/v1/queue/{{queue_id}}/{path}"))
    assert_matches_schema(route, answer.status, answer.json())
    assert answer.status == status, answer.text
    return answer.json()


def session(session_id: str, results: dict[str, Any] | None = None) -> dict[str, Any]:
    """What clients of InvokeAI find in an item: results and no graph."""
    return {
        "id": session_id,
        "results": results or {},
        "errors": {},
        "prepared_source_mapping": {},
        "source_prepared_mapping": {},
    }


@pytest.fixture
async def client(line: Line, access, models: ToyModels, make_app) -> ApiClient:
    service = QueueService(line.storage, access, models, line.clock, config=QueueConfig(max_size=20))
    return await make_app(
        ROUTES,
        callers=CALLERS,
        actions=[*queue_access.ACTIONS, *image_access.ACTIONS],
        resources=[queue_access.RESOURCE, image_access.RESOURCE],
        services={QUEUE: service},
    )


@pytest.fixture
def alice(client: ApiClient) -> ApiClient:
    return client.as_caller("alice")


@pytest.fixture
def bob(client: ApiClient) -> ApiClient:
    return client.as_caller("bob")


@pytest.fixture
def admin(client: ApiClient) -> ApiClient:
    return client.as_caller("admin")


async def test_generate_answers_201_in_the_shape_of_enqueue_batch(alice: ApiClient, line: Line) -> None:
    body = {"positive_prompt": "a red apple", "count": 2, "seed": 2**32 - 1, "origin": "o", "destination": "d"}
    done = checked(await alice.post(f"{ROOT}/generate", body), "POST", "generate", 201)
    batch_id = done["batch"]["batch_id"]
    assert done == {
        "queue_id": "default",
        "enqueued": 2,
        "requested": 2,
        "batch": {"batch_id": batch_id, "origin": "o", "destination": "d"},
        "priority": 0,
        "item_ids": [1, 2],
    }
    item = checked(await alice.get(f"{ROOT}/i/2"), "GET", "i/{item_id}")
    session_id = item.pop("session_id")
    assert session_id
    assert item.pop("created_at") == item.pop("updated_at") == line.now()
    assert item == {
        "item_id": 2,
        "queue_id": "default",
        "status": "pending",
        "status_sequence": 0,
        "priority": 0,
        "batch_id": batch_id,
        "origin": "o",
        "destination": "d",
        "device": None,
        "error_type": None,
        "error_message": None,
        "error_traceback": None,
        "started_at": None,
        "completed_at": None,
        "field_values": None,
        "retried_from_item_id": None,
        "workflow_call_id": None,
        "parent_item_id": None,
        "parent_session_id": None,
        "root_item_id": None,
        "workflow_call_depth": None,
        "workflow": None,
        "session": session(session_id),
        "user_id": "alice",
        "user_display_name": "Alice",
        "user_email": "alice@example.org",
        "attempt": 0,
        "request": {
            "model": "toy",
            "model_hash": "",
            "positive_prompt": "a red apple",
            "negative_prompt": "",
            "width": 512,
            "height": 512,
            "steps": 30,
            "cfg_scale": 7.5,
            "seed": 0,
            "scheduler": "euler",
        },
        "image_names": [],
    }


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"steps": 0, "scheduler": "zz", "model": "nope"}, ["model", "positive_prompt", "scheduler", "steps"]),
        ({"positive_prompt": "a", "scheduler": "zz", "model": "nope"}, ["model", "scheduler"]),
        ({"positive_prompt": "a", "steps": 0, "model": "nope"}, ["model", "steps"]),
        ({"positive_prompt": "a", "steps": 0, "scheduler": "zz"}, ["scheduler", "steps"]),
        ({"positive_prompt": "a", "model": 3, "scheduler": "zz"}, ["model", "scheduler"]),
        ({"positive_prompt": "a", "model": "nope", "scheduler": 3}, ["model", "scheduler"]),
        ({"positive_prompt": "a\0", "model": "nope", "sead": 1}, ["model", "positive_prompt", "sead"]),
        ({"positive_prompt": "a", "model": "no\0pe", "scheduler": "zz"}, ["model", "scheduler"]),
        ({"positive_prompt": "a", "steps": 0, "model": "Toy", "scheduler": "euler"}, ["steps"]),
        ({"positive_prompt": "a", "steps": 0, "model": None, "scheduler": None}, ["steps"]),
    ],
    ids=str,
)
async def test_all_that_is_wrong_with_a_request_is_told_at_once(alice: ApiClient, body, places) -> None:
    refused = await alice.post(f"{ROOT}/generate", body)
    assert refused.status == 422
    assert sorted(tuple(each["loc"]) for each in refused.detail) == [("body", place) for place in places]
    assert all(each["msg"] and each["type"] for each in refused.detail)


async def test_a_host_without_a_model_says_so_together_with_the_rest(alice: ApiClient, models: ToyModels) -> None:
    models.missing = True
    refused = await alice.post(f"{ROOT}/generate", {"steps": 0})
    assert sorted(each["loc"][1] for each in refused.detail) == ["model", "positive_prompt", "steps"]


async def test_a_repeated_key_answers_200_with_the_same_items(alice: ApiClient) -> None:
    body, headers = {"positive_prompt": "a red apple"}, {"Idempotency-Key": "first-try"}
    first = checked(await alice.post(f"{ROOT}/generate", body, headers=headers), "POST", "generate", 201)
    again = checked(await alice.post(f"{ROOT}/generate", body, headers=headers), "POST", "generate", 200)
    assert again == first
    other = await alice.post(f"{ROOT}/generate", {"positive_prompt": "a pear"}, headers=headers)
    assert other.status == 409
    elsewhere = await alice.post("/api/v1/queue/other/generate", body, headers=headers)
    assert elsewhere.status == 409


async def test_a_repeated_key_is_answered_although_the_model_is_gone(alice: ApiClient, models: ToyModels) -> None:
    body, headers = {"positive_prompt": "a red apple"}, {"Idempotency-Key": "k"}
    first = (await alice.post(f"{ROOT}/generate", body, headers=headers)).json()
    models.missing = True
    assert (await alice.post(f"{ROOT}/generate", body, headers=headers)).json() == first
    refused = await alice.post(f"{ROOT}/generate", body)
    assert (refused.status, refused.detail[0]["loc"]) == (422, ["body", "model"])


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "caf\u00e9"])
async def test_a_key_that_is_none_is_refused(alice: ApiClient, key: str) -> None:
    answer = await alice.post(f"{ROOT}/generate", {"positive_prompt": "x"}, headers={"Idempotency-Key": key})
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["header", "Idempotency-Key"])


async def test_a_full_queue_answers_429_with_retry_after(alice: ApiClient, bob: ApiClient) -> None:
    part = checked(await alice.post(f"{ROOT}/generate", {"positive_prompt": "x", "count": 25}), "POST", "generate", 201)
    assert (part["enqueued"], part["requested"]) == (20, 25)
    refused = await bob.post(f"{ROOT}/generate", {"positive_prompt": "x"})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
    assert "no room" in refused.detail


@pytest.mark.parametrize("queue_id", ["x" * 65, "%7F", "a%0Ab"])
async def test_a_queue_id_that_is_none_is_refused(alice: ApiClient, queue_id: str) -> None:
    answer = await alice.get(f"/api/v1/queue/{queue_id}/status")
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["path", "queue_id"])


async def test_an_item_of_another_queue_is_not_found(alice: ApiClient, line: Line) -> None:
    line.add(ALICE, queue="other")
    for method, path in (("GET", ""), ("PUT", "/cancel"), ("DELETE", "")):
        assert (await alice.request(method, f"{ROOT}/i/1{path}")).status == 404
    assert (await alice.get("/api/v1/queue/other/i/1")).status == 200
    assert (await alice.get(f"{ROOT}/i/one")).status == 422
    assert (await alice.get(f"{ROOT}/i/99999999999999999999")).status == 422


async def test_a_completed_item_names_its_pictures(alice: ApiClient, line: Line) -> None:
    line.add(ALICE)
    picture = output()
    complete(line, line.must_claim(), picture)
    item = checked(await alice.get(f"{ROOT}/i/1"), "GET", "i/{item_id}")
    assert (item["status"], item["image_names"], item["device"]) == ("completed", [picture.name], "cpu")


async def test_others_see_where_an_item_stands_and_nothing_of_its_content(
    bob: ApiClient, admin: ApiClient, line: Line
) -> None:
    line.add(ALICE, origin="o", destination="secret", prepend=True)
    complete(line, line.must_claim(), output())
    seen = checked(await bob.get(f"{ROOT}/i/1"), "GET", "i/{item_id}")
    whole = checked(await admin.get(f"{ROOT}/i/1"), "GET", "i/{item_id}")
    kept = {
        "item_id",
        "queue_id",
        "status",
        "status_sequence",
        "device",
        "created_at",
        "updated_at",
        "started_at",
        "completed_at",
    }
    assert {key: seen[key] for key in kept} == {key: whole[key] for key in kept}
    assert {key: value for key, value in seen.items() if key not in kept} == {
        "priority": 0,
        "batch_id": "redacted",
        "session_id": "redacted",
        "user_id": "redacted",
        "origin": None,
        "destination": None,
        "error_type": None,
        "error_message": None,
        "error_traceback": None,
        "field_values": None,
        "retried_from_item_id": None,
        "workflow_call_id": None,
        "parent_item_id": None,
        "parent_session_id": None,
        "root_item_id": None,
        "workflow_call_depth": None,
        "workflow": None,
        "session": session("redacted"),
        "user_display_name": None,
        "user_email": None,
        "attempt": 0,
        "request": None,
        "image_names": [],
    }
    (name,) = whole["image_names"]
    assert whole["session"] == session(
        whole["session_id"],
        {"0": {"type": "image_output", "image": {"image_name": name}, "width": 64, "height": 64}},
    )
    text = json.dumps(
        [
            checked(await bob.get(f"{ROOT}/list_all"), "GET", "list_all"),
            checked(await bob.post(f"{ROOT}/items_by_ids", {"item_ids": [1]}), "POST", "items_by_ids"),
            checked(
                await bob.post(f"{ROOT}/item_summaries_by_ids", {"item_ids": [1]}), "POST", "item_summaries_by_ids"
            ),
        ]
    )
    assert "alice" not in text
    assert "apple" not in text
    assert "secret" not in text


async def test_lists_follow_the_order_asked_for_and_are_bounded(alice: ApiClient, line: Line) -> None:
    line.add(ALICE, 3, destination="a")
    line.add(BOB, 2, destination="b")
    line.add(ALICE, 1, queue="other")
    page = checked(await alice.get(f"{ROOT}/item_ids"), "GET", "item_ids")
    assert page == {"item_ids": [5, 4, 3, 2, 1], "total_count": 5}
    page = checked(await alice.get(f"{ROOT}/item_ids?order_dir=ASC&start=2&limit=2"), "GET", "item_ids")
    assert page == {"item_ids": [3, 4], "total_count": 5}
    items = checked(await alice.post(f"{ROOT}/items_by_ids", {"item_ids": [5, 6, 1, 99]}), "POST", "items_by_ids")
    assert [item["item_id"] for item in items] == [5, 1]
    newest = checked(await alice.get(f"{ROOT}/list_all?limit=2"), "GET", "list_all")
    assert [item["item_id"] for item in newest] == [4, 5]
    older = checked(await alice.get(f"{ROOT}/list_all?limit=2&before=4"), "GET", "list_all")
    assert [item["item_id"] for item in older] == [2, 3]
    some = checked(await alice.get(f"{ROOT}/list_all?destination=a"), "GET", "list_all")
    assert [item["item_id"] for item in some] == [1, 2, 3]
    assert (await alice.post(f"{ROOT}/items_by_ids", {"item_ids": list(range(1001))})).status == 422
    assert (await alice.get(f"{ROOT}/list_all?limit=1001")).status == 422
    assert (await alice.get(f"{ROOT}/item_ids?order_dir=up")).status == 422


async def test_status_counts_everybody_and_tells_apart_what_is_the_callers_own(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, line: Line
) -> None:
    line.add(ALICE, 3)
    line.add(BOB, 2)
    running = line.must_claim()
    common = {
        "queue_id": "default",
        "pending": 4,
        "in_progress": 1,
        "waiting": 0,
        "completed": 0,
        "failed": 0,
        "canceled": 0,
        "total": 5,
    }
    shown = {"item_id": running.id, "session_id": running.session_id, "batch_id": running.batch_id}
    hidden = dict.fromkeys(shown)
    processor = {"is_started": True, "is_processing": True}
    for who, own, item in ((alice, (2, 1), shown), (bob, (2, 0), hidden), (admin, (0, 0), shown)):
        answer = checked(await who.get(f"{ROOT}/status"), "GET", "status")
        assert answer == {
            "queue": {**common, **item, "user_pending": own[0], "user_in_progress": own[1]},
            "processor": processor,
        }


async def test_current_and_next(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    assert checked(await alice.get(f"{ROOT}/current"), "GET", "current") is None
    assert checked(await alice.get(f"{ROOT}/next"), "GET", "next") is None
    line.add(ALICE, 2)
    line.add(BOB)
    line.must_claim()
    assert checked(await alice.get(f"{ROOT}/current"), "GET", "current")["item_id"] == 1
    following = checked(await alice.get(f"{ROOT}/next"), "GET", "next")
    assert (following["item_id"], following["user_id"]) == (3, "redacted")


async def test_a_batch_is_counted_for_those_who_may_see_it(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    batch_id = line.add(ALICE, 3, destination="d").batch_id
    complete(line, line.must_claim(), output())
    path = "b/{batch_id}/status"
    counts = checked(await alice.get(f"{ROOT}/b/{batch_id}/status"), "GET", path)
    assert counts == {
        "queue_id": "default",
        "batch_id": batch_id,
        "origin": None,
        "destination": "d",
        "pending": 2,
        "in_progress": 0,
        "waiting": 0,
        "completed": 1,
        "failed": 0,
        "canceled": 0,
        "total": 3,
    }
    foreign, unknown = await bob.get(f"{ROOT}/b/{batch_id}/status"), await bob.get(f"{ROOT}/b/none/status")
    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.detail.replace(batch_id, "none") == unknown.detail


async def test_counts_by_destination_are_ones_own(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, line: Line
) -> None:
    line.add(ALICE, 3, destination="canvas")
    line.add(BOB, 1, destination="canvas")
    line.add(ALICE, 1)
    for who, pending in ((alice, 3), (bob, 1), (admin, 4)):
        answer = await who.get(f"{ROOT}/counts_by_destination?destination=canvas")
        counts = checked(answer, "GET", "counts_by_destination")
        assert (counts["pending"], counts["total"]) == (pending, pending)
    assert (await alice.get(f"{ROOT}/counts_by_destination")).status == 422


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


async def test_an_error_of_an_item_is_a_sentence_without_traceback(alice: ApiClient, line: Line) -> None:
    line.add(ALICE)
    item = line.must_claim()
    line.storage.run_write(
        finish.fail, item.lease_token, code="out_of_memory", message="Too little memory.", now=line.now()
    )
    answer = checked(await alice.get(f"{ROOT}/i/1"), "GET", "i/{item_id}")
    assert (answer["error_type"], answer["error_message"], answer["error_traceback"]) == (
        "out_of_memory",
        "Too little memory.",
        None,
    )


async def test_bulk_operations_take_as_many_steps_as_they_need(
    line: Line, access, models: ToyModels, monkeypatch
) -> None:
    monkeypatch.setattr(bulk, "STEP", 7)
    service = QueueService(line.storage, access, models, line.clock)
    line.add(ALICE, 30)
    line.add(BOB, 5)
    assert await service.cancel_all_except_current(ALICE, "default") == 30
    assert await service.prune(BOB, "default") == 0
    assert await service.clear(ADMIN, "default") == 35
    assert line.drift() == []


@pytest.fixture(autouse=True)
async def _nothing_is_left_wrong(line: Line) -> AsyncIterator[None]:
    yield
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
