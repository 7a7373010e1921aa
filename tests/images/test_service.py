"""The services: what happens beside the transaction."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, select

from invoke_host import faults
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, NotFound
from invoke_host.audit.record import Origin
from invoke_host.blobs.sweep import SWEEP_AGE, finish_tombstones, sweep_task
from invoke_host.blobs.tables import tombstones as tombstone_table
from invoke_host.clock import timestamp
from invoke_host.events import store as events
from invoke_host.images import bulk, tombstones, trash
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.removal import Undertaker
from invoke_host.images.services.changing import ImageChanger
from invoke_host.images.services.reading import ImageReader
from invoke_host.images.services.trashing import ImageTrash, expiry_task
from tests.images.conftest import ADMIN, ALICE, BOB, Gallery


@dataclass
class Services:
    """The services of a host that keeps a trash, or of one that does not."""

    gallery: Gallery
    access: AccessEngine

    @property
    def undertaker(self) -> Undertaker:
        return Undertaker(self.gallery.storage, self.gallery.blobs)

    @property
    def reader(self) -> ImageReader:
        return ImageReader(self.gallery.storage, self.access)

    @property
    def trash(self) -> ImageTrash:
        gallery = self.gallery
        return ImageTrash(gallery.storage, gallery.blobs, self.access, gallery.clock, self.undertaker)

    def changer(self, *, keep: bool) -> ImageChanger:
        gallery = self.gallery
        return ImageChanger(gallery.storage, self.access, gallery.clock, self.undertaker, keep_deleted=keep)

    async def expire(self, days: int) -> None:
        gallery = self.gallery
        await expiry_task(gallery.storage, gallery.clock, self.undertaker, trash_days=days).run()


@pytest.fixture
def services(each_gallery: Gallery, access: AccessEngine) -> Services:
    return Services(each_gallery, access)


def by(actor: Actor) -> Origin:
    return Origin.of(actor, None)


def files_of(*names: str) -> set[str]:
    return {key for name in names for key in (image_key(name), thumbnail_key(name))}


async def test_a_crash_after_the_commit_of_a_deletion_leaves_files_that_the_next_start_removes(
    each_gallery: Gallery, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, kept = each_gallery.add(), each_gallery.add()
    monkeypatch.setattr(faults, "_ARMED", {"delete.after_commit": ("raise", 1)})
    monkeypatch.setattr(faults, "_PASSED", {})

    with pytest.raises(OSError, match=r"delete\.after_commit"):
        await services.changer(keep=False).delete(ALICE, name, by(ALICE))

    with pytest.raises(NotFound):
        await services.reader.get(ALICE, name)
    assert image_key(name) in each_gallery.files()
    assert finish_tombstones(each_gallery.storage, each_gallery.blobs) == 2
    assert each_gallery.files() == files_of(kept)


async def test_everything_on_no_board_is_deleted_step_by_step(
    each_gallery: Gallery, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "STEP", 3)
    board = each_gallery.add_board(ALICE)
    mine = [each_gallery.add() for _ in range(7)]
    on_board = each_gallery.add(board_id=board)
    foreign = each_gallery.add(BOB)
    changer = services.changer(keep=False)

    assert await changer.delete_uncategorized(ALICE, by(ALICE)) == mine
    assert each_gallery.files() == files_of(on_board, foreign)
    assert await changer.delete_uncategorized(ALICE, by(ALICE)) == []
    assert await changer.delete_uncategorized(ADMIN, by(ADMIN)) == []
    assert await changer.delete_uncategorized(ADMIN, by(ADMIN), everybodys=True) == [foreign]
    assert each_gallery.files() == files_of(on_board)


async def test_intermediate_images_are_gone_at_once_with_their_files_and_never_in_the_trash(
    each_gallery: Gallery, services: Services
) -> None:
    kept, passing, foreign = (
        each_gallery.add(),
        each_gallery.add(is_intermediate=True),
        each_gallery.add(BOB, is_intermediate=True),
    )
    changer = services.changer(keep=True)

    both = await changer.delete_many(ALICE, [kept, passing], by(ALICE))

    assert both.done == [kept, passing]
    assert each_gallery.files() == files_of(kept, foreign)
    assert [image["image_name"] for image in (await services.trash.page(ALICE, limit=9, cursor=None)).items] == [kept]
    assert await changer.clear_intermediates(ADMIN, by(ADMIN)) == 1
    assert each_gallery.files() == files_of(kept)


async def test_a_change_writes_one_event_for_each_owner(each_gallery: Gallery, services: Services) -> None:
    mine, foreign = each_gallery.add(), each_gallery.add(BOB)
    before = each_gallery.storage.run_read(events.span).last

    await services.changer(keep=True).star(ADMIN, [mine, foreign], starred=True)

    told = each_gallery.storage.run_read(events.read_after, before, 10)
    assert [(event.audience, event.payload["updated"]) for event in told] == [("alice", [mine]), ("bob", [foreign])]


async def test_emptying_takes_the_callers_own_in_steps_and_what_was_there_before(
    each_gallery: Gallery, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "STEP", 2)
    mine, foreign, kept = [each_gallery.add() for _ in range(5)], each_gallery.add(BOB), each_gallery.add()
    changer = services.changer(keep=True)
    await changer.delete_many(ADMIN, [*mine, foreign], by(ADMIN))

    assert await services.trash.empty(ALICE) == 5
    assert each_gallery.files() == files_of(foreign, kept)
    assert await services.trash.empty(ALICE) == 0
    assert await services.trash.empty(ADMIN) == 0, "an administrator's trash is what is theirs"


async def test_what_is_old_in_the_trash_goes_by_itself_and_what_is_not_old_enough_stays(
    each_gallery: Gallery, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "STEP", 2)
    clock, changer = each_gallery.clock, services.changer(keep=True)
    old, young, live = [each_gallery.add() for _ in range(3)], each_gallery.add(BOB), each_gallery.add()
    await changer.delete_many(ALICE, old, by(ALICE))
    clock.advance(24 * 3600.0)
    await changer.delete(BOB, young, by(BOB))
    clock.advance(29 * 24 * 3600.0 - 1)
    await services.expire(30)
    assert each_gallery.files() == files_of(*old, young, live)

    clock.advance(2.0)
    await services.expire(30)

    assert each_gallery.files() == files_of(young, live)
    await services.expire(0)
    assert each_gallery.files() == files_of(live), "a host that keeps no trash any more empties the one it had"


@pytest.mark.parametrize("point", ["purge.after_commit", "purge.before_tombstones"])
async def test_a_purge_that_dies_on_its_way_leaves_no_file_without_a_tombstone(
    each_gallery: Gallery, services: Services, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    names, kept = [each_gallery.add() for _ in range(3)], each_gallery.add()
    await services.changer(keep=True).delete_many(ALICE, names, by(ALICE))
    monkeypatch.setattr(faults, "_ARMED", {point: ("raise", 1)})
    monkeypatch.setattr(faults, "_PASSED", {})

    with pytest.raises(OSError, match=point):
        await services.trash.purge(ALICE, names, by(ALICE))

    assert each_gallery.files() - files_of(kept) <= each_gallery.storage.run_read(buried)
    finish_tombstones(each_gallery.storage, each_gallery.blobs)
    assert each_gallery.files() == files_of(kept)
    assert each_gallery.storage.run_read(buried) == set()


async def test_a_purge_that_dies_before_its_commit_changed_nothing(
    each_gallery: Gallery, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = each_gallery.add()
    await services.changer(keep=True).delete(ALICE, name, by(ALICE))
    monkeypatch.setattr(faults, "_ARMED", {"purge.before_commit": ("raise", 1)})
    monkeypatch.setattr(faults, "_PASSED", {})

    with pytest.raises(OSError, match=r"purge\.before_commit"):
        await services.trash.purge(ALICE, [name], by(ALICE))

    assert each_gallery.storage.run_read(buried) == set()
    assert (await services.trash.restore(ALICE, [name])).done == [name]
    assert each_gallery.files() == files_of(name)


async def test_files_that_could_not_be_removed_are_removed_later_without_a_restart(
    each_gallery: Gallery, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, blobs = each_gallery.clock, each_gallery.blobs
    sweep = sweep_task(each_gallery.storage, blobs, clock, frozenset)
    name, kept = each_gallery.add(), each_gallery.add()

    def refuse(key: str) -> None:
        raise PermissionError(key)

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "delete", refuse)
        await services.changer(keep=False).delete(ALICE, name, by(ALICE))
        clock.advance(SWEEP_AGE.total_seconds() + 1)
        await sweep.run()  # it does not give up on what it can't remove, nor forget it
    assert image_key(name) in each_gallery.files()
    each_gallery.storage.run_write(tombstones.entomb, [kept], now=timestamp(clock.now()))

    await sweep.run()

    assert each_gallery.files() == files_of(kept)
    assert each_gallery.storage.run_read(buried) == set(tombstones.keys_of(kept))  # too young to be looked at
    clock.advance(SWEEP_AGE.total_seconds() + 1)
    await sweep.run()
    assert each_gallery.files() == files_of(kept)  # it has a row
    assert each_gallery.storage.run_read(buried) == set()


def buried(conn: Connection) -> set[str]:
    return set(conn.scalars(select(tombstone_table.c.key)))
