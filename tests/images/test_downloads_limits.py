"""Archives: how many somebody may have, how big, and what a disk without room makes of them."""

from __future__ import annotations

import asyncio
import errno
import json
import threading

from sqlalchemy import update

from invoke_host.images.downloads import limits, packing
from invoke_host.images.tables import images

from .archives import DOWNLOAD, asked, fetched, left, rows
from .conftest import BOB


async def test_one_user_has_three_archives_at_most_and_others_are_not_concerned(traffic):
    image, theirs = traffic.gallery.add(), traffic.gallery.add(BOB)
    names = [await asked(traffic, image_names=[image]) for _ in range(3)]
    answer = await traffic.as_caller("alice").post(DOWNLOAD, json={"image_names": [image]})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    await asked(traffic, "bob", image_names=[theirs])
    await fetched(traffic, names[0])
    await asked(traffic, image_names=[image])


async def test_images_and_bytes_of_one_archive_are_limited(one, monkeypatch):
    names = one.gallery.add_rows(3)
    monkeypatch.setattr(limits, "MOST_IMAGES", 2)
    answer = await one.as_caller("alice").post(DOWNLOAD, json={"image_names": names})
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "image_names"])
    monkeypatch.setattr(limits, "MOST_IMAGES", 3)
    one.gallery.storage.run_write(lambda conn: conn.execute(update(images).values(size_bytes=2**40)) and None)
    assert (await one.as_caller("alice").post(DOWNLOAD, json={"board_id": "none"})).status == 422


async def test_a_disk_without_room_is_507(one, monkeypatch):
    monkeypatch.setattr(limits, "SPARE_BYTES", 2**62)
    answer = await one.as_caller("alice").post(DOWNLOAD, json={"image_names": [one.gallery.add()]})
    assert (answer.status, rows(one)) == (507, [])


async def test_archives_that_are_being_made_and_wait_count_for_the_room_on_the_disk(one, monkeypatch):
    size, go_on = 100_000, threading.Event()
    image, theirs = one.gallery.add(content=b"x" * size), one.gallery.add(BOB, content=b"x" * size)
    limit_room(monkeypatch, 2 * size)
    original = packing._add
    monkeypatch.setattr(packing, "_add", lambda *args: go_on.wait(10) and original(*args))
    mine = [await one.as_caller("alice").post(DOWNLOAD, json={"image_names": [image]}) for _ in range(2)]
    third = await one.as_caller("bob").post(DOWNLOAD, json={"image_names": [theirs]})
    assert ([answer.status for answer in mine], third.status, len(rows(one))) == ([202, 202], 507, 2)
    go_on.set()
    await one.packed()
    assert (await one.as_caller("bob").post(DOWNLOAD, json={"image_names": [theirs]})).status == 202


async def test_a_disk_that_has_filled_up_by_the_turn_is_told_and_nothing_is_written(one, monkeypatch):
    size, begun, go_on = 100_000, threading.Event(), threading.Event()
    image = one.gallery.add(content=b"x" * size)
    limit_room(monkeypatch, 2 * size)
    original = packing._add

    def slow(*args):
        begun.set()
        go_on.wait(10)
        return original(*args)

    monkeypatch.setattr(packing, "_add", slow)
    for _ in range(2):
        assert (await one.as_caller("alice").post(DOWNLOAD, json={"image_names": [image]})).status == 202
    await asyncio.to_thread(begun.wait, 10)
    limit_room(monkeypatch, size - 1)
    go_on.set()
    await one.packed()
    ((_, text),) = await one.events("bulk_download_error")
    assert "no room" in json.loads(text)["error"]
    assert (sorted(rows(one)), len(left(one))) == (["failed", "ready"], 1)


def limit_room(monkeypatch, size_bytes):
    def check(self, wanted):
        if wanted > size_bytes:
            raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(limits.Room, "_check", check)
