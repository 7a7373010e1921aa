"""Removing images for good: the row goes in one transaction with the tombstones of its files, the files after it.

So at any instant a file has a row or a tombstone, and what a crash leaves is cleared by the next start or the sweep.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import Connection, delete

from invoke_host.api import BlobStore, StorageError
from invoke_host.audit.record import Origin, Target, append
from invoke_host.faults import failpoint
from invoke_host.images import changes, tombstones
from invoke_host.images.changes import CountedRow
from invoke_host.images.search import index
from invoke_host.images.tables import images
from invoke_host.storage import Storage


def remove(conn: Connection, rows: Sequence[CountedRow], *, now: str) -> None:
    """Delete locked rows, in the trash or not, and entomb their files: `Undertaker.bury` them after the commit."""
    changes.recount(conn, gone=[changes.key_of(row) for row in rows if row.deleted_at is None])
    erase(conn, rows, now=now)


def erase(conn: Connection, rows: Sequence[CountedRow], *, now: str) -> None:
    """The same for rows that are counted out already."""
    if not rows:
        return
    ids, names = [row.id for row in rows], [row.name for row in rows]
    index.remove(conn, ids)
    for some in changes.chunks(ids):
        conn.execute(delete(images).where(images.c.id.in_(some)))
    tombstones.entomb(conn, names, now=now)
    changes.tell(conn, rows, "deleted", now=now)
    failpoint("purge.before_commit")


def record(conn: Connection, origin: Origin, rows: Sequence[CountedRow], *, now: str) -> None:
    """Write into the audit log that somebody removed images of others, one line for each of these."""
    owners = Counter(row.user_id for row in rows if row.user_id != origin.actor_id)
    for owner, count in sorted(owners.items()):
        names = [row.name for row in rows if row.user_id == owner][:_RECORDED]
        append(conn, origin, "image.purge", Target("user", owner), details={"count": count, "images": names}, now=now)


#: Names in one line of the audit log; `count` says how many there were.
_RECORDED = 20


class Undertaker:
    """Removes the files of images whose rows are gone, and then their tombstones."""

    def __init__(self, storage: Storage, blobs: BlobStore) -> None:
        self._storage = storage
        self._blobs = blobs

    async def bury(self, names: Sequence[str]) -> None:
        """Remove the files of these images. What can't be done now, the sweep or the next start does."""
        if not names:
            return
        failpoint("purge.after_commit")
        removed = await asyncio.to_thread(tombstones.remove_files, self._blobs, names)
        failpoint("purge.before_tombstones")
        with suppress(StorageError):  # the images are gone; the tombstones wait for the sweep
            await self._storage.write(tombstones.clear, removed)
