"""What clients were told, and whether the root folder bears it out: the invariants of a host after any crash."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from sqlalchemy import create_engine

from invoke_host.images.drift import drift as image_drift
from invoke_host.queue.store import bookings, counters

from .painter_worker import paint

FINISHED = {"completed", "failed", "canceled"}

#: What items may say that failed on a full disk.
FULL_DISK = ("no_space", "storage_failed")


@dataclass
class Enqueued:
    """One request under one key. `item_ids` None = the answer never came."""

    prompt: str
    seed: int
    count: int
    item_ids: list[int] | None = None
    prepend: bool = False


@dataclass
class Oracle:
    """The answers that clients got."""

    requests: dict[str, Enqueued] = field(default_factory=dict)
    canceled: set[int] = field(default_factory=set)
    #: What may have become of pictures that somebody deleted: live, trash, gone. One word once it was answered.
    fates: dict[str, set[str]] = field(default_factory=dict)
    #: The disk was full at some time, so items may have failed of it.
    full_disk: bool = False

    def problems(self, root: Path, *, finished: bool) -> Iterator[str]:
        """What is wrong in a root folder whose host has stopped; `finished`: it had the time to work everything off."""
        with closing(sqlite3.connect(root / "invoke-host.db")) as db:
            db.row_factory = sqlite3.Row
            yield from _database(db)
            yield from self._items(db, finished=finished)
            yield from self._pictures(db, root / "blobs", finished=finished)
            yield from _counters(db)
        yield from _drift(root / "invoke-host.db")

    def ask(self, name: str, fate: str) -> None:
        """From the question on the picture may have that fate."""
        self.fates.setdefault(name, {"live"}).add(fate)

    def answer(self, name: str, fate: str) -> None:
        """From the answer on it must."""
        self.fates[name] = {fate}

    def _items(self, db: sqlite3.Connection, *, finished: bool) -> Iterator[str]:
        rows = {row["id"]: row for row in db.execute("SELECT * FROM queue_items")}
        told = {item_id for request in self.requests.values() for item_id in request.item_ids or []}
        yield from (f"item {item_id} was acknowledged and is gone" for item_id in sorted(told - set(rows)))
        for key, request in self.requests.items():
            found = db.execute(f"SELECT count(*) FROM queue_items WHERE batch_id IN {_BATCHES}", (key,))
            count = found.fetchone()[0]
            if count != request.count and (request.item_ids is not None or count != 0):
                yield f"the request {key} has {count} items instead of {request.count}"
        for item_id in sorted(self.canceled & set(rows)):
            if rows[item_id]["status"] != "canceled":
                yield f"item {item_id} was answered as canceled and is {rows[item_id]['status']}"
        for row in rows.values():
            if finished and row["status"] not in FINISHED:
                yield f"item {row['id']} is left {row['status']}"
            excuses = {"quarantined", *(FULL_DISK if self.full_disk else ())}
            if row["status"] == "failed" and row["error_type"] not in excuses:
                yield f"item {row['id']} failed: {row['error_type']}: {row['error_message']}"

    def _pictures(self, db: sqlite3.Connection, blobs: Path, *, finished: bool) -> Iterator[str]:
        prompts = {
            item_id: (request.prompt, request.seed + index)
            for request in self.requests.values()
            for index, item_id in enumerate(request.item_ids or [])
        }
        expected: set[str] = set()
        for row in db.execute(
            "SELECT m.*, i.status FROM images m LEFT JOIN queue_items i ON i.id = m.queue_item_id ORDER BY m.id"
        ):
            name = row["name"]
            if row["status"] != "completed":
                yield f"image {name} belongs to an item that is {row['status']}"
            files = [f"images/{name[:2]}/{name}", f"thumbnails/{name[:2]}/{name.removesuffix('.png')}.webp"]
            expected |= set(files)
            for file, column in zip(files, ("sha256", "thumbnail_sha256"), strict=True):
                yield from _file(blobs / file, row[column])
            if row["queue_item_id"] in prompts:
                wanted = hashlib.sha256(paint(*prompts[row["queue_item_id"]])).hexdigest()
                if wanted != row["sha256"]:
                    yield f"image {name} of item {row['queue_item_id']} is another picture than was asked for"
            found = "live" if row["deleted_at"] is None else "trash"
            if found not in self.fates.get(name, {"live"}):
                yield f"image {name} should be {self.fates[name]} and is {found}"
        without = db.execute(
            "SELECT count(*) FROM queue_items WHERE status = 'completed'"
            " AND id NOT IN (SELECT queue_item_id FROM images)"
        ).fetchone()[0]
        least, most = (sum(map(test, self.fates.values())) for test in ({"gone"}.__eq__, {"gone"}.issubset))
        if not least <= without <= most:
            yield f"{without} completed items have no picture; {least} to {most} pictures were to be purged"
        stored = {
            str(path.relative_to(blobs)) for kind in ("images", "thumbnails") for path in blobs.glob(f"{kind}/*/*")
        }
        intended = {row["key"] for row in db.execute("SELECT key FROM tombstones")}
        yield from (f"the file {key} has no row and no tombstone" for key in sorted(stored - expected - intended))
        yield from (f"the file {key} has a tombstone and a row" for key in sorted(expected & intended))
        if finished:
            yield from (f"the tombstone of {key} was left" for key in sorted(intended))
            yield from (f"the staging folder {path.name} was left" for path in (blobs / ".staging").glob("*"))


_BATCHES = "(SELECT id FROM batches WHERE idempotency_key = ?)"


def _file(path: Path, sha256: str) -> Iterator[str]:
    if not path.is_file():
        yield f"{path.name} has a row and no file"
        return
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        yield f"{path.name} is not what its row says"
    Image.open(io.BytesIO(content)).load()


def _database(db: sqlite3.Connection) -> Iterator[str]:
    if (answer := db.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
        yield f"integrity_check: {answer}"
    yield from (f"foreign_key_check: {tuple(row)}" for row in db.execute("PRAGMA foreign_key_check"))
    for row in db.execute(
        "SELECT queue_item_id, output_index FROM images GROUP BY queue_item_id, output_index HAVING count(*) > 1"
    ):
        yield f"two pictures for {tuple(row)}"


def _drift(database: Path) -> Iterator[str]:
    """What the host's own thorough checks say: counters, destinations, lanes, usage windows, pictures."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        for look in (counters.drift, bookings.drift, image_drift):
            yield from look(connection)
    engine.dispose()


