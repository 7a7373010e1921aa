"""What goes wrong while pictures are made: each trouble costs what it must, and no more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, update

from invoke_host.api import JobFailed, StorageUnavailable
from invoke_host.images import store as image_store
from invoke_host.queue.tables import queue_items

from .conftest import ALICE, ToyModels
from .painter import DEATH
from .test_finishing import output
from .works import Works

pytestmark = pytest.mark.timeout(60)


async def test_a_dead_worker_costs_a_retry_and_two_cost_the_item(works: Works) -> None:
    works.painter.failures.append(DEATH)
    saved = works.line.add(ALICE).item_ids[0]
    assert (await works.until(saved, "completed")).attempt == 2
    works.painter.failures.extend([DEATH] * 2)
    lost = works.line.add(ALICE).item_ids[0]
    item = await works.until(lost, "failed")
    assert (item.error_type, item.attempt) == ("quarantined", 2)
    assert "2 workers have ended over this picture" in (item.error_message or "")
    after = works.line.add(ALICE).item_ids[0]
    await works.until(after, "completed")
    await works.idle()
    works.check_files_match_rows()


async def test_a_failure_that_is_the_jobs_own_is_not_retried(works: Works) -> None:
    works.painter.failures.append(JobFailed("", "out_of_memory", "The device has too little memory."))
    item = await works.until(works.line.add(ALICE).item_ids[0], "failed")
    assert (item.error_type, item.error_message, item.attempt) == (
        "out_of_memory",
        "The device has too little memory.",
        1,
    )


async def test_a_missing_model_fails_the_item_with_a_sentence(works: Works, models: ToyModels) -> None:
    models.missing = True
    item = await works.until(works.line.add(ALICE).item_ids[0], "failed")
    assert (item.error_type, item.error_message) == ("model_unusable", "the model 'toy' is no longer there")


async def test_a_request_of_an_unknown_version_fails_alone(works: Works) -> None:
    works.painter.open.clear()
    first, second = works.line.add(ALICE, 2).item_ids
    await works.painter.begun.get()
    works.line.storage.run_write(
        lambda conn: conn.execute(update(queue_items).where(queue_items.c.id == second).values(request="{}")).rowcount
    )
    works.painter.open.set()
    item = await works.until(second, "failed")
    assert "another version" in (item.error_message or "")
    await works.until(first, "completed")


@pytest.mark.parametrize("damage", ["truncated", "missing"])
async def test_damaged_files_are_never_stored(works: Works, damage: str) -> None:
    works.painter.damage = damage
    item = await works.until(works.line.add(ALICE).item_ids[0], "failed")
    assert item.error_type == "damaged_output"
    await works.idle()
    assert works.files() == set()
    works.check_files_match_rows()


async def test_two_pictures_with_one_index_fail_the_item_and_store_nothing(works: Works, monkeypatch) -> None:
    monkeypatch.setattr(works.painter, "twice", True)
    item = await works.until(works.line.add(ALICE).item_ids[0], "failed")
    assert (item.error_type, item.error_message) == (
        "damaged_output",
        "The worker reported two pictures with one index.",
    )
    await works.idle()
    works.check_files_match_rows()


async def test_a_picture_that_contradicts_the_database_fails_its_item_and_leaves_no_file(each_works: Works) -> None:
    works = each_works
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    job = await works.painter.begun.get()
    stored = output()

    def store_it_already(conn: Connection) -> None:
        image_store.insert_generated(conn, item=works.line.item(item_id), output=stored, now=works.line.now())

    works.line.storage.run_write(store_it_already)
    works.painter.open.set()
    item = await works.until(item_id, "failed")
    await works.idle()
    assert (item.error_type, item.lease_token) == ("storage_failed", None)
    assert "contradicts" in (item.error_message or "")
    assert job.id == works.painter.jobs[0].id
    assert works.pictures() == [(item_id, 0, stored.name)]
    assert works.files() == set()
    assert works.line.drift() == []


async def test_the_dispatchers_health_shows_trouble_until_it_is_over(works: Works, monkeypatch) -> None:
    assert (await works.dispatcher.health()).status == "ok"
    failed = asyncio.Event()

    async def broken(*args: Any) -> int:
        failed.set()
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(works.painter, "capacity", broken)
        async with asyncio.timeout(10):
            await failed.wait()
            while (await works.dispatcher.health()).status == "ok":  # noqa: ASYNC110 - health is asked, it tells nobody
                await asyncio.sleep(0)
        health = await works.dispatcher.health()
        assert (health.name, health.status) == ("queue", "degraded")
        assert "claiming failed (error " in health.detail
    await works.until(works.line.add(ALICE).item_ids[0], "completed")
    assert (await works.dispatcher.health()).status == "ok"
    works.dispatcher._loops[1].cancel()
    await asyncio.gather(works.dispatcher._loops[1], return_exceptions=True)
    assert (await works.dispatcher.health()).status == "failed"


async def test_a_full_disk_fails_the_item_and_the_next_one_works(works: Works, monkeypatch) -> None:
    adopt = works.blobs.adopt

    def full(staged, key):
        if key.startswith("thumbnails/"):
            raise OSError(28, "No space left on device")
        return adopt(staged, key)

    monkeypatch.setattr(works.blobs, "adopt", full)
    item = await works.until(works.line.add(ALICE).item_ids[0], "failed")
    assert item.error_type == "no_space"
    assert "no space left" in (item.error_message or "")
    await works.idle()
    works.check_files_match_rows()
    monkeypatch.setattr(works.blobs, "adopt", adopt)
    await works.until(works.line.add(ALICE).item_ids[0], "completed")


async def test_a_bug_in_the_executor_costs_one_item_and_tells_no_traceback(works: Works, monkeypatch) -> None:
    monkeypatch.setattr(works.painter, "_output", lambda job: 1 / 0)
    item = await works.until(works.line.add(ALICE).item_ids[0], "failed")
    assert item.error_type == "internal_error"
    assert "ZeroDivision" not in (item.error_message or "")
    monkeypatch.undo()
    await works.until(works.line.add(ALICE).item_ids[0], "completed")


async def test_a_locked_database_delays_a_picture_and_loses_nothing(works: Works, monkeypatch) -> None:
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    await works.painter.begun.get()
    refused = asyncio.Event()
    write = works.line.storage.write

    async def write_and_tell(unit, *args, **kwargs):
        try:
            return await write(unit, *args, **kwargs)
        except StorageUnavailable:
            refused.set()
            raise

    monkeypatch.setattr(works.line.storage, "write", write_and_tell)
    engine = works.line.storage.engine.execution_options(invoke_write=True)
    with engine.begin():  # another process holds the write lock
        works.painter.open.set()
        async with asyncio.timeout(20):
            await refused.wait()
        assert works.line.item(item_id).status == "in_progress"
    await works.until(item_id, "completed")
    await works.idle()
    works.check_files_match_rows()
