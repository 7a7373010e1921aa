"""What users own changes hands and goes as a whole: no row keeps the old owner, and all counters stay right."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, ForeignKey, func, insert, select

import invoke_host.lineage  # noqa: F401 - registers every table of the host
from invoke_host.blobs.tables import tombstones
from invoke_host.identity.groups.tables import group_members
from invoke_host.identity.sessions.tables import sessions
from invoke_host.identity.tables import identities, users
from invoke_host.identity.tokens.tables import api_tokens
from invoke_host.images.drift import drift as image_drift
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.store import NewImage, insert_image
from invoke_host.images.tables import images
from invoke_host.owned import OWNED
from invoke_host.queue.store import bookings, counters
from invoke_host.queue.tables import batches, queue_items
from invoke_host.storage import Storage
from invoke_host.storage.schema import metadata
from invoke_host.testing.clock import FakeClock
from tests.queue.conftest import ALICE, BOB, NOW, Line, add_users

#: Tables of the room `identity` itself: a user's service removes their rows.
OF_IDENTITY = {table.name for table in (identities, sessions, api_tokens, group_members)}

NAMES = [f"00000000-0000-4000-8000-00000000000{number}.png" for number in range(6)]


def test_every_table_that_refers_to_users_is_owned_by_a_slice_or_by_identity() -> None:
    """A new slice with owners that is not in OWNED would leave orphans: this test finds it.

    What the database itself removes with the user (`ON DELETE CASCADE`) is nothing that one owns.
    """
    referring = {
        table.name
        for table in metadata.tables.values()
        for key in table.foreign_keys
        if isinstance(key, ForeignKey) and key.column.table is users and key.ondelete != "CASCADE"
    }
    owned = [name for each in OWNED for name in each.tables]
    assert len(owned) == len(set(owned))
    assert set(owned) | OF_IDENTITY == referring


@pytest.fixture
def line(each_storage: Storage, clock: FakeClock) -> Line:
    each_storage.run_write(add_users)
    return Line(each_storage, clock)


def rows_of(storage: Storage, user_id: str) -> dict[str, int]:
    """How many rows of each owned table refer to a user."""

    def count(conn: Connection) -> dict[str, int]:
        tables = [metadata.tables[name] for each in OWNED for name in each.tables]
        found = {t.name: conn.scalar(select(func.count()).where(t.c.user_id == user_id)) or 0 for t in tables}
        return {name: rows for name, rows in found.items() if rows}

    return storage.run_read(count)


def drifted(storage: Storage) -> list[str]:
    return storage.run_read(lambda conn: [*counters.drift(conn), *bookings.drift(conn), *image_drift(conn)])


def add_image(storage: Storage, name: str, owner: str, *, starred: bool = False) -> None:
    facts = {"sha256": "0" * 64, "thumbnail_sha256": "1" * 64, "size_bytes": 1, "width": 64, "height": 64}
    storage.run_write(insert_image, NewImage(name=name, user_id=owner, starred=starred, **facts), now=NOW)


def fill(line: Line) -> None:
    """Both have pictures, waiting items and one that runs; Alice also under an idempotency key that Bob uses too."""
    line.add(ALICE, 3, key="same", destination="gallery")
    line.add(BOB, 2, key="same", destination="gallery")
    line.add(ALICE, 2, queue="other")
    line.must_claim()
    for number, name in enumerate(NAMES):
        add_image(line.storage, name, "alice" if number < 4 else "bob", starred=number % 2 == 0)


def transfer(storage: Storage, source: str, target: str) -> dict[str, int]:
    return some(
        storage.run_write(lambda conn: {each.name: each.transfer(conn, source, target, now=NOW) for each in OWNED})
    )


def some(counts: dict[str, int]) -> dict[str, int]:
    """Without the slices in which there is nothing."""
    return {name: count for name, count in counts.items() if count}


def test_everything_changes_hands_and_the_counters_with_it(line: Line) -> None:
    fill(line)
    assert transfer(line.storage, "alice", "bob") == {"queue": 5, "images": 4}
    assert rows_of(line.storage, "alice") == {}
    assert drifted(line.storage) == []
    counts = line.storage.run_read(lambda conn: {each.name: each.count(conn, "bob") for each in OWNED})
    assert some(counts) == {"queue": 7, "images": 6}


def test_who_never_had_anything_gets_a_place_in_line_with_what_they_are_given(line: Line) -> None:
    fill(line)
    transfer(line.storage, "alice", "carol")
    assert drifted(line.storage) == []
    owners = [line.must_claim().user_id for _ in range(6)]
    assert sorted(owners) == ["bob"] * 2 + ["carol"] * 4
    assert owners[:2] != ["carol", "carol"], "the lanes take turns as before"


def test_a_request_key_of_the_source_means_nothing_for_the_target(line: Line) -> None:
    fill(line)
    transfer(line.storage, "alice", "bob")
    keys = line.storage.run_read(lambda conn: conn.scalars(select(batches.c.idempotency_key)).all())
    assert sorted(key or "" for key in keys) == ["", "", "same"]


def test_handing_over_nothing_is_nothing(line: Line) -> None:
    assert transfer(line.storage, "alice", "bob") == {}
    assert rows_of(line.storage, "bob") == {}


def test_stopping_cancels_what_waits_and_what_runs_of_one_user_only(line: Line) -> None:
    fill(line)
    stopped = line.storage.run_write(lambda conn: sum(each.stop(conn, "alice", now=NOW) for each in OWNED))
    assert stopped == 5
    found = line.storage.run_read(
        lambda conn: set(conn.execute(select(queue_items.c.user_id, queue_items.c.status)).tuples().all())
    )
    assert found == {("alice", "canceled"), ("bob", "pending")}
    assert drifted(line.storage) == []
    assert [line.must_claim().user_id for _ in range(2)] == ["bob", "bob"]
    assert line.claim() is None


def test_more_than_one_step_of_items_is_stopped(line: Line) -> None:
    line.add(ALICE, 1203)
    assert line.storage.run_write(OWNED[0].stop, "alice", now=NOW) == 1203
    assert drifted(line.storage) == []


def test_purging_leaves_no_row_and_a_tombstone_for_every_file(line: Line) -> None:
    fill(line)
    gone = line.storage.run_write(lambda conn: {each.name: each.purge(conn, "alice", now=NOW) for each in OWNED})
    assert some(gone) == {"queue": 5, "images": 4}
    assert rows_of(line.storage, "alice") == {}
    assert drifted(line.storage) == []

    def left(conn: Connection) -> tuple[set[str], set[str]]:
        return set(conn.scalars(select(images.c.name))), set(conn.scalars(select(tombstones.c.key)))

    names, keys = line.storage.run_read(left)
    assert names == set(NAMES[4:])
    assert keys == {key for name in NAMES[:4] for key in (image_key(name), thumbnail_key(name))}


def test_a_purge_that_fails_half_way_changes_nothing(line: Line) -> None:
    fill(line)
    before = rows_of(line.storage, "alice")

    def half(conn: Connection) -> None:
        for each in OWNED:
            each.purge(conn, "alice", now=NOW)
        conn.execute(insert(users).values(id="alice", email="x", created_at=NOW, updated_at=NOW))

    with pytest.raises(Exception):  # noqa: B017 - each database has its own words for a key that is there already
        line.storage.run_write(half)
    assert rows_of(line.storage, "alice") == before
    assert drifted(line.storage) == []
