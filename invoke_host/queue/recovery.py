"""What a start cleans up after whatever ended the last host: seconds at most, however long queue and gallery are.

Nothing is searched for. Running items are in a small index, attempts have left their staging folders, and files that
may lack a row are named by their tombstones, which were committed before the files got their names.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select
from structlog.typing import FilteringBoundLogger

from invoke_host.api import BlobStore
from invoke_host.blobs.sweep import finish_tombstones
from invoke_host.clock import Clock, timestamp
from invoke_host.images.names import image_key
from invoke_host.images.tables import images
from invoke_host.queue.store import lease
from invoke_host.storage import Storage

#: The newest pictures whose files are looked at: those that a power cut could have cost although they were synced.
RECENT = 64


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """Items put back, items failed for good, folders and files removed; `missing` pictures have lost their file."""

    requeued: int = 0
    failed: int = 0
    staging_removed: int = 0
    files_removed: int = 0
    missing: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """What the operator should know, one sentence each."""
        texts = []
        if self.failed:
            texts.append(f"{self.failed} queue item(s) failed for good: the host ended too often while they were made")
        if self.missing:
            names = ", ".join(self.missing[:3]) + (", ..." if len(self.missing) > 3 else "")
            texts.append(f"{len(self.missing)} of the newest pictures have lost their file ({names})")
        return texts


async def recover(storage: Storage, blobs: BlobStore, *, clock: Clock, log: FilteringBoundLogger) -> RecoveryReport:
    """Clean up before anything is claimed or served. No other host may be using this database and these files."""
    requeued, failed = await storage.write(lease.recover, expired_only=False, now=timestamp(clock.now()))
    staging_removed = await asyncio.to_thread(_drop_staging, blobs)
    files_removed = await asyncio.to_thread(finish_tombstones, storage, blobs)
    recent = await storage.read(_recent)
    missing = await asyncio.to_thread(_missing, blobs, recent)
    report = RecoveryReport(len(requeued), len(failed), staging_removed, files_removed, tuple(missing))
    if report != RecoveryReport():
        log.info("recovered", **asdict(report))
    return report


def _drop_staging(blobs: BlobStore) -> int:
    tokens = blobs.staged()
    for token in tokens:
        blobs.drop_staging(token)
    return len(tokens)


def _recent(conn: Connection) -> list[tuple[str, int]]:
    query = select(images.c.name, images.c.size_bytes).order_by(images.c.id.desc()).limit(RECENT)
    return [(row.name, row.size_bytes) for row in conn.execute(query)]


def _missing(blobs: BlobStore, recent: list[tuple[str, int]]) -> list[str]:
    return [name for name, size_bytes in recent if _size(blobs, name) != size_bytes]


def _size(blobs: BlobStore, name: str) -> int | None:
    try:
        info = blobs.stat(image_key(name))
    except OSError:  # a picture that can't be read must not keep the host from starting
        return None
    return None if info is None else info.size_bytes
