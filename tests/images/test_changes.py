"""Changing and deleting images: rows, counters, tombstones and events move together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Event, Forbidden, NotFound, StorageConflict
from invoke_host.events import store as events
from invoke_host.images import bulk, counts, listing, rows, store, tombstones
from invoke_host.images.names import image_key, name_of_key, new_name, thumbnail_key
from invoke_host.images.query import Filters
from invoke_host.images.store import Patch, SavedOutput
from invoke_host.images.tables import images
from invoke_host.images.tables import tombstones as tombstone_table
from invoke_host.storage import Storage
from tests.images.conftest import ADMIN, ALICE, BOB, NOW, Gallery


def told(storage: Storage, after: int = 0) -> list[Event]:
    return storage.run_read(events.read_after, after, 1000)


def entombed(conn: Connection) -> set[str]:
    return set(conn.scalars(select(tombstone_table.c.key)))


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
    assert storage.run_read(rows.metadata, access, ALICE, name) == {"positive_prompt": "a red apple"}
    assert storage.run_read(entombed) == set()
    assert storage.run_read(counts.drift) == []
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
    assert storage.run_read(counts.drift) == []
    assert len(told(storage)) == 2


def test_deleting_removes_row_and_counts_entombs_the_files_and_tells_the_owner(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    keep, gone = each_gallery.add(), each_gallery.add()
    before = told(storage)[-1].id or 0

    storage.run_write(store.delete_one, access, ADMIN, gone, now=NOW)

    assert storage.run_read(number_of_rows) == 1
    assert storage.run_read(entombed) == {image_key(gone), thumbnail_key(gone)}
    assert storage.run_read(counts.drift) == []
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
    storage.run_write(store.delete_one, access, ALICE, deleted, now=NOW)

    assert tombstones.finish_tombstones(storage, blobs) == 4
    assert tombstones.finish_tombstones(storage, blobs) == 0

    assert each_gallery.files() == {image_key(finished), thumbnail_key(finished)}
    assert storage.run_read(entombed) == set()


def test_more_tombstones_than_one_step_takes_are_all_finished(gallery: Gallery) -> None:
    names = [gallery.name() for _ in range(450)]
    gallery.storage.run_write(tombstones.entomb, names, now=NOW)

    assert tombstones.finish_tombstones(gallery.storage, gallery.blobs) == 900
    assert gallery.storage.run_read(entombed) == set()


def test_a_file_that_can_not_be_removed_keeps_its_tombstone(gallery: Gallery, access: AccessEngine) -> None:
    name = gallery.add()
    path = gallery.blobs.path(image_key(name))
    path.unlink()
    path.mkdir()  # unlink of a folder fails, for root too
    gallery.storage.run_write(store.delete_one, access, ALICE, name, now=NOW)

    assert tombstones.remove_files(gallery.blobs, [name]) == []
    tombstones.finish_tombstones(gallery.storage, gallery.blobs)

    assert gallery.storage.run_read(entombed) == {image_key(name)}


CHANGES: dict[str, Callable[[Connection, AccessEngine, Actor, str], Any]] = {
    "patch": lambda conn, access, actor, name: store.patch(conn, access, actor, name, Patch(starred=True), now=NOW),
    "delete": lambda conn, access, actor, name: store.delete_one(conn, access, actor, name, now=NOW),
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

    assert storage.run_write(store.set_starred, access, ALICE, asked, True, now=NOW) == [second, first]
    assert storage.run_write(store.set_starred, access, ALICE, asked, True, now=NOW) == [second, first]
    assert storage.run_read(counts.drift) == []
    assert storage.run_write(store.delete_images, access, ALICE, asked, now=NOW) == [second, first]

    assert not storage.run_read(rows.get, access, BOB, foreign)["starred"]
    assert [event.audience for event in told(storage)] == ["alice", "alice", "bob", "alice", "alice"]


def test_starring_what_is_starred_tells_nobody(gallery: Gallery, access: AccessEngine) -> None:
    name = gallery.add(starred=True)
    before = told(gallery.storage)

    gallery.storage.run_write(store.set_starred, access, ALICE, [name], True, now=NOW)
    gallery.storage.run_write(store.patch, access, ALICE, name, Patch(starred=True, category="general"), now=NOW)

    assert told(gallery.storage) == before


def test_a_patch_moves_the_image_between_counters(each_gallery: Gallery, access: AccessEngine) -> None:
    storage, name = each_gallery.storage, each_gallery.add()

    change = Patch(category="mask", is_intermediate=True, starred=True, session_id="mine")
    storage.run_write(store.patch, access, ALICE, name, change, now="2026-11-23 07:00:00.000")

    image = storage.run_read(rows.get, access, ALICE, name)
    changed = ("image_category", "is_intermediate", "starred", "session_id", "updated_at")
    assert [image[key] for key in changed] == ["mask", True, True, "mine", "2026-11-23 07:00:00.000"]
    assert storage.run_read(counts.drift) == []
    (stream,) = storage.run_read(listing.streams, access, ALICE, Filters())
    assert (stream.category, stream.is_intermediate, stream.starred, stream.count) == ("mask", True, True, 1)


def test_seeing_is_not_enough_to_change(gallery: Gallery) -> None:
    from sqlalchemy import true

    from invoke_host.access.policies.owner import OwnerPolicy
    from invoke_host.api import Grant, Policy
    from invoke_host.images.access import ACTIONS, RESOURCE

    class EverybodySees(Policy):
        name = "everybody sees"

        def grant(self, actor: Actor, action: Any, resource: Any, facts: Any) -> Grant | None:
            return Grant(allow=true()) if action.see else None

    access = AccessEngine(ACTIONS, [RESOURCE], [OwnerPolicy(), EverybodySees()])
    name = gallery.add(BOB)

    for change in CHANGES.values():
        with pytest.raises(Forbidden):
            gallery.storage.run_write(change, access, ALICE, name)
    assert gallery.storage.run_write(store.set_starred, access, ALICE, [name], True, now=NOW) == []
    assert gallery.storage.run_read(rows.get, access, ALICE, name)["image_name"] == name


def test_a_bulk_deletion_takes_what_was_there_in_steps_and_leaves_what_came_later(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    mine = each_gallery.add_rows(bulk.STEP + 5)
    others = each_gallery.add_rows(3, BOB)
    scope = storage.run_read(bulk.scope)
    later = each_gallery.add_rows(1)

    first = storage.run_write(bulk.delete_step, access, ALICE, scope, intermediates_only=False, now=NOW)
    assert first.names == mine[: bulk.STEP]
    assert first.rest is not None
    second = storage.run_write(bulk.delete_step, access, ALICE, first.rest, intermediates_only=False, now=NOW)

    assert second.names == mine[bulk.STEP :]
    assert second.rest is None
    assert storage.run_read(number_of_rows) == len(others + later)
    assert storage.run_read(counts.drift) == []


def test_images_by_name_come_in_the_order_asked_for_without_what_is_not_visible(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    first, second, foreign = each_gallery.add(), each_gallery.add(), each_gallery.add(BOB)

    found = each_gallery.storage.run_read(rows.by_names, access, ALICE, [second, foreign, "../x", first, second])

    assert [image["image_name"] for image in found] == [second, first, second]


STEPS = st.lists(st.sampled_from(["add", "star", "unstar", "patch", "delete", "fail"]), min_size=1, max_size=25)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.integers(0, 2**32))
def test_counters_equal_the_sums_after_any_history(
    gallery: Gallery, access: AccessEngine, steps: list[str], seed: int
) -> None:
    random, storage = Random(seed), gallery.storage
    names: list[str] = []
    for step in steps:
        some = random.sample(names, min(len(names), 3))
        actor = random.choice([ALICE, BOB, ADMIN])
        if step == "add":
            names += gallery.add_rows(2, actor, starred=random.random() < 0.5, is_intermediate=random.random() < 0.5)
        elif step in ("star", "unstar"):
            storage.run_write(store.set_starred, access, actor, some, step == "star", now=NOW)
        elif step == "delete":
            storage.run_write(store.delete_images, access, actor, some, now=NOW)
        elif some and step == "patch":
            change = Patch(category=random.choice(["general", "mask"]), is_intermediate=random.random() < 0.5)
            _quietly(storage, access, actor, some[0], change)
        elif step == "fail":
            with pytest.raises(RuntimeError):
                storage.run_write(_delete_and_fail, access, some)
    assert storage.run_read(counts.drift) == []


def _quietly(storage: Storage, access: AccessEngine, actor: Actor, name: str, change: Patch) -> None:
    try:
        storage.run_write(store.patch, access, actor, name, change, now=NOW)
    except NotFound:
        return


def _delete_and_fail(conn: Connection, access: AccessEngine, names: list[str]) -> None:
    store.delete_images(conn, access, ADMIN, names, now=NOW)
    raise RuntimeError("after the deletion, before the commit")


def test_names_and_blob_keys_belong_together() -> None:
    name = new_name()

    assert name_of_key(image_key(name)) == name
    assert name_of_key(thumbnail_key(name)) == name
    for key in ("images/zz/" + name, image_key(name) + "x", "other/" + name, name, "", "images/../" + name):
        assert name_of_key(key) is None
    for bad in ("../x.png", "", name.upper(), name + "\n", f"{name}/..", name.replace("png", "webp")):
        with pytest.raises(ValueError, match="not an image name"):
            image_key(bad)
