"""Thumbnails: seen by those who see the workflow, decoded before they are kept, and never left behind."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from sqlalchemy import Connection, func, select

from invoke_host import ids
from invoke_host.blobs import staging, tombstones
from invoke_host.blobs.sweep import SWEEP_AGE, finish_tombstones, sweep_task
from invoke_host.blobs.tables import tombstones as tombstone_table
from invoke_host.clock import timestamp
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.workflows.tables import THUMBNAILS
from tests.workflows.conftest import ROOT, made, published


def picture(color: str = "red", *, size: tuple[int, int] = (400, 200), kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


async def put(client: ApiClient, workflow_id: str, data: bytes = b"", **field: Any) -> Answer:
    form = aiohttp.FormData(default_to_multipart=True)
    file = BytesIO(data or picture())
    form.add_field(field.get("name", "image"), file, filename="x.png", content_type="image/png")
    return await client.request("PUT", f"{ROOT}/i/{workflow_id}/thumbnail", data=form)


def stored(blobs: FilesystemBlobStore) -> set[str]:
    return {found.key for found in blobs.iter()}


def entombed(storage: Storage) -> int:
    def count(conn: Connection) -> int:
        return conn.scalar(select(func.count()).select_from(tombstone_table)) or 0

    return storage.run_read(count)


async def test_a_picture_becomes_a_small_one_that_browsers_ask_for_again(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage
) -> None:
    workflow_id = await made(alice)
    for kind in ("PNG", "JPEG", "WEBP"):
        answer = await put(alice, workflow_id, picture(kind=kind))
        assert (answer.status, answer.json()) == (200, None)
    url = (await alice.get(f"{ROOT}/i/{workflow_id}")).json()["thumbnail_url"]
    assert (await alice.get(f"{ROOT}/")).json()["items"][0]["thumbnail_url"] == url
    answer = await alice.get(f"/{url}")
    assert answer.headers["Content-Type"] == "image/webp"
    assert Image.open(BytesIO(answer.body)).size == (256, 128)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    tag = answer.headers["ETag"]
    assert (await alice.get(f"/{url}", headers={"If-None-Match": tag})).status == 304
    assert len(stored(blobs)) == 1
    assert entombed(each_storage) == 0
    await put(alice, workflow_id, picture("blue"))
    assert (await alice.get(f"/{url}", headers={"If-None-Match": tag})).status == 200
    assert (await alice.get(f"{ROOT}/i/{workflow_id}")).json()["thumbnail_url"] != url


async def test_it_is_seen_with_the_workflow_and_changed_by_its_owner(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, api: ApiClient, each_storage: Storage
) -> None:
    workflow_id = await made(alice)
    await put(alice, workflow_id)
    path = f"{ROOT}/i/{workflow_id}/thumbnail"
    assert (await api.get(path)).status == 401
    assert (await bob.get(path)).status == 404
    assert (await put(bob, workflow_id)).status == 404
    assert (await admin.get(path)).status == 200
    await published(alice, workflow_id)
    assert (await bob.get(path)).status == 200
    assert (await put(bob, workflow_id)).status == 403
    assert (await bob.delete(path)).status == 403
    assert (await put(admin, workflow_id, picture("green"))).status == 200
    await published(alice, workflow_id, is_public=False)
    assert (await bob.get(path)).status == 404


async def test_a_workflow_without_one_says_so(alice: ApiClient) -> None:
    workflow_id = await made(alice)
    path = f"{ROOT}/i/{workflow_id}/thumbnail"
    assert (await alice.get(path)).status == 404
    assert (await alice.delete(path)).status == 200
    await put(alice, workflow_id)
    assert (await alice.delete(path)).status == 200
    assert (await alice.get(path)).status == 404


async def test_what_is_no_picture_is_refused_and_leaves_nothing(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage
) -> None:
    workflow_id = await made(alice)
    assert (await put(alice, workflow_id, b"GIF89a" + b"\0" * 100)).status == 415
    assert (await put(alice, workflow_id, picture()[:60])).status in (415, 422)
    assert (await put(alice, workflow_id, picture(size=(1001, 1000)))).status == 422
    assert (await put(alice, workflow_id, name="file")).status == 422
    assert (await alice.put(f"{ROOT}/i/{workflow_id}/thumbnail", {"image": "x"})).status == 415
    large = picture() + b"\0" * (10 * 1024 * 1024)
    assert (await put(alice, workflow_id, large)).status == 413
    assert (stored(blobs), blobs.staged(), entombed(each_storage)) == (set(), [], 0)


async def test_files_go_with_replacement_removal_and_the_workflow(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage
) -> None:
    kept, gone = await made(alice), await made(alice)
    for workflow_id in (kept, gone):
        await put(alice, workflow_id)
    before = stored(blobs)
    await put(alice, kept)  # the same picture is another file
    await alice.delete(f"{ROOT}/i/{gone}")
    [left] = stored(blobs)
    assert left not in before
    assert kept in left
    await alice.delete(f"{ROOT}/i/{kept}/thumbnail")
    assert (stored(blobs), blobs.staged(), entombed(each_storage)) == (set(), [], 0)


async def test_a_thumbnail_is_an_upload_on_its_way_like_any_other(
    alice: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = await made(alice)
    monkeypatch.setattr(staging, "MOST_UPLOADS", 0)
    answer = await put(alice, workflow_id)
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)


async def test_many_at_once_leave_one_whole_file(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage
) -> None:
    workflow_id = await made(alice)
    path = f"{ROOT}/i/{workflow_id}/thumbnail"
    await put(alice, workflow_id)

    async def look() -> None:
        for _ in range(10):
            answer = await alice.get(path)
            assert answer.status in (200, 404), answer.text
            if answer.status == 200:
                Image.open(BytesIO(answer.body)).load()

    changes = [put(alice, workflow_id, picture(color)) for color in ("red", "green", "blue")]
    answers = await asyncio.gather(*changes, alice.delete(path), look(), look())
    assert {answer.status for answer in answers[:4] if answer is not None} <= {200}
    await put(alice, workflow_id)
    assert len(stored(blobs)) == 1
    assert entombed(each_storage) == 0


@pytest.mark.parametrize("cleaner", ["start", "sweep"])
async def test_after_a_crash_between_file_and_row_no_file_is_left(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage, clock: FakeClock, tmp_path: Path, cleaner: str
) -> None:
    workflow_id = await made(alice)
    await put(alice, workflow_id)
    [own] = stored(blobs)
    abandoned = THUMBNAILS.key(workflow_id, ids.new_id())
    each_storage.run_write(tombstones.entomb, [abandoned, own], now=timestamp(clock.now()))
    staged = tmp_path / "staged"
    staged.write_bytes(b"whole, but nobody's")
    blobs.adopt(staged, abandoned)

    if cleaner == "start":
        assert finish_tombstones(each_storage, blobs) == 1
    else:
        sweep = sweep_task(each_storage, blobs, clock, frozenset)
        await sweep.run()
        assert stored(blobs) == {own, abandoned}  # young: its row may still come
        clock.advance(SWEEP_AGE.total_seconds() + 1)
        await sweep.run()

    assert (stored(blobs), entombed(each_storage)) == ({own}, 0)
    assert (await alice.get(f"{ROOT}/i/{workflow_id}/thumbnail")).status == 200


async def test_a_file_that_is_lost_or_damaged_is_gone(alice: ApiClient, blobs: FilesystemBlobStore) -> None:
    workflow_id = await made(alice)
    await put(alice, workflow_id)
    [key] = stored(blobs)
    path = blobs.path(key)
    path.write_bytes(path.read_bytes()[:-1])
    answer = await alice.get(f"{ROOT}/i/{workflow_id}/thumbnail")
    assert (answer.status, workflow_id in answer.detail) == (410, True)
    path.unlink()
    assert (await alice.get(f"{ROOT}/i/{workflow_id}/thumbnail")).status == 410


async def test_a_disk_that_is_full_is_told_and_leaves_the_old_one(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id = await made(alice)
    await put(alice, workflow_id)
    before = stored(blobs)

    def full(staged: Path, key: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "adopt", full)
        answer = await put(alice, workflow_id)
    assert (answer.status, "No space left" in answer.detail) == (503, True)
    assert (stored(blobs), entombed(each_storage)) == (before, 0)
    assert (await alice.get(f"{ROOT}/i/{workflow_id}/thumbnail")).status == 200
