"""Making pictures over HTTP: what is accepted, repeated and refused."""

from __future__ import annotations

import pytest

from invoke_host.testing.client import ApiClient
from tests.queue.conftest import Line, ToyModels
from tests.queue.routes.answers import ROOT, checked, session


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
        "limited_by": None,
    }
    item = checked(await alice.get(f"{ROOT}/i/2"), "GET", "i/{item_id}")
    session_id = item.pop("session_id")
    assert session_id
    assert item.pop("created_at") == item.pop("updated_at") == line.now()
    assert item.pop("estimated_start_at") > line.now()
    assert item == {
        "item_id": 2,
        "queue_id": "default",
        "status": "pending",
        "status_sequence": 0,
        "position": 2,
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
        "retried_as_item_id": None,
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
            "board_id": None,
            "is_intermediate": False,
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


async def test_lists_of_prompts_become_an_item_each(alice: ApiClient) -> None:
    prompts = {"field_name": "positive_prompt", "items": ["a pear", "a plum"]}
    steps = {"field_name": "steps", "items": [3, 4, 5]}
    body = {"data": [[prompts], [steps]], "seed": 9, "runs": 2}
    done = checked(await alice.post(f"{ROOT}/generate", body), "POST", "generate", 201)
    assert (done["enqueued"], done["requested"]) == (12, 12)
    answer = await alice.post(f"{ROOT}/items_by_ids", {"item_ids": done["item_ids"]})
    requests = [item["request"] for item in checked(answer, "POST", "items_by_ids")]
    assert [(each["positive_prompt"], each["steps"], each["seed"]) for each in requests[:7]] == [
        ("a pear", 3, 9),
        ("a pear", 4, 10),
        ("a pear", 5, 11),
        ("a plum", 3, 12),
        ("a plum", 4, 13),
        ("a plum", 5, 14),
        ("a pear", 3, 15),
    ]


async def test_wrong_lists_are_told_together_with_all_other_fields(alice: ApiClient) -> None:
    lists = [[{"field_name": "steps", "items": [0, 1]}, {"field_name": "scheduler", "items": ["zz"]}]]
    refused = await alice.post(f"{ROOT}/generate", {"width": 1, "model": "nope", "data": lists})
    assert sorted(tuple(each["loc"]) for each in refused.detail) == [
        ("body", "data", 0, 0, "items", 0),
        ("body", "data", 0, 1, "items"),
        ("body", "model"),
        ("body", "width"),
    ]
    right = [[{"field_name": "scheduler", "items": ["euler", "zz"]}]]
    refused = await alice.post(f"{ROOT}/generate", {"width": 1, "data": right})
    assert sorted(tuple(each["loc"]) for each in refused.detail) == [
        ("body", "data", 0, 0, "items", 1),
        ("body", "positive_prompt"),
        ("body", "width"),
    ]


async def test_ten_thousand_pictures_are_one_request_and_more_are_refused(alice: ApiClient) -> None:
    prompts = {"field_name": "positive_prompt", "items": [f"pear {k}" for k in range(10_000)]}
    done = checked(await alice.post(f"{ROOT}/generate", {"data": [[prompts]]}), "POST", "generate", 201)
    assert (done["enqueued"], done["requested"]) == (20, 10_000)
    refused = await alice.post(f"{ROOT}/generate", {"data": [[prompts]], "count": 2})
    assert (refused.status, refused.detail[0]["type"]) == (422, "too_many_pictures")
    prompts["items"].append("one more")
    refused = await alice.post(f"{ROOT}/generate", {"data": [[prompts]]})
    assert (refused.status, refused.detail[0]["loc"]) == (422, ["body", "data", 0, 0, "items"])


async def test_of_ten_thousand_wrong_values_the_first_are_told(alice: ApiClient) -> None:
    steps = {"field_name": "steps", "items": [0] * 10_000}
    refused = await alice.post(f"{ROOT}/generate", {"width": 1, "data": [[steps]]})
    places = [tuple(each["loc"]) for each in refused.detail]
    assert places[0] == ("body", "width")
    assert places[1:901] == [("body", "data", 0, 0, "items", k) for k in range(900)]
    many = {f"field {k}": 1 for k in range(20_000)}
    refused = await alice.post(f"{ROOT}/generate", many)
    assert [(each["loc"], each["type"]) for each in refused.detail] == [(["body"], "too_many_problems")]
