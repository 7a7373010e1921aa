"""Pictures of style presets: kept unless taken away, small, private to who sees the preset, and never left behind."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import Connection, update

from invoke_host.api import StorageUnavailable
from invoke_host.blobs import staging
from invoke_host.blobs.sweep import finish_tombstones
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.style_presets import store
from invoke_host.style_presets.ownership import OWNED
from invoke_host.style_presets.service import PICTURE_PX
from invoke_host.style_presets.tables import style_presets
from invoke_host.testing.client import ApiClient
from tests.style_presets.conftest import NOW, ROOT, changed, entombed, files, made, picture, send


async def test_any_picture_becomes_a_small_webp(alice: ApiClient) -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        preset = await made(alice, image=picture((640, 320), kind=kind))
        answer = await alice.get(f"/{preset['image']}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
        shown = Image.open(BytesIO(answer.body))
        assert (shown.format, shown.size) == ("WEBP", (PICTURE_PX, PICTURE_PX // 2))


async def test_browsers_keep_it_and_ask_each_time_whether_they_may_show_it(alice: ApiClient, bob: ApiClient) -> None:
    preset = await made(alice, image=picture(), is_public=True)
    first = await bob.get(f"/{preset['image']}")
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    known = {"If-None-Match": first.headers["ETag"]}
    assert (await bob.get(f"/{preset['image']}", headers=known)).status == 304
    await changed(alice, preset, image=picture(color="red"))
    assert (await bob.get(f"/{preset['image']}", headers=known)).status == 200
    await changed(alice, preset, {"is_public": False})
    assert (await bob.get(f"/{preset['image']}", headers=known)).status == 404


async def test_forms_are_uploads_on_their_way_like_any_other(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = await made(alice)
    monkeypatch.setattr(staging, "MOST_OF_ONE", 0)
    for answer in (
        await send(bob, "POST", f"{ROOT}/", {"name": "x"}, picture()),
        await changed(alice, preset, image=picture()),
        await admin.post(f"{ROOT}/import", data=b"--b--", headers={"Content-Type": "multipart/form-data; boundary=b"}),
    ):
        assert (answer.status, "Retry-After" in answer.headers) == (429, True)


async def test_a_change_without_a_picture_keeps_it(alice: ApiClient) -> None:
    preset = await made(alice, image=picture())
    after = (await changed(alice, preset, {"name": "New"})).json()
    assert after["image"] == preset["image"]
    assert (await alice.get(f"/{preset['image']}")).status == 200


async def test_a_new_picture_has_a_new_address_and_the_old_file_goes(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage
) -> None:
    preset = await made(alice, image=picture(color="red"))
    before = files(blobs)
    after = (await changed(alice, preset, image=picture(color="red"))).json()
    assert after["image"] != preset["image"]
    assert len(files(blobs)) == 1
    assert files(blobs).isdisjoint(before)
    assert entombed(each_storage) == 0


@pytest.mark.parametrize("way", ["field", "route", "delete", "purge"])
async def test_a_picture_that_is_taken_away_leaves_no_file(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage, way: str
) -> None:
    preset = await made(alice, image=picture())
    one = f"{ROOT}/i/{preset['id']}"
    if way == "field":
        assert (await changed(alice, preset, {"remove_image": True})).json()["image"] is None
    elif way == "route":
        assert (await alice.delete(f"{one}/image")).json()["image"] is None
        assert (await alice.delete(f"{one}/image")).status == 200, "and again, with nothing to take away"
    elif way == "delete":
        assert (await alice.delete(one)).status == 200
    else:
        assert each_storage.run_write(OWNED.purge, "alice", now=NOW) == 1
        finish_tombstones(each_storage, blobs)
    assert (await alice.get(f"{one}/image")).status == 404
    assert files(blobs) == set()
    assert entombed(each_storage) == 0


async def test_sending_and_removing_at_once_is_refused(alice: ApiClient) -> None:
    preset = await made(alice, image=picture())
    answer = await changed(alice, preset, {"remove_image": True}, picture())
    assert answer.status == 422
    assert (await alice.get(f"/{preset['image']}")).status == 200


@pytest.mark.parametrize(
    ("image", "status"),
    [
        (b"GIF89a not one of the three", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415),
        (picture()[:200], 422),
        (picture((2000, 1000)), 422),
        (b"\x89PNG" + bytes(11 * 1024 * 1024), 413),
    ],
    ids=["gif", "svg", "cut off", "too many pixels", "too large"],
)
async def test_what_is_no_picture_is_refused_and_nothing_is_made_or_left(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage, image: bytes, status: int
) -> None:
    data = {"name": "x", "positive_prompt": "", "negative_prompt": ""}
    assert (await send(alice, "POST", f"{ROOT}/", data, image)).status == status
    preset = await made(alice, "kept", picture())
    before = files(blobs)
    assert (await changed(alice, preset, {"name": "changed"}, image)).status == status
    assert (await alice.get(f"{ROOT}/i/{preset['id']}")).json() == preset
    assert files(blobs) == before
    assert (blobs.staged(), entombed(each_storage)) == ([], 0)


async def test_who_may_not_change_it_is_refused_before_the_form_is_read(alice: ApiClient, bob: ApiClient) -> None:
    preset = await made(alice, is_public=True)
    answer = await changed(bob, preset, {"nonsense": 1}, b"no picture")
    assert answer.status == 403


async def test_a_file_that_is_missing_or_damaged_is_told_and_the_rest_works(
    alice: ApiClient, blobs: FilesystemBlobStore
) -> None:
    preset = await made(alice, image=picture())
    path = blobs.path(*files(blobs))
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    answer = await alice.get(f"/{preset['image']}")
    assert (answer.status, preset["id"] in answer.detail, "style preset" in answer.detail) == (410, True, True)
    path.unlink()
    assert (await alice.get(f"/{preset['image']}")).status == 410
    after = (await changed(alice, preset, image=picture())).json()
    assert (await alice.get(f"/{after['image']}")).status == 200


async def test_a_transaction_that_fails_leaves_no_file_that_no_row_has(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("locked")

    preset = await made(alice)
    monkeypatch.setattr(store, "change", fail)
    assert (await changed(alice, preset, image=picture())).status == 503
    finish_tombstones(each_storage, blobs)
    assert (files(blobs), blobs.staged(), entombed(each_storage)) == (set(), [], 0)


async def test_what_a_row_has_is_not_removed_with_a_tombstone_left_over(
    alice: ApiClient, blobs: FilesystemBlobStore, each_storage: Storage
) -> None:
    def forget(conn: Connection) -> None:
        conn.execute(update(style_presets).values(image_id=None))

    await made(alice, image=picture())
    [key] = files(blobs)
    each_storage.run_write(lambda conn: store.tombstones.entomb(conn, [key], now=NOW))
    assert finish_tombstones(each_storage, blobs) == 0
    assert files(blobs) == {key}
    each_storage.run_write(forget)
    each_storage.run_write(lambda conn: store.tombstones.entomb(conn, [key], now=NOW))
    assert finish_tombstones(each_storage, blobs) == 1
