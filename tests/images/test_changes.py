"""Changing and deleting images: rows, counters, tombstones and events move together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Event, Forbidden, NotFound, StorageConflict
from invoke_host.audit.record import Origin
from invoke_host.blobs.sweep import finish_tombstones
from invoke_host.blobs.tables import tombstones as tombstone_table
from invoke_host.events import store as events
from invoke_host.images import bulk, editing, listing, moves, rows, store, tombstones, trash
from invoke_host.images.drift import drift
from invoke_host.images.editing import Patch
from invoke_host.images.names import image_key, name_of_key, new_name, thumbnail_key
from invoke_host.images.nowhere import on_none
from invoke_host.images.query import Filters
from invoke_host.images.store import SavedOutput
from invoke_host.images.tables import images
from invoke_host.storage import Storage
from invoke_host.vocabulary import ACTIONS, RESOURCES
from tests.images.conftest import ADMIN, ALICE, BOB, NOW, Gallery


def told(storage: Storage, after: int = 0) -> list[Event]:
    return storage.run_read(events.read_after, after, 1000)


def entombed(conn: Connection) -> set[str]:
    return set(conn.scalars(select(tombstone_table.c.key)))


def origin(actor: Actor) -> Origin:
    return Origin.of(actor, None)


def number_of_rows(conn: Connection) -> int:
    return conn.scalar(select(func.count()).select_from(images)) or 0


@dataclass(frozen=True)
class Item:
    """The part of a queue item that an image takes over."""

    id: int = 7
    user_id: str = "alice"
    session_id: str = "6f1c0a3e-1111-4222-8333-444455556666"


def saved(name: str, index: int = 0) -> SavedOutput:
    return SavedOutput(name, index, 64, 48, "a" * 64, 123, "b" * 64, {"positive_prompt": "a red apple"})


def test_a_generated_image_is_there_counted_and_told_and_its_intent_is_gone(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage, name = each_gallery.storage, new_name()
    storage.run_write(tombstones.entomb, [name], now=NOW)

    assert storage.run_write(store.insert_generated, item=Item(), output=saved(name), now=NOW) == name

    image = storage.run_read(rows.get, access, ALICE, name)
    assert (image["image_name"], image["width"], image["session_id"]) == (name, 64, Item.session_id)
    assert (image["created_at"], image["image_origin"], image["image_category"]) == (NOW, "internal", "general")
    assert storage.run_read(rows.metadata, access, ALICE, name) == '{"positive_prompt":"a red apple"}'
    assert storage.run_read(entombed) == set()
    assert storage.run_read(drift) == []
    (event,) = told(storage)
    assert (event.kind, event.audience) == ("images_changed", "alice")
    assert event.payload == {"added": [name], "deleted": [], "updated": []}


def test_an_item_never_gets_two_images_of_one_index(each_gallery: Gallery) -> None:
    storage = each_gallery.storage
    storage.run_write(store.insert_generated, item=Item(), output=saved(new_name()), now=NOW)

    with pytest.raises(StorageConflict):
        storage.run_write(store.insert_generated, item=Item(), output=saved(new_name()), now=NOW)
    storage.run_write(store.insert_generated, item=Item(), output=saved(new_name(), index=1), now=NOW)

    assert storage.run_read(number_of_rows) == 2
    assert storage.run_read(drift) == []
    assert len(told(storage)) == 2


def test_deleting_removes_row_and_counts_entombs_the_files_and_tells_the_owner(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    keep, gone = each_gallery.add(), each_gallery.add()
    before = told(storage)[-1].id or 0

    storage.run_write(trash.delete_one, access, ADMIN, gone, origin=origin(ADMIN), now=NOW, keep=False)

    assert storage.run_read(number_of_rows) == 1
    assert storage.run_read(entombed) == {image_key(gone), thumbnail_key(gone)}
    assert storage.run_read(drift) == []
    (event,) = told(storage, before)
    assert (event.audience, event.payload["deleted"]) == ("alice", [gone])
    assert storage.run_read(rows.get, access, ALICE, keep)["image_name"] == keep


def test_after_a_crash_tombstones_with_an_image_are_dropped_and_the_others_take_their_files(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage, blobs = each_gallery.storage, each_gallery.blobs
    finished, deleted, half = each_gallery.add(), each_gallery.add(), each_gallery.name()
    storage.run_write(tombstones.entomb, [finished, half], now=NOW)  # intents, of a save before and after its commit
    staged = blobs.staging("dead") / "file"
    staged.write_bytes(b"renamed, but the transaction never came")
    blobs.adopt(staged, image_key(half))
    storage.run_write(trash.delete_one, access, ALICE, deleted, origin=origin(ALICE), now=NOW, keep=False)

    assert finish_tombstones(storage, blobs) == 4
    assert finish_tombstones(storage, blobs) == 0

    assert each_gallery.files() == {image_key(finished), thumbnail_key(finished)}
    assert storage.run_read(entombed) == set()


def test_more_tombstones_than_one_step_takes_are_all_finished(gallery: Gallery) -> None:
    names = [gallery.name() for _ in range(450)]
    gallery.storage.run_write(tombstones.entomb, names, now=NOW)

    assert finish_tombstones(gallery.storage, gallery.blobs) == 900
    assert gallery.storage.run_read(entombed) == set()


def test_a_file_that_can_not_be_removed_keeps_its_tombstone(gallery: Gallery, access: AccessEngine) -> None:
    name = gallery.add()
    path = gallery.blobs.path(image_key(name))
    path.unlink()
    path.mkdir()  # unlink of a folder fails, for root too
    gallery.storage.run_write(trash.delete_one, access, ALICE, name, origin=origin(ALICE), now=NOW, keep=False)

    assert tombstones.remove_files(gallery.blobs, [name]) == []
    finish_tombstones(gallery.storage, gallery.blobs)

    assert gallery.storage.run_read(entombed) == {image_key(name)}


#: No board has it.
BOARD = "00000000-0000-4000-8000-000000000000"

CHANGES: dict[str, Callable[[Connection, AccessEngine, Actor, str], Any]] = {
    "patch": lambda conn, access, actor, name: editing.patch(conn, access, actor, name, Patch(starred=True), now=NOW),
    "delete": lambda conn, access, actor, name: trash.delete_one(
        conn, access, actor, name, origin=origin(actor), now=NOW
    ),
    "place": lambda conn, access, actor, name: moves.place_one(conn, access, actor, BOARD, name, now=NOW),
    "detach": lambda conn, access, actor, name: moves.detach_one(conn, access, actor, name, now=NOW),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("name", ["unknown", "foreign", "../../etc/passwd", "", "x" * 5000, "a\0b"])
def test_what_is_not_visible_can_not_be_changed_and_looks_like_what_does_not_exist(
    gallery: Gallery, access: AccessEngine, change: Callable[..., Any], name: str
) -> None:
    foreign = gallery.add(BOB)
    asked = {"unknown": gallery.name(), "foreign": foreign}.get(name, name)

    with pytest.raises(NotFound) as refused:
        gallery.storage.run_write(change, access, ALICE, asked)

    assert len(refused.value.detail) < 200
    assert gallery.storage.run_read(number_of_rows) == 1
    assert not gallery.storage.run_read(rows.get, access, BOB, foreign)["starred"]


def test_lists_of_names_act_on_the_callers_own_and_say_which(each_gallery: Gallery, access: AccessEngine) -> None:
    storage = each_gallery.storage
    first, second, foreign = each_gallery.add(), each_gallery.add(), each_gallery.add(BOB)
    asked = [second, foreign, "../x", each_gallery.name(), first, second]

    left = [foreign, "../x", asked[3]]
    for _ in range(2):
        starred = storage.run_write(editing.set_starred, access, ALICE, asked, True, now=NOW)
        assert (starred.done, starred.failed, starred.boards) == ([second, first], left, [])
    assert storage.run_read(drift) == []
    deleted = storage.run_write(trash.delete_images, access, ALICE, asked, origin=origin(ALICE), now=NOW)
    assert (deleted.result.done, deleted.result.failed, deleted.gone) == ([second, first], left, [])

    assert not storage.run_read(rows.get, access, BOB, foreign)["starred"]
    assert [event.audience for event in told(storage)] == ["alice", "alice", "bob", "alice", "alice"]


def test_starring_what_is_starred_tells_nobody(gallery: Gallery, access: AccessEngine) -> None:
    name = gallery.add(starred=True)
    before = told(gallery.storage)

    gallery.storage.run_write(editing.set_starred, access, ALICE, [name], True, now=NOW)
    gallery.storage.run_write(editing.patch, access, ALICE, name, Patch(starred=True, category="general"), now=NOW)

    assert told(gallery.storage) == before


def test_a_patch_moves_the_image_between_counters(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, name = each_gallery.storage, each_gallery.add()

    change = Patch(category="mask", is_intermediate=True, starred=True, session_id="mine")
    storage.run_write(editing.patch, access, ALICE, name, change, now="2026-11-23 07:00:00.000")

    image = storage.run_read(rows.get, access, ALICE, name)
    changed = ("image_category", "is_intermediate", "starred", "session_id", "updated_at")
    assert [image[key] for key in changed] == ["mask", True, True, "mine", "2026-11-23 07:00:00.000"]
    assert storage.run_read(drift) == []
    (stream,) = storage.run_read(listing.streams, access, ALICE, Filters())
    assert (stream.category, stream.is_intermediate, stream.starred, stream.count) == ("mask", True, True, 1)


def test_seeing_is_not_enough_to_change(gallery: Gallery) -> None:
    from sqlalchemy import true

    from invoke_host.access.policies.owner import OwnerPolicy
    from invoke_host.api import Grant, Policy

    class EverybodySees(Policy):
        name = "everybody sees"

        def grant(self, actor: Actor, action: Any, resource: Any, facts: Any) -> Grant | None:
            return Grant(allow=true()) if action.see else None

    access = AccessEngine(ACTIONS, RESOURCES, [OwnerPolicy(), EverybodySees()])
    name = gallery.add(BOB)

    for kind in ("patch", "delete", "detach"):
        with pytest.raises(Forbidden):
            gallery.storage.run_write(CHANGES[kind], access, ALICE, name)
    assert gallery.storage.run_write(editing.set_starred, access, ALICE, [name], True, now=NOW).done == []
    assert gallery.storage.run_read(rows.get, access, ALICE, name)["image_name"] == name


def test_a_bulk_deletion_takes_what_was_there_in_steps_and_leaves_what_came_later(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    mine = each_gallery.add_rows(bulk.STEP + 5)
    others = each_gallery.add_rows(3, BOB)
    scope = storage.run_read(bulk.scope)
    later = each_gallery.add_rows(1)

    which, by = on_none(access, ALICE), {"origin": origin(ALICE), "now": NOW, "keep": False}
    first = storage.run_write(bulk.delete_step, access, ALICE, scope, which, **by)
    assert first.discarded.result.done == mine[: bulk.STEP]
    assert sorted(first.discarded.gone) == sorted(mine[: bulk.STEP])
    assert first.rest is not None
    second = storage.run_write(bulk.delete_step, access, ALICE, first.rest, which, **by)

    assert second.discarded.result.done == mine[bulk.STEP :]
    assert second.rest is None
    assert storage.run_read(number_of_rows) == len(others + later)
    assert storage.run_read(drift) == []


def test_images_by_name_come_in_the_order_asked_for_without_what_is_not_visible(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    first, second, foreign = each_gallery.add(), each_gallery.add(), each_gallery.add(BOB)

    found = each_gallery.storage.run_read(rows.by_names, access, ALICE, [second, foreign, "../x", first, second])

    assert [image["image_name"] for image in found] == [second, first, second]


def test_names_and_blob_keys_belong_together() -> None:
    name = new_name()

    assert name_of_key(image_key(name)) == name
    assert name_of_key(thumbnail_key(name)) == name
    for key in ("images/zz/" + name, image_key(name) + "x", "other/" + name, name, "", "images/../" + name):
        assert name_of_key(key) is None
    for bad in ("../x.png", "", name.upper(), name + "\n", f"{name}/..", name.replace("png", "webp")):
        with pytest.raises(ValueError, match="not an image name"):
            image_key(bad)
