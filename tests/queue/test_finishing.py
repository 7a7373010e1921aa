"""How attempts end, and that only the holder of the lease can end them."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Connection, func, select

from invoke_host.blobs.tables import tombstones
from invoke_host.events.store import read_after
from invoke_host.images.store import SavedOutput
from invoke_host.images.tables import images
from invoke_host.images.tombstones import entomb
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import bulk, finish, lease
from invoke_host.queue.store.items import QueueItem

from .conftest import ADMIN, ALICE, Line


def output(index: int = 0) -> SavedOutput:
    return SavedOutput(
        name=f"{uuid.uuid4()}.png",
        index=index,
        width=64,
        height=64,
        sha256="a" * 64,
        size_bytes=100,
        thumbnail_sha256="b" * 64,
        metadata={"seed": 1},
    )


def complete(line: Line, item: QueueItem, picture: SavedOutput) -> str:
    return line.storage.run_write(
        finish.complete, item.lease_token, [picture], device="cpu", engine_s=1.5, now=line.now()
    )


def died(line: Line, item: QueueItem, most_deaths: int = 2) -> bool:
    return line.storage.run_write(
        finish.worker_died,
        item.lease_token,
        most_deaths=most_deaths,
        code="worker_died",
        message="The worker ended.",
        now=line.now(),
    )


def pictures(conn: Connection) -> list[tuple[int, str, str]]:
    rows = conn.execute(select(images.c.queue_item_id, images.c.name, images.c.user_id).order_by(images.c.id))
    return [tuple(row) for row in rows]


def test_completing_stores_row_counters_and_event_and_ends_the_intent(each_line: Line) -> None:
    each_line.add(ALICE, destination="gallery")
    item = each_line.must_claim()
    picture = output()
    each_line.storage.run_write(entomb, [picture.name], now=each_line.now())
    each_line.clock.advance(7)
    assert complete(each_line, item, picture) == "completed"
    done = each_line.item(item.id)
    assert (done.status, done.status_sequence, done.device, done.lease_token) == ("completed", 2, "cpu", None)
    assert done.completed_at == each_line.now()
    assert each_line.storage.run_read(pictures) == [(item.id, picture.name, "alice")]
    assert each_line.storage.run_read(lambda conn: conn.execute(select(func.count(tombstones.c.key))).scalar()) == 0
    last = each_line.storage.run_read(read_after, 0, 100)[-1]
    assert last.kind == "queue_item_status_changed"
    assert (last.payload["status"], last.payload["image_names"]) == ("completed", [picture.name])
    assert each_line.drift() == []


def test_completing_again_after_a_lost_answer_says_completed_and_changes_nothing(each_line: Line) -> None:
    each_line.add(ALICE)
    item = each_line.must_claim()
    picture = output()
    assert complete(each_line, item, picture) == "completed"
    assert complete(each_line, item, picture) == "completed"
    assert len(each_line.storage.run_read(pictures)) == 1
    assert each_line.drift() == []


def test_a_zombie_can_store_nothing_after_its_item_was_given_to_another(each_line: Line) -> None:
    each_line.add(ALICE)
    zombie = each_line.must_claim()
    each_line.storage.run_write(lease.recover, expired_only=False, now=each_line.now())
    owner = each_line.must_claim()
    assert owner.id == zombie.id
    assert complete(each_line, zombie, output()) == "lost"
    assert not each_line.storage.run_write(finish.fail, zombie.lease_token, code="x", message="x", now=each_line.now())
    assert not died(each_line, zombie)
    picture = output()
    assert complete(each_line, owner, picture) == "completed"
    assert each_line.storage.run_read(pictures) == [(owner.id, picture.name, "alice")]
    assert each_line.drift() == []


def test_a_canceled_item_takes_no_picture(each_line: Line, access) -> None:
    each_line.add(ALICE)
    item = each_line.must_claim()
    each_line.storage.run_write(bulk.cancel_one, access, ALICE, "default", item.id, now=each_line.now())
    assert complete(each_line, item, output()) == "lost"
    assert each_line.item(item.id).status == "canceled"
    assert each_line.storage.run_read(pictures) == []
    assert each_line.drift() == []


def test_a_failure_keeps_its_reason(each_line: Line) -> None:
    each_line.add(ALICE)
    item = each_line.must_claim()
    message = "The device has too little memory."
    assert each_line.storage.run_write(
        finish.fail, item.lease_token, code="out_of_memory", message=message, now=each_line.now()
    )
    failed = each_line.item(item.id)
    assert (failed.status, failed.error_type, failed.error_message) == ("failed", "out_of_memory", message)
    assert each_line.drift() == []


def test_an_item_that_kills_two_workers_is_quarantined_with_what_to_do(each_line: Line) -> None:
    item_id = each_line.add(ALICE).item_ids[0]
    assert died(each_line, each_line.must_claim())
    again = each_line.item(item_id)
    assert (again.status, again.worker_deaths) == ("pending", 1)
    assert died(each_line, each_line.must_claim())
    failed = each_line.item(item_id)
    assert (failed.status, failed.error_type, failed.attempt, failed.worker_deaths) == ("failed", "quarantined", 2, 2)
    assert failed.error_message == (
        "The worker ended. 2 workers have ended over this picture, so it is quarantined: the others go on, and it is "
        "not tried again by itself. Ask for a smaller picture, fewer steps or another model, or retry it once the "
        "host's log has told the cause."
    )
    assert each_line.drift() == []


def test_a_crash_of_the_host_does_not_count_as_a_death_of_the_worker(each_line: Line) -> None:
    item_id = each_line.add(ALICE).item_ids[0]
    for _ in range(5):
        each_line.must_claim()
        each_line.storage.run_write(lease.recover, expired_only=False, now=each_line.now())
    item = each_line.item(item_id)
    assert (item.status, item.attempt, item.worker_deaths) == ("pending", 5, 0)


def test_an_item_that_ended_ten_hosts_is_not_tried_again(each_line: Line) -> None:
    item_id = each_line.add(ALICE).item_ids[0]
    for _ in range(lease.MAX_ATTEMPTS):
        each_line.must_claim()
        _, failed = each_line.storage.run_write(lease.recover, expired_only=False, now=each_line.now())
    assert [item.id for item in failed] == [item_id]
    assert each_line.item(item_id).error_message == lease.POISON
    assert each_line.claim() is None
    assert each_line.drift() == []


def test_only_leases_that_ran_out_are_taken_from_other_hosts(each_line: Line) -> None:
    each_line.add(ALICE, 2)
    alive, dead = each_line.must_claim(), each_line.must_claim()
    each_line.storage.run_write(lease.renew, [dead.lease_token], lease_s=-1.0)
    assert each_line.storage.run_read(lease.any_expired)
    returned, _ = each_line.storage.run_write(lease.recover, expired_only=True, now=each_line.now())
    assert [item.id for item in returned] == [dead.id]
    assert each_line.item(alive.id).status == "in_progress"
    each_line.storage.run_write(lease.renew, [alive.lease_token], lease_s=60.0)
    assert not each_line.storage.run_read(lease.any_expired)


def test_the_wall_clock_of_the_host_has_no_part_in_leases(each_line: Line) -> None:
    each_line.add(ALICE)
    each_line.must_claim()
    each_line.clock.jump(10 * 365 * 86400)
    assert not each_line.storage.run_read(lease.any_expired)


async def test_retrying_makes_new_items_that_remember_the_first(each_line: Line, access, models) -> None:
    service = QueueService(each_line.storage, access, models, each_line.clock)
    first = each_line.add(ALICE, 2, destination="gallery").item_ids
    await service.cancel(ALICE, "default", first[0])
    again = await service.retry(ALICE, "default", [*first, 999_999])
    assert again.old_ids == [first[0]]
    await service.cancel(ALICE, "default", again.new_ids[0])
    third = await service.retry(ADMIN, "default", again.new_ids)
    item = each_line.item(third.new_ids[0])
    original = each_line.item(first[0])
    assert item.retried_from_item_id == first[0]
    assert (item.user_id, item.batch_id, item.request) == ("alice", original.batch_id, original.request)
    assert item.session_id != original.session_id
    assert each_line.drift() == []


@pytest.mark.parametrize("status", ["pending", "in_progress", "completed"])
async def test_what_did_not_fail_is_not_retried(line: Line, access, models, status: str) -> None:
    line.add(ALICE)
    if status != "pending":
        item = line.must_claim()
    if status == "completed":
        complete(line, item, output())
    service = QueueService(line.storage, access, models, line.clock)
    assert (await service.retry(ALICE, "default", [1])).new_ids == []