def _counters(db: sqlite3.Connection) -> Iterator[str]:
    for name, kept, real in (
        (
            "queue_counts",
            "SELECT queue_id, user_id, status, count FROM queue_counts WHERE count != 0",
            "SELECT queue_id, user_id, status, count(*) FROM queue_items GROUP BY 1, 2, 3",
        ),
        (
            "queue_lanes",
            "SELECT user_id, pending FROM queue_lanes WHERE pending != 0",
            "SELECT user_id, count(*) FROM queue_items WHERE status = 'pending' GROUP BY 1",
        ),
        (
            "queue_lanes, running",
            "SELECT user_id, running FROM queue_lanes WHERE running != 0",
            "SELECT user_id, count(*) FROM queue_items WHERE status = 'in_progress' GROUP BY 1",
        ),
        (
            "image_counts",
            "SELECT user_id, board_id, category, is_intermediate, starred, count FROM image_counts WHERE count != 0",
            (
                "SELECT user_id, ifnull(board_id, 'none'), category, is_intermediate, starred, count(*) FROM images"
                " WHERE deleted_at IS NULL GROUP BY 1, 2, 3, 4, 5"
            ),
        ),
    ):
        found = [sorted(tuple(row) for row in db.execute(query)) for query in (kept, real)]
        if found[0] != found[1]:
            yield f"{name} says {found[0]}, there are {found[1]}"
    found = [
        [row[0] for row in db.execute(query)]
        for query in (
            "SELECT rowid FROM image_search ORDER BY 1",
            "SELECT id FROM images WHERE deleted_at IS NULL ORDER BY 1",
        )
    ]
    if found[0] != found[1]:
        yield f"the search knows the images {found[0]}, there are {found[1]}"
