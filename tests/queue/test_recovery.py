"""What a start finds after a crash at each step of the save protocol, and that it does not search for it."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert

from invoke_host import ids
from invoke_host.api import JobOutput
from invoke_host.audit.record import Origin
from invoke_host.images import tombstones
from invoke_host.images.names import image_key, new_name, thumbnail_key
from invoke_host.images.removal import Undertaker
from invoke_host.images.services.changing import ImageChanger
from invoke_host.images.store import SavedOutput
from invoke_host.queue.recovery import RecoveryReport, recover
from invoke_host.queue.save import DamagedOutputError, Saver
from invoke_host.queue.store.items import QueueItem
from invoke_host.queue.tables import batches, queue_items
from invoke_host.storage.blobs import FilesystemBlobStore

from .conftest import ALICE, NOW, REQUEST, Line
from .painter import paint
from .test_finishing import complete
from .works import stored_pictures


def stage(blobs: FilesystemBlobStore, token: str) -> JobOutput:
    png, webp = paint("a red apple", 1)
    folder = blobs.staging(token)
    (folder / "0.png").write_bytes(png)
    (folder / "0.webp").write_bytes(webp)
    hashes = [hashlib.sha256(data).hexdigest() for data in (png, webp)]
    return JobOutput(token, 0, folder / "0.png", hashes[0], folder / "0.webp", hashes[1], 64, 64, {})


def adopt(blobs: FilesystemBlobStore, output: JobOutput) -> SavedOutput:
    name = new_name()
    size = output.image.stat().st_size
    blobs.adopt(output.image, image_key(name))
    blobs.adopt(output.thumbnail, thumbnail_key(name))
    return SavedOutput(name, 0, 64, 64, output.image_sha256, size, output.thumbnail_sha256, {})


def crash_at(step: str, line: Line, blobs: FilesystemBlobStore, item: QueueItem) -> None:
    """Leave everything as a host leaves it that is killed after this step of the save protocol."""
    if step == "claimed":
        return
    output = stage(blobs, item.lease_token or "")
    if step == "staged":
        return
    saved = SavedOutput(new_name(), 0, 64, 64, "", 0, "", {})
    if step == "intended":
        line.storage.run_write(tombstones.entomb, [saved.name], now=line.now())
        return
    saved = adopt(blobs, output)
    line.storage.run_write(tombstones.entomb, [saved.name], now=line.now())
    if step == "adopted":
        return
    complete(line, item, saved)


@pytest.mark.parametrize("step", ["claimed", "staged", "intended", "adopted", "completed"])
async def test_after_a_crash_there_are_files_with_rows_and_nothing_else(
    each_line: Line, blobs: FilesystemBlobStore, clock, log, step: str
) -> None:
    line = each_line
    line.add(ALICE)
    item = line.must_claim()
    crash_at(step, line, blobs, item)
    report = await recover(line.storage, blobs, clock=clock, log=log)
    names = [name for _, _, name in line.storage.run_read(stored_pictures)]
    assert {found.key for found in blobs.iter()} == {
        key for name in names for key in (image_key(name), thumbnail_key(name))
    }
    assert len(names) == (step == "completed")
    assert line.item(item.id).status == ("completed" if step == "completed" else "pending")
    assert blobs.staged() == []
    assert report.requeued == (step != "completed")
    assert report.files_removed == (2 if step == "adopted" else 0) or step == "intended"
    assert line.drift() == []
    assert await recover(line.storage, blobs, clock=clock, log=log) == RecoveryReport()


async def test_a_picture_whose_file_is_gone_is_reported(line: Line, blobs: FilesystemBlobStore, clock, log) -> None:
    line.add(ALICE)
    item = line.must_claim()
    saved = adopt(blobs, stage(blobs, item.lease_token or ""))
    complete(line, item, saved)
    blobs.path(image_key(saved.name)).write_bytes(b"short")
    report = await recover(line.storage, blobs, clock=clock, log=log)
    assert report.missing == (saved.name,)
    assert saved.name in report.problems[0]


async def test_recovery_is_quick_with_ten_thousand_waiting_and_many_finished(
    line: Line, blobs: FilesystemBlobStore, clock, log
) -> None:
    line.add(ALICE, 10_000)
    line.must_claim()
    line.storage.run_write(_fill_history, 50_000)
    statements: list[str] = []
    engine = line.storage.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    started = time.process_time()  # what others take of the machine is not its work
    report = await recover(line.storage, blobs, clock=clock, log=log)
    assert time.process_time() - started < 1.0
    assert report.requeued == 1
    assert len(statements) < 25


def _fill_history(conn: Connection, count: int) -> None:
    """Finished items, ten to a batch, in two queues, with and without destination."""
    shared = {"user_id": "alice", "created_at": NOW}
    per_batch = {"requested": 10, "enqueued": 10, "queue_id": "default"}
    conn.execute(insert(batches), [{**shared, **per_batch, "id": f"history-{n}"} for n in range(count // 10)])
    row = {**shared, "batch_index": 0, "session_id": "s", "status": "completed", "updated_at": NOW}
    row["request"] = REQUEST.to_json()
    queues, destinations = ("default", "other"), ("gallery", None, "canvas")
    rows = [
        {**row, "batch_id": f"history-{n // 10}", "queue_id": queues[n % 2], "destination": destinations[n % 3]}
        for n in range(count)
    ]
    conn.execute(insert(queue_items), rows)


async def test_files_outside_the_own_staging_folder_are_refused(
    line: Line, blobs: FilesystemBlobStore, clock, log, tmp_path: Path
) -> None:
    line.add(ALICE)
    item = line.must_claim()
    token = item.lease_token or ""
    output = stage(blobs, ids.new_token())
    saver = Saver(line.storage, blobs, clock, log)
    with pytest.raises(DamagedOutputError, match="own folder"):
        await saver.save(token, blobs.staging(token), [output], device="cpu", engine_s=1.0)
    (blobs.staging(token) / "0.png").symlink_to(tmp_path / "invoke-host.db")
    own = stage(blobs, ids.new_token())
    linked = JobOutput(token, 0, blobs.staging(token) / "0.png", "", own.thumbnail, "", 64, 64, {})
    with pytest.raises(DamagedOutputError, match="own folder"):
        await saver.save(token, blobs.staging(token), [linked], device="cpu", engine_s=1.0)
    with pytest.raises(DamagedOutputError, match="without a picture"):
        await saver.save(token, blobs.staging(token), [], device="cpu", engine_s=1.0)
    assert list(blobs.iter()) == []


async def test_deleting_a_picture_frees_its_item_for_nothing_else(
    line: Line, blobs: FilesystemBlobStore, clock, log, access
) -> None:
    line.add(ALICE)
    item = line.must_claim()
    saver = Saver(line.storage, blobs, clock, log)
    token = item.lease_token or ""
    output = stage(blobs, token)
    assert await saver.save(token, blobs.staging(token), [output], device="cpu", engine_s=1.0) == "completed"
    ((_, _, name),) = line.storage.run_read(stored_pictures)
    changer = ImageChanger(line.storage, access, clock, Undertaker(line.storage, blobs), keep_deleted=False)
    await changer.delete(ALICE, name, Origin.of(ALICE, None))
    # A zombie of the same attempt comes with the same picture again: the item is finished, so nothing is stored.
    output = stage(blobs, token)
    assert await saver.save(token, blobs.staging(token), [output], device="cpu", engine_s=1.0) == "lost"
    assert list(blobs.iter()) == []
    assert line.drift() == []
