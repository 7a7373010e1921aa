"""Archives: what was not to be seen any more when it was fetched."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert, update

from invoke_host.boards.tables import board_grants, boards
from invoke_host.images.downloads import service
from invoke_host.images.tables import images

from .archives import DOWNLOAD, asked, fetched, left, rows
from .conftest import ALICE, BOB


def revoked(conn, image):
    conn.execute(delete(board_grants))


def made_private(conn, image):
    conn.execute(update(boards).values(visibility="private"))


def moved_off(conn, image):
    conn.execute(update(images).where(images.c.name == image).values(board_id=None))


def trashed(conn, image):
    conn.execute(update(images).where(images.c.name == image).values(deleted_at="2026-11-23 06:00:00.000"))


def purged(conn, image):
    conn.execute(delete(images).where(images.c.name == image))


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("change", [revoked, made_private, moved_off, trashed, purged])
async def test_a_finished_archive_of_what_is_not_to_be_seen_any_more_is_410_and_removed(traffic, change, method):
    board = traffic.gallery.add_board(ALICE, "private" if change is revoked else "shared")
    if change is revoked:
        times = dict.fromkeys(("created_at", "updated_at"), "2026-11-23 06:00:00.000")
        grant = {"board_id": board, "user_id": "bob", "role": "viewer", **times}
        traffic.gallery.storage.run_write(lambda conn: conn.execute(insert(board_grants).values(grant)) and None)
    image, own = traffic.gallery.add(board_id=board), traffic.gallery.add(BOB)
    name = await asked(traffic, "bob", image_names=[own, image])
    others = await asked(traffic, "bob", image_names=[own])
    traffic.gallery.storage.run_write(lambda conn: change(conn, image))
    answer = await getattr(traffic.as_caller("bob"), method)(f"{DOWNLOAD}/{name}")
    assert answer.status == 410
    assert method == "head" or "ask for another archive" in answer.detail
    assert (rows(traffic), len(left(traffic))) == (["ready"], 1)
    assert (await traffic.as_caller("bob").get(f"{DOWNLOAD}/{name}")).status == 404
    assert list(await fetched(traffic, others, "bob")) == [own]


async def test_an_own_archive_is_kept_whatever_becomes_of_the_board_and_each_image_is_asked_for(one, monkeypatch):
    monkeypatch.setattr(service.store, "_CHUNK", 2)
    board = one.gallery.add_board(ALICE)
    names = [one.gallery.add(board_id=board) for _ in range(5)]
    name = await asked(one, image_names=names)
    one.gallery.storage.run_write(lambda conn: conn.execute(update(images).values(board_id=None)) and None)
    assert list(await fetched(one, name)) == names
    name = await asked(one, image_names=names)
    one.gallery.storage.run_write(lambda conn: purged(conn, names[4]))
    assert (await one.as_caller("alice").get(f"{DOWNLOAD}/{name}")).status == 410


async def test_images_in_the_trash_are_in_no_archive(one):
    image = one.gallery.add()
    one.gallery.storage.run_write(
        lambda conn: conn.execute(update(images).values(deleted_at="2026-11-23 06:00:00.000")) and None
    )
    assert (await one.as_caller("alice").post(DOWNLOAD, json={"image_names": [image]})).status == 404
