"""Archives: what their owner may see, packed in the background, fetched once, gone in time."""

from __future__ import annotations

import asyncio
import io
import json
import os
import threading
import zipfile

import aiohttp
import pytest
from sqlalchemy import update

from invoke_host.boards.tables import boards
from invoke_host.images.downloads import packing, service
from invoke_host.images.names import image_key
from invoke_host.images.tables import downloads

from .archives import DOWNLOAD, asked, fetched, left, rows
from .conftest import ALICE, BOB
from .traffic import serving, suspended


async def test_named_images_come_in_one_archive(traffic):
    names = [traffic.gallery.add(content=b"picture %d" % n) for n in range(3)]
    name = await asked(traffic, image_names=[names[2], names[0], names[2]])
    assert await fetched(traffic, name) == {names[2]: b"picture 2", names[0]: b"picture 0"}


async def test_the_answer_says_what_it_is_and_is_not_to_be_kept(one):
    name = await asked(one, image_names=[one.gallery.add()])
    answer = await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="images.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert [entry.compress_type for entry in archive.infolist()] == [zipfile.ZIP_STORED]


async def test_an_archive_that_was_sent_whole_is_gone(one):
    name = await asked(one, image_names=[one.gallery.add()])
    await fetched(one, name)
    assert (await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 404
    assert (rows(one), left(one)) == ([], [])


async def test_who_asks_again_at_once_does_not_get_it_twice(one, monkeypatch):
    """The client has it before the host has removed it; only on another connection is the host quick enough to tell."""
    name = await asked(one, image_names=[one.gallery.add()])
    removing, asking, (taken, archive) = asyncio.Event(), asyncio.Event(), (one.downloads.taken, one.downloads.archive)

    async def taken_later(found):
        await removing.wait()
        await taken(found)

    def asked_for(actor, wanted):
        asking.set()
        return archive(actor, wanted)

    monkeypatch.setattr(one.downloads, "taken", taken_later)
    await fetched(one, name)
    monkeypatch.setattr(one.downloads, "archive", asked_for)
    url, headers = f"{one.client.url}{DOWNLOAD}/{name}", one.as_caller("alice").headers
    async with aiohttp.ClientSession() as session:
        again = asyncio.create_task(session.get(url, headers=headers))
        await asking.wait()
        removing.set()
        assert (await again).status == 404


async def test_head_does_not_use_it_up(one):
    name = await asked(one, image_names=[one.gallery.add()])
    head = await one.as_caller("alice").head(f"{DOWNLOAD}/{name}")
    assert (head.status, head.body) == (200, b"")
    assert len(await fetched(one, name)) == 1


async def test_a_transfer_that_broke_off_can_be_repeated(one):
    content = os.urandom(24 * 1024 * 1024)
    image = one.gallery.add(content=content)
    name = await asked(one, image_names=[image])
    url, headers = f"{one.client.url}{DOWNLOAD}/{name}", one.as_caller("alice").headers
    async with one.client.session.get(url, headers=headers) as response:
        await response.content.read(1000)
        response.close()
    assert (await fetched(one, name))[image] == content


@pytest.mark.parametrize("caller", ["bob", "root"])
async def test_nobody_else_gets_it_administrators_neither(one, caller):
    name = await asked(one, image_names=[one.gallery.add()])
    answer = await one.as_caller(caller).get(f"{DOWNLOAD}/{name}")
    unknown = await one.as_caller(caller).get(f"{DOWNLOAD}/{'x' * 43}.zip")
    assert (answer.status, unknown.status) == (404, 404)
    assert answer.detail.replace(name, "") == unknown.detail.replace("x" * 43 + ".zip", "")
    assert (await one.client.get(f"{DOWNLOAD}/{name}")).status == 401
    assert len(await fetched(one, name)) == 1


@pytest.mark.parametrize(
    "name", ["x.zip", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd.zip", "x" * 5000 + ".zip", "a%00b.zip", ".zip", "x"]
)
async def test_a_name_that_is_none_is_404_and_never_a_path(one, name):
    assert (await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 404


async def test_foreign_images_are_left_out_and_told_like_unknown_ones(traffic):
    mine, theirs, unknown = traffic.gallery.add(), traffic.gallery.add(BOB), traffic.gallery.name()
    answer = await traffic.as_caller("alice").post(DOWNLOAD, json={"image_names": [theirs, mine, unknown, "../x"]})
    assert answer.json()["failed_images"] == [theirs, unknown, "../x"]
    await traffic.packed()
    assert list(await fetched(traffic, answer.json()["bulk_download_item_name"])) == [mine]
    assert (await traffic.as_caller("alice").post(DOWNLOAD, json={"image_names": [theirs]})).status == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"image_names": []}, {"image_names": ["x"], "board_id": "y"}, {"image_names": ["x"] * 5001}, {"other": 1}],
)
async def test_a_wish_is_for_names_or_a_board(one, body):
    assert (await one.as_caller("alice").post(DOWNLOAD, json=body)).status == 422


async def test_a_board_comes_as_a_whole_to_those_who_see_it(traffic):
    board = traffic.gallery.add_board(ALICE, "shared")
    names = {traffic.gallery.add(board_id=board), traffic.gallery.add(BOB, board_id=board)}
    traffic.gallery.add(board_id=board, is_intermediate=True)
    traffic.gallery.add()
    assert set(await fetched(traffic, await asked(traffic, "carol", board_id=board), "carol")) == names
    hidden = traffic.gallery.add_board(ALICE)
    assert (await traffic.as_caller("carol").post(DOWNLOAD, json={"board_id": hidden})).status == 404
    assert (await traffic.as_caller("alice").post(DOWNLOAD, json={"board_id": hidden})).status == 422


