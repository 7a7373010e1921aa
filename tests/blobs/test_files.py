"""Giving a file to a row: the row names a whole file or no file stays, whatever fails in between."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from invoke_host import ids
from invoke_host.api import Actor, NotFound, ServiceUnavailable, StorageUnavailable, TooManyRequests, UserId
from invoke_host.blobs import staging, tombstones
from invoke_host.blobs.files import Files
from invoke_host.blobs.keepers import KEEPERS
from invoke_host.blobs.staging import Staging
from invoke_host.blobs.sweep import SWEEP_AGE, finish_tombstones, in_use, sweep_task
from invoke_host.blobs.tables import tombstones as tombstone_table
from invoke_host.blobs.tombstones import INTENT_AGE
from invoke_host.clock import timestamp
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.testing.clock import FakeClock
from invoke_host.workflows.tables import THUMBNAILS, workflows

BOB = Actor(id=UserId("bob"), kind="user", display_name="Bob", provider="test")
ALICE = Actor(id=UserId("alice"), kind="user", display_name="Alice", provider="test")
ROW = "0aa7c3de-0000-4000-8000-000000000001"


@pytest.fixture
def blobs(tmp_path: Path) -> FilesystemBlobStore:
    blobs = FilesystemBlobStore(tmp_path / "blobs")
    blobs.open()
    return blobs


@pytest.fixture
def files(each_storage: Storage, blobs: FilesystemBlobStore, clock: FakeClock) -> Files:
    def add(conn: Connection) -> None:
        row = {"id": ROW, "user_id": "system", "visibility": "private", "category": "user", "name": "", "name_key": ""}
        texts = {"description": "", "tags": "", "size_bytes": 2, "workflow": "{}", "created_at": "", "updated_at": ""}
        conn.execute(insert(workflows).values(**row, **texts))

    each_storage.run_write(add)
    return Files(each_storage, blobs, clock, Staging(blobs))


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    path = tmp_path / "staged.webp"
    path.write_bytes(b"RIFF whole")
    return path


def names(file_id: str) -> object:
    """The unit that makes the row name the file."""
    change = update(workflows).where(workflows.c.id == ROW).values(thumbnail_id=file_id)
    return lambda conn: conn.execute(change).rowcount


def state(storage: Storage, blobs: FilesystemBlobStore) -> tuple[set[str], set[str]]:
    """Keys of files and of tombstones."""
    buried = storage.run_read(lambda conn: set(conn.scalars(select(tombstone_table.c.key))))
    return {found.key for found in blobs.iter()}, buried


async def test_a_row_gets_its_file(
    files: Files, staged: Path, each_storage: Storage, blobs: FilesystemBlobStore
) -> None:
    file_id = ids.new_id()
    key = THUMBNAILS.key(ROW, file_id)
    assert await files.attach(staged, key, names(file_id)) == 1  # type: ignore[arg-type]
    assert state(each_storage, blobs) == ({key}, set())
    assert each_storage.run_read(in_use, [key, THUMBNAILS.key(ROW, ids.new_id())]) == {key}


async def test_a_unit_that_refuses_leaves_no_file(
    files: Files, staged: Path, each_storage: Storage, blobs: FilesystemBlobStore
) -> None:
    def refuse(conn: Connection) -> None:
        raise NotFound("no such row")

    with pytest.raises(NotFound):
        await files.attach(staged, THUMBNAILS.key(ROW, ids.new_id()), refuse)
    assert state(each_storage, blobs) == (set(), set())


async def test_a_commit_of_which_nobody_knows_whether_it_was_is_left_to_the_sweep(
    files: Files, staged: Path, each_storage: Storage, blobs: FilesystemBlobStore, clock: FakeClock
) -> None:
    def unanswered(conn: Connection) -> None:
        raise StorageUnavailable("the connection broke")

    key = THUMBNAILS.key(ROW, ids.new_id())
    with pytest.raises(StorageUnavailable):
        await files.attach(staged, key, unanswered)
    assert state(each_storage, blobs) == ({key}, {key})
    clock.advance(SWEEP_AGE.total_seconds() + 1)
    await sweep_task(each_storage, blobs, clock, frozenset).run()
    assert state(each_storage, blobs) == (set(), set())


async def test_a_row_never_names_a_file_that_the_sweep_may_be_removing(
    files: Files, staged: Path, each_storage: Storage, blobs: FilesystemBlobStore, clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file_id = ids.new_id()
    adopt = blobs.adopt

    def slowly(path: Path, key: str) -> object:
        clock.advance(INTENT_AGE.total_seconds() + 1)
        return adopt(path, key)

    monkeypatch.setattr(blobs, "adopt", slowly)
    with pytest.raises(ServiceUnavailable, match="too long"):
        await files.attach(staged, THUMBNAILS.key(ROW, file_id), names(file_id))  # type: ignore[arg-type]
    assert state(each_storage, blobs) == (set(), set())


async def test_a_canceled_attachment_ends_whole_or_without_a_file(
    files: Files, staged: Path, each_storage: Storage, blobs: FilesystemBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt, loop, adopted = blobs.adopt, asyncio.get_running_loop(), asyncio.Event()

    def tell(path: Path, key: str) -> object:
        info = adopt(path, key)
        loop.call_soon_threadsafe(adopted.set)
        return info

    monkeypatch.setattr(blobs, "adopt", tell)
    file_id = ids.new_id()
    key = THUMBNAILS.key(ROW, file_id)
    task = asyncio.create_task(files.attach(staged, key, names(file_id)))  # type: ignore[arg-type]
    await adopted.wait()
    task.cancel()
    await asyncio.wait([task])
    await each_storage.write(lambda conn: None)  # whatever was on its way has arrived
    finish_tombstones(each_storage, blobs)
    named = each_storage.run_read(lambda conn: conn.scalar(select(workflows.c.thumbnail_id)))
    assert state(each_storage, blobs) == ({key} if named else set(), set())


async def test_what_can_not_be_removed_keeps_its_tombstone(
    files: Files, each_storage: Storage, blobs: FilesystemBlobStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str) -> None:
        raise PermissionError(key)

    key = THUMBNAILS.key(ROW, ids.new_id())
    each_storage.run_write(tombstones.entomb, [key], now=timestamp(clock.now()))
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "delete", refuse)
        await files.bury([key])
        assert state(each_storage, blobs)[1] == {key}
    await files.bury([key])
    assert state(each_storage, blobs)[1] == set()


async def test_staging_leaves_nothing_behind(files: Files, blobs: FilesystemBlobStore) -> None:
    async def fail() -> None:
        async with files.staging(ALICE) as folder:
            (folder / "half").write_bytes(b"x")
            assert len(blobs.staged()) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert blobs.staged() == []


async def test_a_user_has_a_limited_number_of_uploads_on_their_way_and_so_have_all(
    files: Files, blobs: FilesystemBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MOST_OF_ONE", 2)
    monkeypatch.setattr(staging, "MOST_UPLOADS", 3)
    async with AsyncExitStack() as running:
        for actor in (ALICE, ALICE, BOB):
            await running.enter_async_context(files.staging(actor))
        with pytest.raises(TooManyRequests):
            await running.enter_async_context(files.staging(ALICE))
        with pytest.raises(ServiceUnavailable):
            await running.enter_async_context(files.staging(BOB))
        assert len(blobs.staged()) == 3
    async with files.staging(ALICE), files.staging(ALICE):
        assert len(blobs.staged()) == 2


async def test_a_folder_that_can_t_be_made_or_removed_is_not_counted(
    files: Files, blobs: FilesystemBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(token: str) -> Path:
        raise OSError(token)

    async def enter() -> None:
        async with files.staging(ALICE):
            pass

    monkeypatch.setattr(staging, "MOST_OF_ONE", 1)
    for name in ("staging", "drop_staging"):
        with monkeypatch.context() as patch:
            patch.setattr(blobs, name, refuse)
            with pytest.raises(OSError, match="-"):
                await enter()
    await enter()


def test_whoever_stores_files_says_which_are_in_use() -> None:
    assert set(KEEPERS) == {"images", "thumbnails", "workflow_thumbnails", "style_preset_images"}


def test_keys_of_others_are_nobodys(each_storage: Storage) -> None:
    odd = ["other/ab/x", "workflow_thumbnails/zz/../x", f"workflow_thumbnails/00/{ROW}.x.webp", "images", ""]
    assert each_storage.run_read(in_use, odd) == set()
