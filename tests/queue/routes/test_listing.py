"""Lists with filters, and batches with what was asked for."""

from __future__ import annotations

import pytest

from invoke_host.queue.store import listing
from invoke_host.testing.client import ApiClient
from tests.queue.conftest import ALICE, BOB, Line
from tests.queue.routes.answers import ROOT, checked
from tests.queue.test_finishing import complete, output


async def listed(who: ApiClient, query: str) -> list[int]:
    """Ids in the answer of `list_all`."""
    items = checked(await who.get(f"{ROOT}/list_all?{query}"), "GET", "list_all")
    return [item["item_id"] for item in items]


@pytest.fixture
async def batches(alice: ApiClient, line: Line) -> list[str]:
    """Alice's items 1 to 3 (completed, canceled, pending), Bob's 4 and 5 (in progress, pending), hers 6 elsewhere."""
    first = line.add(ALICE, 3, destination="canvas").batch_id
    complete(line, line.must_claim(), output())
    await alice.put(f"{ROOT}/i/2/cancel")
    second = line.add(BOB, 2, destination="canvas").batch_id
    assert line.must_claim().id == 4
    line.add(ALICE, 1, queue="other")
    return [first, second]


async def test_a_status_finds_items_of_everybody_and_mine_ones_own(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, batches: list[str]
) -> None:
    for who in (alice, bob, admin):
        assert await listed(who, "status=pending") == [3, 5]
        assert await listed(who, "status=in_progress") == [4]
        assert await listed(who, "status=completed") == [1]
        assert await listed(who, "status=failed") == []
    assert await listed(alice, "mine=true") == [1, 2, 3]
    assert await listed(alice, "mine=true&status=pending") == [3]
    assert await listed(alice, "mine=true&limit=1&before=3") == [2]
    assert await listed(admin, "mine=true") == []
    assert (await alice.get(f"{ROOT}/list_all?status=waiting")).status == 422


async def test_batches_and_destinations_find_only_what_one_may_view(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, batches: list[str]
) -> None:
    first, second = batches
    assert await listed(alice, f"batch_id={first}") == [1, 2, 3]
    assert await listed(alice, f"batch_id={first}&status=canceled") == [2]
    assert await listed(alice, f"batch_id={second}") == []
    assert await listed(admin, f"batch_id={second}") == [4, 5]
    assert await listed(admin, f"batch_id={second}&mine=true") == []
    assert await listed(bob, "destination=canvas") == [4, 5]
    assert await listed(bob, "destination=canvas&status=pending&mine=true") == [5]
    assert await listed(admin, "destination=canvas&limit=2") == [4, 5]


async def test_a_batch_says_what_was_asked_for_and_how_far_it_is(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    body = {
        "positive_prompt": "a red apple",
        "origin": "o",
        "data": [[{"field_name": "steps", "items": [1, 2]}, {"field_name": "seed", "items": [7, 7]}]],
    }
    done = checked(await alice.post(f"{ROOT}/generate", body), "POST", "generate", 201)
    await alice.put(f"{ROOT}/i/1/cancel")
    batch_id = done["batch"]["batch_id"]
    answer = await alice.get(f"{ROOT}/b/{batch_id}")
    assert checked(answer, "GET", "b/{batch_id}") == {
        "queue_id": "default",
        "batch_id": batch_id,
        "origin": "o",
        "destination": None,
        "pending": 1,
        "in_progress": 0,
        "waiting": 0,
        "completed": 0,
        "failed": 0,
        "canceled": 1,
        "total": 2,
        "priority": 0,
        "requested": 2,
        "enqueued": 2,
        "created_at": line.now(),
        "user_id": "alice",
        "request": {
            "model": "toy",
            "model_hash": "",
            "positive_prompt": "a red apple",
            "negative_prompt": "",
            "width": 512,
            "height": 512,
            "steps": None,
            "cfg_scale": 7.5,
            "seed": None,
            "scheduler": "euler",
            "board_id": None,
            "is_intermediate": False,
        },
        "varying": ["steps", "seed"],
    }
    foreign, unknown = await bob.get(f"{ROOT}/b/{batch_id}"), await bob.get(f"{ROOT}/b/none")
    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.detail.replace(batch_id, "none") == unknown.detail


async def test_an_answer_is_bounded_by_what_it_holds_and_before_leads_on(
    alice: ApiClient, bob: ApiClient, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.add(ALICE, 5, request={"positive_prompt": "x" * 4000})
    monkeypatch.setattr(listing, "MOST_TEXT", 10_000)
    assert await listed(alice, "limit=5") == [4, 5]
    assert await listed(alice, "limit=5&before=4") == [2, 3]
    assert await listed(bob, "limit=5") == [1, 2, 3, 4, 5], "redacted items are short"
    monkeypatch.setattr(listing, "MOST_TEXT", 10)
    assert await listed(alice, "limit=5&before=2") == [1], "one item at least"
