"""Images change hands and go with their owner, on whatever boards they are and also out of the trash."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.audit.record import Origin
from invoke_host.blobs.tables import tombstones
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.images import moves, trash
from invoke_host.images.drift import drift
from invoke_host.images.ownership import OWNED
from invoke_host.images.tables import image_counts, images
from invoke_host.images.tombstones import keys_of
from tests.images.conftest import ALICE, BOB, NOW, Gallery


def put(gallery: Gallery, access: AccessEngine, actor: Actor, names: list[str]) -> None:
    by = {"origin": Origin.of(actor, None), "now": NOW}
    assert gallery.storage.run_write(trash.delete_images, access, actor, names, **by).result.done == names


def owners(conn: Connection) -> dict[str, str]:
    return {row.name: row.user_id for row in conn.execute(select(images.c.name, images.c.user_id))}


def filled(gallery: Gallery, access: AccessEngine) -> tuple[str, list[str]]:
    """A board of Bob's, and three images of Alice's: loose, on that board, in the trash off that board."""
    board = gallery.add_board(BOB, "public")
    loose, on_board, deleted = gallery.add(), gallery.add(board_id=board), gallery.add(board_id=board, starred=True)
    gallery.add(BOB, board_id=board)
    put(gallery, access, ALICE, [deleted])
    return board, [loose, on_board, deleted]


def told(gallery: Gallery, after: int) -> list[tuple[str, Any, Any]]:
    found = gallery.storage.run_read(events.read_after, after, 100)
    return [(event.kind, event.audience, event.board_id) for event in found]


def test_all_images_change_hands_where_they_are(each_gallery: Gallery, access: AccessEngine) -> None:
    storage = each_gallery.storage
    board, names = filled(each_gallery, access)
    before = storage.run_read(events.span).last
    assert storage.run_read(OWNED.count, "alice") == 3

    assert storage.run_write(OWNED.transfer, "alice", "carol", now=NOW) == 3

    assert {storage.run_read(owners)[name] for name in names} == {"carol"}
    assert storage.run_read(drift) == []
    assert (storage.run_read(OWNED.count, "alice"), storage.run_read(OWNED.count, "carol")) == (0, 3)
    assert told(each_gallery, before) == [
        (RESYNC, "alice", None),
        (RESYNC, "carol", None),
        (RESYNC, None, board),
    ]


def test_a_purge_takes_images_from_boards_and_trash_and_entombs_their_files(
    each_gallery: Gallery, access: AccessEngine
) -> None:
    storage = each_gallery.storage
    board, names = filled(each_gallery, access)
    before = storage.run_read(events.span).last

    assert storage.run_write(OWNED.purge, "alice", now=NOW) == 3

    assert set(storage.run_read(owners).values()) == {"bob"}
    assert storage.run_read(drift) == []
    kept = storage.run_read(lambda conn: set(conn.scalars(select(image_counts.c.user_id))))
    assert kept == {"bob"}, "no counter refers to who leaves"
    entombed = storage.run_read(lambda conn: set(conn.scalars(select(tombstones.c.key))))
    assert entombed == {key for name in names for key in keys_of(name)}
    assert told(each_gallery, before) == [(RESYNC, None, board)]


def test_the_new_owner_restores_what_the_old_one_deleted(each_gallery: Gallery, access: AccessEngine) -> None:
    storage = each_gallery.storage
    board, (_, _, deleted) = filled(each_gallery, access)
    storage.run_write(OWNED.transfer, "alice", "bob", now=NOW)

    restored = storage.run_write(trash.restore, access, BOB, [deleted], now=NOW)

    assert (restored.done, restored.boards) == ([deleted], [board])
    assert storage.run_write(moves.detach, access, BOB, [deleted], now=NOW).done == [deleted]
    assert storage.run_read(drift) == []
