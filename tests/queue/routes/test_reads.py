"""What owners, others and administrators read of items, batches and counts."""

from __future__ import annotations

import json

from invoke_host.queue.store import finish
from invoke_host.testing.client import ApiClient
from tests.queue.conftest import ALICE, BOB, Line
from tests.queue.routes.answers import ROOT, checked, session
from tests.queue.test_finishing import complete, output


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
        "position",
        "estimated_start_at",
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
        "retried_as_item_id": None,
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
            "queue": {**common, **item, "user_pending": own[0], "user_in_progress": own[1], "user_paused": False},
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


async def test_the_line_is_told_in_the_order_in_which_its_items_are_begun(
    alice: ApiClient, bob: ApiClient, line: Line
) -> None:
    line.add(ALICE, 3)
    line.add(BOB, 2)
    line.add(ALICE, prepend=True)
    told = checked(await bob.get(f"{ROOT}/line"), "GET", "line")
    assert [item["position"] for item in told] == [1, 2, 3, 4, 5, 6]
    assert [item["user_id"] for item in told].count("redacted") == 4
    assert told[0]["item_id"] == (await bob.get(f"{ROOT}/next")).json()["item_id"]
    taken = []
    while (claimed := line.claim()) is not None:
        taken.append(claimed.id)
        complete(line, claimed, output())
    assert [item["item_id"] for item in told] == taken
    assert checked(await alice.get(f"{ROOT}/line"), "GET", "line") == []


async def test_the_line_has_the_first_of_this_queue_only(alice: ApiClient, bob: ApiClient, line: Line) -> None:
    line.add(ALICE, 5, queue="other")
    line.add(ALICE, 2)
    line.add(BOB)
    assert [item["item_id"] for item in (await alice.get(f"{ROOT}/line?mine=true")).json()] == [6, 7]
    assert {item["item_id"] for item in (await alice.get(f"{ROOT}/line?limit=3")).json()} == {6, 7, 8}
    assert len((await bob.get(f"{ROOT}/line?limit=2")).json()) == 2
    assert (await bob.get(f"{ROOT}/line?limit=0")).status == 422


async def test_ones_own_line_has_what_a_pause_holds_up_without_a_place(
    alice: ApiClient, bob: ApiClient, line: Line
) -> None:
    line.add(ALICE, 2)
    line.add(BOB)
    await alice.put(f"{ROOT}/own/pause")
    own = checked(await alice.get(f"{ROOT}/line?mine=true"), "GET", "line")
    assert [(item["item_id"], item["position"]) for item in own] == [(1, None), (2, None)]
    assert [item["item_id"] for item in (await bob.get(f"{ROOT}/line")).json()] == [3]
