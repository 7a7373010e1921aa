"""Files without a row: those of deleted images, and those of pictures whose row is still to come.

Before a picture's files get their final names, the queue writes their tombstones (an intent); the transaction that
adds the row removes them. Deleting an image writes them with the removal of the row. So at any instant a file under a
final name has a row or a tombstone, and one rule cleans up after any crash: a tombstone whose image exists is dropped,
and any other has its file removed first. A start applies it to all tombstones, and a sweep of the running host to old
ones: those of files that could not be removed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select

from invoke_host.api import BackgroundTask, BlobStore
from invoke_host.clock import Clock, timestamp
from invoke_host.images.names import image_key, name_of_key, thumbnail_key
from invoke_host.images.tables import images, tombstones

if TYPE_CHECKING:
    from invoke_host.storage import Storage

#: Tombstones handled in one transaction; also the number of names in one IN (...).
_CHUNK = 400

#: The sweep leaves younger tombstones to whoever wrote them.
SWEEP_AGE = timedelta(minutes=10)


def keys_of(name: str) -> tuple[str, str]:
    """The blob keys of an image: picture and thumbnail."""
    return image_key(name), thumbnail_key(name)


def entomb(conn: Connection, names: Sequence[str], *, now: str) -> None:
    """Write the tombstones of these images' files."""
    rows = [{"key": key, "created_at": now} for name in names for key in keys_of(name)]
    if rows:
        conn.execute(insert(tombstones), rows)


def clear(conn: Connection, names: Sequence[str]) -> None:
    """Remove the tombstones of these images' files."""
    keys = [key for name in names for key in keys_of(name)]
    for at in range(0, len(keys), _CHUNK):
        conn.execute(delete(tombstones).where(tombstones.c.key.in_(keys[at : at + _CHUNK])))


def remove_files(blobs: BlobStore, names: Sequence[str]) -> list[str]:
    """Remove the files of deleted images; returns the names whose files are gone. Others keep their tombstones."""
    kept = {name for name in names for key in keys_of(name) if not _removed(blobs, key)}
    return [name for name in names if name not in kept]


def finish_tombstones(storage: Storage, blobs: BlobStore) -> int:
    """Clear every tombstone left by a crash, before anything is generated or served; returns how many files went.

    A file that can't be removed (the disk is read-only, say) keeps its tombstone for the next start.
    """
    removed = 0
    after = ""
    while keys := storage.run_read(_after, after, None):
        after = keys[-1]
        adopted = storage.run_read(_with_image, keys)
        gone = _remove_others(blobs, keys, adopted)
        removed += len(gone)
        storage.run_write(_drop, [*adopted, *gone])
    return removed


def sweep_task(
    storage: Storage,
    blobs: BlobStore,
    clock: Clock,
    saving: Callable[[], Collection[str]],
    interval_s: float = SWEEP_AGE.total_seconds(),
) -> BackgroundTask:
    """Repeated work that removes files whose removal failed before. A file that still can't be removed waits on.

    `saving` says which pictures are being stored. However long that takes (the database may be locked for hours), their
    tombstones are intents, and their rows may come at any moment.
    """

    async def sweep() -> None:
        before, after = timestamp(clock.now() - SWEEP_AGE), ""
        while keys := await storage.read(_after, after, before):
            after = keys[-1]
            # Asked after the tombstones were read: whose name is not among these by now is stored or given up.
            spared = saving()
            left = [key for key in keys if name_of_key(key) not in spared]
            adopted = await storage.read(_with_image, left)
            gone = await asyncio.to_thread(_remove_others, blobs, left, adopted)
            if adopted or gone:
                await storage.write(_drop, [*adopted, *gone])

    return BackgroundTask("remove deleted files", sweep, interval_s)


def _remove_others(blobs: BlobStore, keys: Sequence[str], adopted: Collection[str]) -> list[str]:
    return [key for key in keys if key not in adopted and _removed(blobs, key)]


def _removed(blobs: BlobStore, key: str) -> bool:
    try:
        blobs.delete(key)
    except OSError:
        return False
    return True


def _after(conn: Connection, key: str, before: str | None) -> list[str]:
    query = select(tombstones.c.key).where(tombstones.c.key > key).order_by(tombstones.c.key).limit(_CHUNK)
    if before is not None:
        query = query.where(tombstones.c.created_at < before)
    return list(conn.scalars(query))


def _with_image(conn: Connection, keys: Sequence[str]) -> list[str]:
    names = {key: name for key in keys if (name := name_of_key(key)) is not None}
    existing = set(conn.scalars(select(images.c.name).where(images.c.name.in_(set(names.values())))))
    return [key for key, name in names.items() if name in existing]


def _drop(conn: Connection, keys: Sequence[str]) -> None:
    if keys:
        conn.execute(delete(tombstones).where(tombstones.c.key.in_(keys)))
