"""From a pending row to a stored picture, or canceled, deleted, paused and stopped; with real rows and files."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from invoke_model_emoji import OFFER
from sqlalchemy import Connection, update

from invoke_host.config.schema import QueueConfig
from invoke_host.events.store import read_after
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.models.service import ModelCatalog
from invoke_host.queue.dispatcher import Dispatcher
from invoke_host.queue.store import lease
from invoke_host.queue.tables import queue_items

from .conftest import ALICE, BOB
from .painter import DEATH, Painter, paint
from .works import Emitted, Works, working

pytestmark = pytest.mark.timeout(60)


async def test_an_item_becomes_a_stored_picture(each_works: Works) -> None:
    works = each_works
    item_id = works.line.add(ALICE).item_ids[0]
    item = await works.until(item_id, "completed")
    await works.idle()
    ((owner, index, name),) = works.pictures()
    assert (owner, index) == (item_id, 0)
    png, webp = paint("a red apple", 0)
    assert works.blobs.path(image_key(name)).read_bytes() == png
    assert works.blobs.path(thumbnail_key(name)).read_bytes() == webp
    assert (item.device, item.attempt, item.lease_token) == ("painter:0", 1, None)
    works.check_files_match_rows()


async def test_each_of_many_items_is_stored_once(works: Works) -> None:
    works.painter.places = 3
    ids = works.line.add(ALICE, 8).item_ids + works.line.add(BOB, 4).item_ids
    for item_id in ids:
        await works.until(item_id, "completed")
    await works.idle()
    assert sorted(owner for owner, _, _ in works.pictures()) == ids
    works.check_files_match_rows()


async def test_progress_goes_to_the_owner_only_and_status_events_are_kept(works: Works) -> None:
    item_id = works.line.add(ALICE).item_ids[0]
    await works.until(item_id, "completed")
    kind, payload, audience = works.emitted.events[0]
    assert (kind, audience) == ("progress", "alice")
    assert (payload["item_id"], payload["step"], payload["steps"], payload["percentage"]) == (item_id, 1, 4, 0.25)
    assert payload["device"] == "painter:0"
    kept = works.line.storage.run_read(read_after, 0, 100)
    changes = [event.payload["status"] for event in kept if event.kind == "queue_item_status_changed"]
    assert changes == ["in_progress", "completed"]


async def test_a_commit_wakes_the_dispatcher_without_polling(line, blobs, models, access, log) -> None:
    painter = Painter()
    dispatcher = Dispatcher(line.storage, blobs, painter, models, line.clock, Emitted(), log, poll_s=3600)
    dispatcher.start()
    await asyncio.sleep(0.05)  # it finds nothing and waits for the hour
    line.add(ALICE)
    async with asyncio.timeout(5):
        await painter.begun.get()
    await dispatcher.stop(5)


async def test_an_item_that_waits_for_a_model_is_made_by_the_one_that_took_its_place(line, blobs, log) -> None:
    heir = replace(OFFER, key="new-painter", name="New Painter", formerly=("toy",))
    painter = Painter()
    dispatcher = Dispatcher(
        line.storage, blobs, painter, ModelCatalog([heir], None), line.clock, Emitted(), log, poll_s=3600
    )
    item_id = line.add(ALICE).item_ids[0]
    assert line.item(item_id).model == "toy"
    dispatcher.start()
    async with asyncio.timeout(5):
        job = await painter.begun.get()
    await dispatcher.stop(5)
    assert job.model.key == job.metadata["model"]["key"] == "new-painter"  # the picture tells who made it


async def test_canceling_a_running_item_stops_it_and_stores_nothing(each_works: Works) -> None:
    works = each_works
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    job = await works.painter.begun.get()
    answer = await works.service.cancel(ALICE, "default", item_id)
    assert answer["status"] == "canceled"
    await works.idle()
    assert works.painter.canceled == [job.id]
    assert works.pictures() == []
    works.check_files_match_rows()


async def test_another_process_cancel_is_noticed(works: Works) -> None:
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    await works.painter.begun.get()

    def cancel_elsewhere(conn: Connection) -> None:
        conn.execute(update(queue_items).where(queue_items.c.id == item_id).values(status="canceled", lease_token=None))

    with works.line.storage.engine.execution_options(invoke_write=True).begin() as connection:  # no on_commit here
        cancel_elsewhere(connection)
    await works.idle()
    assert works.pictures() == []


async def test_cancel_wins_when_it_comes_while_the_picture_is_saved(works: Works, monkeypatch) -> None:
    item_id = works.line.add(ALICE, 1).item_ids[0]
    adopt = works.blobs.adopt
    canceled = asyncio.Event()
    loop = asyncio.get_running_loop()

    def adopt_late(staged, key):
        # The answer "canceled" is given after the files got their names and before their row is written.
        info = adopt(staged, key)
        if key.startswith("thumbnails/"):
            asyncio.run_coroutine_threadsafe(works.service.cancel(ALICE, "default", item_id), loop).result(10)
            loop.call_soon_threadsafe(canceled.set)
        return info

    monkeypatch.setattr(works.blobs, "adopt", adopt_late)
    await canceled.wait()
    await works.idle()
    assert works.line.item(item_id).status == "canceled"
    assert works.pictures() == []
    works.check_files_match_rows()


async def test_deleting_a_running_item_stops_it(works: Works) -> None:
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    await works.painter.begun.get()
    await works.service.delete(ALICE, "default", item_id)
    await works.idle()
    assert works.pictures() == []
    works.check_files_match_rows()


async def test_leases_are_renewed_while_the_work_goes_on(line, blobs, models, access, log) -> None:
    async with working(line, blobs, models, access, log, config=QueueConfig(lease_s=6)) as works:
        works.painter.open.clear()
        works.line.add(ALICE)
        job = await works.painter.begun.get()
        works.line.storage.run_write(lease.renew, [job.id], lease_s=-60.0)
        works.line.clock.advance(3)
        async with asyncio.timeout(10):
            while line.storage.run_read(lease.any_expired):
                works.commits.clear()
                await works.commits.wait()
        assert line.item(1).lease_token == job.id


async def test_stopping_waits_for_what_runs(works: Works) -> None:
    works.painter.open.clear()
    first, second = works.line.add(ALICE, 2).item_ids
    await works.painter.begun.get()
    stop = asyncio.create_task(works.dispatcher.stop(30.0))
    await asyncio.sleep(0)
    works.painter.open.set()
    await stop
    assert (works.line.item(first).status, works.line.item(second).status) == ("completed", "pending")
    works.check_files_match_rows()


async def test_stopping_gives_back_what_takes_too_long(works: Works) -> None:
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    await works.painter.begun.get()
    await works.dispatcher.stop(0.05)
    item = works.line.item(item_id)
    assert (item.status, item.attempt, item.worker_deaths) == ("pending", 0, 0)
    assert works.dispatcher.running == 0
    works.check_files_match_rows()


async def test_a_worker_that_ends_with_the_host_costs_the_item_nothing(works: Works) -> None:
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    await works.painter.begun.get()
    works.painter.failures.append(DEATH)
    stop = asyncio.create_task(works.dispatcher.stop(30.0))
    await asyncio.sleep(0)
    works.painter.open.set()
    await stop
    item = works.line.item(item_id)
    assert (item.status, item.attempt, item.worker_deaths) == ("pending", 0, 0)


async def test_a_paused_queue_finishes_what_runs_and_starts_nothing(works: Works) -> None:
    works.painter.open.clear()
    first, second = works.line.add(ALICE, 2).item_ids
    await works.painter.begun.get()
    assert await works.service.set_paused("default", True) == {"is_started": False, "is_processing": True}
    works.painter.open.set()
    await works.until(first, "completed")
    await works.idle()
    assert works.line.item(second).status == "pending"
    await works.service.set_paused("default", False)
    await works.until(second, "completed")


async def test_a_stopped_and_continued_host_keeps_its_own_items(line, blobs, models, access, log) -> None:
    async with working(line, blobs, models, access, log, config=QueueConfig(lease_s=6)) as works:
        works.painter.open.clear()
        item_id = works.line.add(ALICE).item_ids[0]
        job = await works.painter.begun.get()
        works.line.storage.run_write(lease.renew, [job.id], lease_s=-600.0)
        works.line.clock.advance(600)
        works.painter.open.set()
        await works.until(item_id, "completed")
        assert works.line.item(item_id).attempt == 1
