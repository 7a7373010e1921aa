"""Removes files that no row uses and a tombstone names: all of them at a start, and old ones while the host runs.

Young tombstones are left to whoever wrote them: they are intents, or files that are just being removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from invoke_host.api import BackgroundTask, BlobStore
from invoke_host.blobs import tombstones
from invoke_host.blobs.keepers import KEEPERS
from invoke_host.blobs.tombstones import SWEEP_AGE
from invoke_host.clock import Clock, timestamp
from invoke_host.images.names import name_of_key

if TYPE_CHECKING:
    from invoke_host.storage import Storage


def finish_tombstones(storage: Storage, blobs: BlobStore) -> int:
    """Clear every tombstone left by a crash, before anything is generated or served; returns how many files went.

    A file that can't be removed (the disk is read-only, say) keeps its tombstone for the next start.
    """
    removed = 0
    after = ""
    while keys := storage.run_read(tombstones.after, after, None):
        after = keys[-1]
        used = storage.run_read(in_use, keys)
        gone = tombstones.remove_files(blobs, [key for key in keys if key not in used])
        removed += len(gone)
        storage.run_write(tombstones.clear, [*used, *gone])
    return removed


def sweep_task(
    storage: Storage,
    blobs: BlobStore,
    clock: Clock,
    saving: Callable[[], Collection[str]],
    interval_s: float = SWEEP_AGE.total_seconds(),
) -> BackgroundTask:
    """Repeated work that removes files whose removal failed before. A file that still can't be removed waits on.

    `saving` says which images are being stored. However long that takes (the database may be locked for hours), their
    tombstones are intents, and their rows may come at any moment.
    """

    async def sweep() -> None:
        before, after = timestamp(clock.now() - SWEEP_AGE), ""
        while keys := await storage.read(tombstones.after, after, before):
            after = keys[-1]
            # Asked after the tombstones were read: whose name is not among these by now is stored or given up.
            spared = saving()
            left = [key for key in keys if name_of_key(key) not in spared]
            used = await storage.read(in_use, left)
            gone = await asyncio.to_thread(tombstones.remove_files, blobs, [key for key in left if key not in used])
            if used or gone:
                await storage.write(tombstones.clear, [*used, *gone])

    return BackgroundTask("remove deleted files", sweep, interval_s)


def in_use(conn: Connection, keys: Collection[str]) -> set[str]:
    """Those of the keys whose files a row uses."""
    used: set[str] = set()
    for folder, keeper in KEEPERS.items():
        if own := [key for key in keys if key.partition("/")[0] == folder]:
            used |= keeper(conn, own)
    return used
