"""Files without a row: those of deleted things, and those whose row is still to come.

Before a file gets its final name, its tombstone is committed (an intent); the transaction that makes a row use the file
removes it. Whatever takes a file away from its row writes one. So at any instant a file under a final name has a row or
a tombstone, and one rule cleans up after any crash: a tombstone whose key a row uses is dropped, and any other has its
file removed first (`blobs.sweep`). It holds only for keys that are never used twice, so a key has a random part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, insert, select

from invoke_host.api import BlobStore
from invoke_host.blobs.tables import tombstones

#: The sweep leaves younger tombstones alone.
SWEEP_AGE = timedelta(minutes=10)

#: An intent older than this may not be made true any more, long before the sweep can come upon it.
INTENT_AGE = SWEEP_AGE / 2

#: Keys handled in one transaction; also the number of keys in one IN (...).
CHUNK = 400


def entomb(conn: Connection, keys: Sequence[str], *, now: str) -> None:
    """Write the tombstones of these files."""
    if keys:
        conn.execute(insert(tombstones), [{"key": key, "created_at": now} for key in keys])


def clear(conn: Connection, keys: Sequence[str]) -> None:
    """Remove the tombstones of these files."""
    for at in range(0, len(keys), CHUNK):
        conn.execute(delete(tombstones).where(tombstones.c.key.in_(keys[at : at + CHUNK])))


def stands(conn: Connection, key: str, *, since: str) -> bool:
    """True if there is a tombstone of this file, written not before `since`: nobody is removing the file yet."""
    query = select(tombstones.c.key).where(tombstones.c.key == key, tombstones.c.created_at >= since)
    return conn.execute(query).first() is not None


def after(conn: Connection, key: str, before: str | None) -> list[str]:
    """The next keys behind `key`; only those whose tombstones were written before `before`, unless that is None."""
    query = select(tombstones.c.key).where(tombstones.c.key > key).order_by(tombstones.c.key).limit(CHUNK)
    if before is not None:
        query = query.where(tombstones.c.created_at < before)
    return list(conn.scalars(query))


def remove_files(blobs: BlobStore, keys: Sequence[str]) -> list[str]:
    """Remove these files; returns the keys of those that are gone. The others keep their tombstones."""
    return [key for key in keys if _removed(blobs, key)]


def _removed(blobs: BlobStore, key: str) -> bool:
    try:
        blobs.delete(key)
    except OSError:
        return False
    return True
