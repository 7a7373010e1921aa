"""From a pending row to a stored picture and every other end, with a real database, real files and a painter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from invoke_host.api import JobFailed, StorageUnavailable
from invoke_host.blobs.tables import tombstones
from invoke_host.config.schema import QueueConfig
from invoke_host.events.store import read_after
from invoke_host.images import store as image_store
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.tables import images
from invoke_host.queue.dispatcher import Dispatcher
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import lease
from invoke_host.queue.store.items import QueueItem
from invoke_host.queue.tables import queue_items
from invoke_host.storage.blobs import FilesystemBlobStore

from .conftest import ALICE, BOB, Line, ToyModels
from .painter import Painter, paint
from .test_finishing import output

pytestmark = pytest.mark.timeout(60)

DEATH = JobFailed("", "worker_died", "The worker on painter:0 ended.", retry=True)


@dataclass
class Emitted:
    events: list[tuple[str, Any, str | None]] = field(default_factory=list)

    def emit(self, kind: str, payload: Any, audience: str | None) -> None:
        self.events.append((kind, payload, audience))


@dataclass
class Works:
    """A queue that is being worked on."""

    line: Line
    blobs: FilesystemBlobStore
    painter: Painter
    dispatcher: Dispatcher
    service: QueueService
    emitted: Emitted
    commits: asyncio.Event

    async def until(self, item_id: int, *statuses: str) -> QueueItem:
        """The item, as soon as it has one of these statuses."""
        async with asyncio.timeout(20):
            while True:
                self.commits.clear()
                item = self.line.item(item_id)
                if item.status in statuses:
                    return item
                await self.commits.wait()

    async def idle(self) -> None:
        """Return when nothing is being worked on any more."""
        async with asyncio.timeout(20):
            while self.dispatcher.running:
                await asyncio.wait([task for _, task in self.dispatcher._running.values()])
                await asyncio.sleep(0)

    def pictures(self) -> list[tuple[int, int, str]]:
        return self.line.storage.run_read(_pictures)

    def files(self) -> set[str]:
        return {found.key for found in self.blobs.iter()}

    def check_files_match_rows(self) -> None:
        names = [name for _, _, name in self.pictures()]
        assert self.files() == {key for name in names for key in (image_key(name), thumbnail_key(name))}
        assert self.blobs.staged() == []
        assert self.line.storage.run_read(lambda conn: conn.execute(select(tombstones)).all()) == []
        assert self.line.drift() == []


def _pictures(conn: Connection) -> list[tuple[int, int, str]]:
    query = select(images.c.queue_item_id, images.c.output_index, images.c.name).order_by(images.c.id)
    return [tuple(row) for row in conn.execute(query)]


@pytest.fixture
async def works(line, blobs, models, access, log) -> AsyncIterator[Works]:
    async with working(line, blobs, models, access, log) as works:
        yield works


@pytest.fixture
async def each_works(each_line, blobs, models, access, log) -> AsyncIterator[Works]:
    async with working(each_line, blobs, models, access, log) as works:
        yield works


@asynccontextmanager
async def working(line, blobs, models, access, log, **options: Any) -> AsyncIterator[Works]:
    painter, emitted, commits = Painter(options.pop("places", 1)), Emitted(), asyncio.Event()
    dispatcher = Dispatcher(line.storage, blobs, painter, models, line.clock, emitted, log, poll_s=0.2, **options)
    service = QueueService(line.storage, access, models, line.clock)
    line.storage.on_commit(commits.set)
    dispatcher.start()
    try:
        yield Works(line, blobs, painter, dispatcher, service, emitted, commits)
    finally:
        painter.open.set()
        await dispatcher.stop(10.0)


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
    async with asyncio.timeout(2):
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