async def test_none_is_what_is_on_no_board_and_own_images_on_boards_that_are_not_to_be_seen(traffic):
    lost = traffic.gallery.add_board(BOB)
    shown = traffic.gallery.add_board(ALICE)
    mine = {traffic.gallery.add(), traffic.gallery.add(board_id=lost)}
    traffic.gallery.add(board_id=shown)
    theirs = traffic.gallery.add(BOB)
    assert set(await fetched(traffic, await asked(traffic, board_id="none"))) == mine
    everything = await fetched(traffic, await asked(traffic, "root", board_id="none"), "root")
    assert theirs in everything
    assert len(everything) == 2


async def test_what_is_not_to_be_seen_any_more_when_it_is_packed_is_left_out(traffic, monkeypatch):
    board = traffic.gallery.add_board(ALICE, "shared")
    names = [traffic.gallery.add(BOB), traffic.gallery.add(board_id=board)]
    original = packing._add

    def add_and_close(archive, image, blobs, stop):
        done = original(archive, image, blobs, stop)
        traffic.gallery.storage.run_write(
            lambda conn: conn.execute(update(boards).values(visibility="private")) and None
        )
        return done

    monkeypatch.setattr(packing, "_add", add_and_close)
    name = await asked(traffic, "bob", image_names=names)
    assert list(await fetched(traffic, name, "bob")) == names[:1]


async def test_a_user_who_is_suspended_meanwhile_gets_nothing(one, monkeypatch):
    image = one.gallery.add()
    one.people["alice"] = ALICE
    begun = service.store.begin

    def begin_and_suspend(conn, *args, **options):
        begun(conn, *args, **options)
        one.people["alice"] = suspended(ALICE)

    monkeypatch.setattr(service.store, "begin", begin_and_suspend)
    name = await asked(one, image_names=[image])
    one.people["alice"] = ALICE
    assert (await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 410


async def test_events_go_to_the_owner_from_the_begin_to_the_end(traffic):
    name = await asked(traffic, image_names=[traffic.gallery.add()])
    payload = {
        "bulk_download_id": "default",
        "bulk_download_item_id": name.removesuffix(".zip"),
        "bulk_download_item_name": name,
    }
    for kind in ("bulk_download_started", "bulk_download_complete"):
        ((audience, text),) = await traffic.events(kind)
        assert (audience, json.loads(text)) == ("alice", payload)


async def test_a_damaged_file_is_left_out_and_nothing_at_all_is_an_error(one):
    good, bad, gone = (one.gallery.add(content=b"x" * 50) for _ in range(3))
    one.gallery.blobs.path(image_key(bad)).write_bytes(b"short")
    one.gallery.blobs.delete(image_key(gone))
    assert list(await fetched(one, await asked(one, image_names=[bad, good, gone]))) == [good]
    name = await asked(one, image_names=[bad, gone])
    assert (await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 410
    ((audience, text),) = await one.events("bulk_download_error")
    assert (audience, "error" in json.loads(text), left(one)) == ("alice", True, [])


async def test_it_is_never_served_half_written(one, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    original = packing._add

    def slow(*args):
        begun.set()
        go_on.wait(10)
        return original(*args)

    monkeypatch.setattr(packing, "_add", slow)
    answer = await one.as_caller("alice").post(DOWNLOAD, json={"image_names": [one.gallery.add()]})
    name = answer.json()["bulk_download_item_name"]
    await asyncio.to_thread(begun.wait, 10)
    assert (await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 409
    assert [each.endswith(".part") for each in left(one)] == [True]
    go_on.set()
    await one.packed()
    assert len(await fetched(one, name)) == 1


async def test_an_archive_that_nobody_fetches_goes_in_time(traffic):
    name = await asked(traffic, image_names=[traffic.gallery.add()])
    task = traffic.downloads.expiry_task()
    traffic.gallery.clock.advance(59 * 60)
    await task.run()
    assert (await traffic.as_caller("alice").head(f"{DOWNLOAD}/{name}")).status == 200
    traffic.gallery.clock.advance(2 * 60)
    assert (await traffic.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 404
    await task.run()
    assert (rows(traffic), left(traffic)) == ([], [])


async def test_a_file_that_is_not_what_was_packed_is_410(one):
    name = await asked(one, image_names=[one.gallery.add()])
    (file,) = one.folder.iterdir()
    assert name.removesuffix(".zip") not in file.name
    file.write_bytes(b"something else")
    assert (await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 410


async def test_a_start_removes_what_was_being_made_and_keeps_what_is_ready(gallery, access, tmp_path):
    folder = tmp_path / "downloads"
    async with serving(gallery, access, folder) as running:
        image = gallery.add()
        kept, dropped = [await asked(running, image_names=[image]) for _ in range(2)]

        def crash(conn):
            conn.execute(update(downloads).where(downloads.c.id == dropped[:-4]).values(state="preparing"))

        gallery.storage.run_write(crash)
        (folder / "stray.zip.part").write_bytes(b"half")
        (folder / "stray.zip").write_bytes(b"whole")
        assert len(left(running)) == 4
    async with serving(gallery, access, folder) as running:
        assert len(left(running)) == 1
        assert (await running.as_caller("alice").get(f"{DOWNLOAD}/{dropped}")).status == 404
        assert len(await fetched(running, kept)) == 1


async def test_stopping_gives_up_what_is_being_made(one, monkeypatch):
    begun = threading.Event()

    def endless(archive, image, blobs, stop):
        begun.set()
        stop.wait(10)
        raise packing.StoppedError

    monkeypatch.setattr(packing, "_add", endless)
    await one.as_caller("alice").post(DOWNLOAD, json={"image_names": [one.gallery.add()]})
    await asyncio.to_thread(begun.wait, 10)
    await one.downloads.close()
    assert left(one) == []
