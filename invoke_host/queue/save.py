"""The save protocol: a finished picture gets its final name and its row, or neither, whatever crashes in between.

1. The staged files are read and compared with what the worker says it wrote.
2. An intent is committed: tombstones of the final names (`blobs.tombstones`). From here on the next start removes the
   files, unless the row is there.
3. The files are adopted: fsync, rename, fsync of the folder.
4. One transaction: image rows, item completed, counters, event, and the intent is gone; only if the lease still holds.

A lease that does not hold any more (canceled, deleted, taken over) makes the files garbage, which is removed at once.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from structlog.typing import FilteringBoundLogger

from invoke_host.api import BlobStore, ExecutionError, JobOutput, StorageConflict, StorageError
from invoke_host.clock import Clock, timestamp
from invoke_host.faults import failpoint
from invoke_host.images import tombstones
from invoke_host.images.names import image_key, new_name, thumbnail_key
from invoke_host.images.store import SavedOutput
from invoke_host.queue.persist import persist
from invoke_host.queue.placing import Placement, on_no_board
from invoke_host.queue.store import finish
from invoke_host.storage import Storage


class DamagedOutputError(ExecutionError):
    """The staged files are not what the worker says it wrote."""

    code: ClassVar[str] = "damaged_output"


class NoSpaceError(ExecutionError):
    """There is no room for the picture."""

    code: ClassVar[str] = "no_space"


class NotStoredError(ExecutionError):
    """The disk refuses the picture for another reason."""

    code: ClassVar[str] = "storage_failed"


#: Codes of items that failed at a disk. A worker's own are among them: it writes into the same folder.
DISK_CODES = frozenset({NoSpaceError.code, NotStoredError.code, DamagedOutputError.code})


def disk_error(error: OSError) -> ExecutionError:
    """What the owner of the item reads about an error of the disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(
            "There is no space left on the host's disk, so the picture could not be stored. Make room, then retry it."
        )
    return NotStoredError(f"The host's disk refused the picture: {error.strerror or type(error).__name__}.")


@dataclass(frozen=True, slots=True)
class _Picture:
    """A verified output and the name it will have."""

    output: JobOutput
    saved: SavedOutput


@dataclass(frozen=True, slots=True)
class _Ending:
    """What is written of an attempt beside its pictures, and the board that these go on."""

    device: str | None
    engine_s: float
    placement: Placement


class Saver:
    """Stores what an attempt made. Its methods belong to the event loop; files are touched on threads."""

    def __init__(self, storage: Storage, blobs: BlobStore, clock: Clock, log: FilteringBoundLogger) -> None:
        self._storage = storage
        self._blobs = blobs
        self._clock = clock
        self._log = log
        self._names: set[str] = set()

    @property
    def names(self) -> frozenset[str]:
        """Names of pictures that are being stored. Their tombstones are intents and no concern of the sweep."""
        return frozenset(self._names)

    async def save(
        self,
        token: str,
        staging: Path,
        outputs: Sequence[JobOutput],
        *,
        device: str | None,
        engine_s: float,
        placement: Placement = on_no_board,
        is_intermediate: bool = False,
    ) -> Literal["completed", "lost"]:
        """Store the outputs and complete the item that this lease is on; "lost" if it does not hold any more.

        A database that is locked or away is waited for. If this is canceled, the next start cleans up.

        Raises:
            ExecutionError: the files are damaged, or disk or database refuse them for good; nothing was stored.
        """
        try:
            pictures = await asyncio.to_thread(_verify, staging, outputs, is_intermediate)
        except OSError as error:
            raise DamagedOutputError(f"The worker's files can't be read: {error.strerror or error}.") from error
        names = [picture.saved.name for picture in pictures]
        self._names.update(names)
        try:
            result = await self._store(token, names, pictures, _Ending(device, engine_s, placement))
        except Exception:
            self._names.difference_update(names)
            raise
        # Not if this is canceled: the transaction may still be on its way to its commit on the writer's thread.
        self._names.difference_update(names)
        return result

    async def _store(
        self, token: str, names: Sequence[str], pictures: Sequence[_Picture], ending: _Ending
    ) -> Literal["completed", "lost"]:
        await self._intend(names)
        try:
            await asyncio.to_thread(self._adopt, pictures)
            result = await self._finish(token, pictures, ending)
        except OSError as error:
            await self._bury(names)
            raise disk_error(error) from error
        except StorageConflict as error:
            # The lease holds, or nothing would have been inserted that could conflict. So the item is ours to end.
            self._log.error("a picture contradicts what is stored, its item fails", error=str(error))
            await self._bury(names)
            raise NotStoredError(
                "The database holds something that contradicts this picture, so it was not stored. Enqueue it anew."
            ) from error
        failpoint("save.after_commit")
        if result == "lost":
            await self._bury(names)
        return result

    async def _intend(self, names: Sequence[str]) -> None:
        # Names are new, so a conflict can only mean that an earlier try was committed and its answer lost.
        with suppress(StorageConflict):
            await persist(self._storage, self._log, tombstones.entomb, names, now=self._now())

    def _adopt(self, pictures: Sequence[_Picture]) -> None:
        for picture in pictures:
            self._blobs.adopt(picture.output.image, image_key(picture.saved.name))
            self._blobs.adopt(picture.output.thumbnail, thumbnail_key(picture.saved.name))

    async def _finish(self, token: str, pictures: Sequence[_Picture], ending: _Ending) -> Literal["completed", "lost"]:
        return await persist(
            self._storage,
            self._log,
            finish.complete,
            token,
            [picture.saved for picture in pictures],
            device=ending.device,
            engine_s=ending.engine_s,
            now=self._now(),
            placement=ending.placement,
        )

    async def _bury(self, names: Sequence[str]) -> None:
        """Remove the files and the intent; what can't be done now, the sweep or the next start does."""
        try:
            gone = await asyncio.to_thread(tombstones.remove_files, self._blobs, names)
            await self._storage.write(tombstones.clear, gone)
        except StorageError as error:
            self._log.warning("files without a row are removed later", error=str(error))

    def _now(self) -> str:
        return timestamp(self._clock.now())


def _verify(staging: Path, outputs: Sequence[JobOutput], is_intermediate: bool) -> list[_Picture]:
    if not outputs:
        raise DamagedOutputError("The worker reported success without a picture.")
    if len({output.index for output in outputs}) < len(outputs):
        raise DamagedOutputError("The worker reported two pictures with one index.")
    folder = staging.resolve()
    pictures = []
    for output in outputs:
        for path in (output.image, output.thumbnail):
            if path.is_symlink() or path.resolve().parent != folder:
                raise DamagedOutputError(f"The worker reported the file {path.name!r}, which is not in its own folder.")
        size_bytes = _check(output.image, output.image_sha256)
        _check(output.thumbnail, output.thumbnail_sha256)
        saved = SavedOutput(
            name=new_name(),
            index=output.index,
            width=output.width,
            height=output.height,
            sha256=output.image_sha256,
            size_bytes=size_bytes,
            thumbnail_sha256=output.thumbnail_sha256,
            metadata=output.metadata,
            is_intermediate=is_intermediate,
        )
        pictures.append(_Picture(output, saved))
    return pictures


def _check(path: Path, sha256: str) -> int:
    """The size of a staged file that is what it should be. Raises DamagedOutputError."""
    content = path.read_bytes()
    if not content or hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedOutputError(
            f"The worker's file {path.name!r} is damaged: {len(content)} bytes with another checksum."
        )
    return len(content)
