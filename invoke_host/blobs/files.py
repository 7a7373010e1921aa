"""Giving a file to a row and taking it away, so that a crash at any point leaves no file that no row has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from invoke_host.api import Actor, BlobStore, Gone, RequestError, ServiceUnavailable, StorageError
from invoke_host.blobs import tombstones
from invoke_host.blobs.staging import Staging
from invoke_host.clock import Clock, timestamp
from invoke_host.faults import failpoint
from invoke_host.storage import Storage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that a row has, small enough to be compared with its hash before it is sent. `of` names the row."""

    key: str
    sha256: str
    of: str
    size_bytes: None = None

    def gone(self) -> Gone:
        """The error to raise when the file is not what was stored."""
        return Gone(f"The picture of {self.of} is missing or damaged.")


class Files:
    """Gives files to rows and takes them away; the rows' SQL stays with the slice.

    `staging` is shared with everything else that takes files in.
    """

    def __init__(self, storage: Storage, blobs: BlobStore, clock: Clock, staging: Staging) -> None:
        self.blobs = blobs
        self._staging = staging
        self._storage = storage
        self._clock = clock

    def staging(self, actor: Actor) -> AbstractAsyncContextManager[Path]:
        """A folder for the files of a form, gone at the end. Raises TooManyRequests, ServiceUnavailable."""
        return self._staging.folder(actor)

    async def attach(self, staged: Path, key: str, unit: Callable[[Connection], T]) -> T:
        """What `unit` returns: it makes the row say that the file under `key` is its own, in one transaction.

        `key` is new. If `unit` raises, no file stays; after a crash at any point none stays that the row does not name.
        What the row had before is the unit's to entomb, and the caller's to `bury` afterwards.

        Raises:
            ServiceUnavailable: the disk refuses the file, or it took minutes until the transaction came.
        """
        await self._storage.write(tombstones.entomb, [key], now=timestamp(self._clock.now()))
        try:
            await asyncio.to_thread(self.blobs.adopt, staged, key)
            failpoint("attach.after_adopt")
            return await self._storage.write(self._adopted, key, unit)
        except OSError as error:
            await self.bury([key])
            raise ServiceUnavailable(f"the host's disk refused the file: {error.strerror or 'it failed'}") from error
        except RequestError:
            await self.bury([key])
            raise
        # After a StorageError the transaction may have been committed all the same. The sweep looks, and decides.

    def _adopted(self, conn: Connection, key: str, unit: Callable[[Connection], T]) -> T:
        since = timestamp(self._clock.now() - tombstones.INTENT_AGE)
        if not tombstones.stands(conn, key, since=since):
            raise ServiceUnavailable("storing the file took too long; try again")
        tombstones.clear(conn, [key])
        return unit(conn)

    async def bury(self, keys: Sequence[str]) -> None:
        """Remove files that no row has and that are entombed. What can't be done now, the sweep or a start does."""
        if not keys:
            return
        gone = await asyncio.to_thread(tombstones.remove_files, self.blobs, keys)
        with suppress(StorageError):
            await self._storage.write(tombstones.clear, gone)
