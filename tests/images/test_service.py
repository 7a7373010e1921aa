"""The service: what happens beside the transaction."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select

from invoke_host import faults
from invoke_host.access.engine import AccessEngine
from invoke_host.api import NotFound
from invoke_host.clock import timestamp
from invoke_host.events import store as events
from invoke_host.images import tables, tombstones
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.query import Filters, ListQuery, Order
from invoke_host.images.service import ImageService
from tests.images.conftest import ADMIN, ALICE, BOB, Gallery


@pytest.fixture
def service(each_gallery: Gallery, access: AccessEngine) -> ImageService:
    return ImageService(each_gallery.storage, each_gallery.blobs, access, each_gallery.clock)


async def test_a_crash_after_the_commit_of_a_deletion_leaves_files_that_the_next_start_removes(
    each_gallery: Gallery, service: ImageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, kept = each_gallery.add(), each_gallery.add()
    monkeypatch.setattr(faults, "_ARMED", {"delete.after_commit": ("raise", 1)})
    monkeypatch.setattr(faults, "_PASSED", {})

    with pytest.raises(OSError, match=r"delete\.after_commit"):
        await service.delete(ALICE, name)

    with pytest.raises(NotFound):
        await service.get(ALICE, name)
    assert image_key(name) in each_gallery.files()
    assert tombstones.finish_tombstones(each_gallery.storage, each_gallery.blobs) == 2
    assert each_gallery.files() == {image_key(kept), thumbnail_key(kept)}


async def test_everything_deletable_is_deleted_step_by_step_with_files(
    each_gallery: Gallery, service: ImageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invoke_host.images import bulk

    monkeypatch.setattr(bulk, "STEP", 3)
    mine = [each_gallery.add() for _ in range(7)]
    foreign = each_gallery.add(BOB)

    assert (await service.delete_uncategorized(ALICE)).deleted == mine
    assert each_gallery.files() == {image_key(foreign), thumbnail_key(foreign)}
    assert (await service.delete_uncategorized(ALICE)).deleted == []
    assert (await service.delete_uncategorized(ADMIN)).deleted == [foreign]
    assert each_gallery.files() == set()


async def test_pages_at_any_offset_and_with_any_filter_come_through_the_service(
    each_gallery: Gallery, service: ImageService
) -> None:
    names = each_gallery.add_rows(30, metadata='{"positive_prompt": "a pear"}')[::-1]

    page = await service.page(ALICE, ListQuery(Filters(search="PEAR"), Order(), 5, 20))
    assert [image["image_name"] for image in page.items] == names[20:25]
    deep = await service.page(ALICE, ListQuery(Filters(), Order(), 5, 9_999))
    assert (deep.items, deep.total, deep.next_cursor) == ([], 30, None)
    with pytest.raises(NotFound):
        await service.page(ALICE, ListQuery(), board_id="unknown")


async def test_a_change_writes_one_event_for_each_owner(each_gallery: Gallery, service: ImageService) -> None:
    mine, foreign = each_gallery.add(), each_gallery.add(BOB)
    before = each_gallery.storage.run_read(events.span).last

    await service.star(ADMIN, [mine, foreign], starred=True)

    told = each_gallery.storage.run_read(events.read_after, before, 10)
    assert [(event.audience, event.payload["updated"]) for event in told] == [("alice", [mine]), ("bob", [foreign])]


async def test_files_that_could_not_be_removed_are_removed_later_without_a_restart(
    each_gallery: Gallery, service: ImageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, blobs = each_gallery.clock, each_gallery.blobs
    sweep = tombstones.sweep_task(each_gallery.storage, blobs, clock, frozenset)
    name, kept = each_gallery.add(), each_gallery.add()

    def refuse(key: str) -> None:
        raise PermissionError(key)

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "delete", refuse)
        await service.delete(ALICE, name)
        clock.advance(tombstones.SWEEP_AGE.total_seconds() + 1)
        await sweep.run()  # it does not give up on what it can't remove, nor forget it
    assert image_key(name) in each_gallery.files()
    each_gallery.storage.run_write(tombstones.entomb, [kept], now=timestamp(clock.now()))

    await sweep.run()

    assert each_gallery.files() == {image_key(kept), thumbnail_key(kept)}
    assert each_gallery.storage.run_read(buried) == set(tombstones.keys_of(kept))  # too young to be looked at
    clock.advance(tombstones.SWEEP_AGE.total_seconds() + 1)
    await sweep.run()
    assert each_gallery.files() == {image_key(kept), thumbnail_key(kept)}  # it has a row
    assert each_gallery.storage.run_read(buried) == set()


def buried(conn: Connection) -> set[str]:
    return set(conn.scalars(select(tables.tombstones.c.key)))
