"""Archives from the asking to the fetching: who may have what, how much at a time, and when it goes.

The id is the secret under which the owner fetches; the file's name is a hash of it, so a look into the folder gives
nothing away. A file is worth something only with its row: others are removed at a start and by the sweep.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import threading
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import (
    Actor,
    BackgroundTask,
    BlobStore,
    Conflict,
    Gone,
    NotFound,
    RequestError,
    StorageError,
    UserId,
)
from invoke_host.clock import Clock, timestamp
from invoke_host.events import store as events
from invoke_host.identity.afresh import ActorLater, Owners
from invoke_host.images.downloads import limits, store
from invoke_host.images.downloads.limits import Room
from invoke_host.images.downloads.packing import NothingPackedError, StoppedError, names_in, pack
from invoke_host.images.downloads.store import Download, Packed
from invoke_host.pictures.turns import Turns
from invoke_host.storage import Storage

#: How long making an archive may take, waiting for its turn included.
_PREPARING = timedelta(hours=12)

_EXTENSION = ".zip"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNWRITTEN = "the host could not write the archive"


@dataclass(frozen=True, slots=True)
class Asked:
    """An accepted wish: the name under which the archive can be fetched, and names that are not in it."""

    item_name: str
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Archive:
    """A finished archive."""

    id: str
    path: Path
    size_bytes: int


class Downloads:
    """The archives of one host. `folder` is this host's alone."""

    def __init__(
        self,
        storage: Storage,
        blobs: BlobStore,
        access: AccessEngine,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        folder: Path,
        owners: Owners,
        keep_minutes: int,
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._access = access
        self._clock = clock
        self._log = log
        self._folder = folder
        self._owners = owners
        self._keep = timedelta(minutes=keep_minutes)
        self._turns = Turns(most_waiting=limits.MOST_WAITING, most_of_one=limits.MOST_OF_ONE)
        self._room = Room(folder)
        self._stop = threading.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, asyncio.Event] = {}

    async def open(self) -> None:
        """Clean up after the last host."""
        await self._storage.write(store.abandon)
        await self._sweep()

    async def close(self) -> None:
        """Give up what is being made."""
        self._stop.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def expiry_task(self, interval_s: float = 60.0) -> BackgroundTask:
        """Repeated work that removes what nobody fetched in time."""
        return BackgroundTask("remove old archives", self._sweep, interval_s)

    async def ask(self, actor: Actor, names: Sequence[str], board_id: str | None) -> Asked:
        """Begin an archive of these images, or of a board's, as far as the actor sees them now.

        Raises:
            NotFound: the board, or every one of the names.
            InvalidInput: more than one archive may hold.
            TooManyRequests: the actor has enough archives waiting. OSError: the disk has no room for it.
        """
        chosen = await self._storage.read(store.chosen, self._access, actor, names, board_id)
        limits.check(chosen, names, board_id)
        owner = str(actor.id)
        later = await self._owners(owner)
        now = self._clock.now()
        download = Download(ids.new_token(), owner, "preparing", None, timestamp(now + _PREPARING))
        try:
            await self._room.promise(download.id, sum(image.size_bytes for image in chosen))
            await self._storage.write(self._begin, download, len(chosen), timestamp(now))
        except BaseException:
            self._room.settle(download.id)
            raise
        task = asyncio.create_task(self._make(download, [image.name for image in chosen], later))
        self._tasks[download.id] = task
        task.add_done_callback(lambda _: self._made(download.id))
        have = {image.name for image in chosen}
        return Asked(download.id + _EXTENSION, [name for name in dict.fromkeys(names) if name not in have])

    async def archive(self, actor: Actor, item_name: str) -> Archive:
        """The finished archive of that name, if it is the actor's own; administrators get no others either.

        Raises NotFound, Conflict (not finished), Gone (it could not be made, its file is damaged, or an
        image in it is gone or not the actor's to see any more).
        """
        download_id = item_name.removesuffix(_EXTENSION)
        found = None
        if item_name.endswith(_EXTENSION) and len(download_id) <= 64 and "\0" not in download_id:
            if (leaving := self._leaving.get(download_id)) is not None:
                await leaving.wait()
            unit = store.of_owner
            found = await self._storage.read(unit, download_id, str(actor.id), now=timestamp(self._clock.now()))
        if found is None:
            raise NotFound(f"There is no archive {item_name[:80]!r}.")
        if found.state == "preparing":
            raise Conflict("the archive is not finished; wait for the event bulk_download_complete, or try again")
        path = self._path(found.id)
        if found.state != "ready" or found.size_bytes != await asyncio.to_thread(_size, path):
            raise Gone("the archive could not be made or is damaged; ask for another one")
        archive = Archive(found.id, path, found.size_bytes or 0)
        await self._check_sight(actor, archive)
        return archive

    def leaving(self, archive: Archive) -> None:
        """Its last bytes go out: who asks for it waits for `left`, and finds it gone, or there if they broke off."""
        self._leaving.setdefault(archive.id, asyncio.Event())

    def left(self, archive: Archive) -> None:
        """Whether it is gone is known; no harm if it was not leaving."""
        if (leaving := self._leaving.pop(archive.id, None)) is not None:
            leaving.set()

    async def taken(self, archive: Archive) -> None:
        """It was sent whole, or must not be sent: remove it."""
        with suppress(StorageError):
            await self._storage.write(store.remove, archive.id)
        await asyncio.to_thread(_unlink, archive.path)

    async def _check_sight(self, actor: Actor, archive: Archive) -> None:
        """Remove it and raise Gone if it holds what the actor does not see any more: it was packed a while ago."""
        try:
            names = await asyncio.to_thread(names_in, archive.path)
        except (OSError, zipfile.BadZipFile):
            raise Gone("the archive is damaged; ask for another one") from None
        if not await self._storage.read(store.all_visible, self._access, actor, names):
            await self.taken(archive)
            raise Gone("images in the archive were deleted or are not yours to see any more; ask for another archive")

    def _made(self, download_id: str) -> None:
        self._tasks.pop(download_id, None)
        self._room.settle(download_id)

    def _begin(self, conn: Connection, download: Download, count: int, now: str) -> None:
        store.begin(conn, download, image_count=count, most_of_one=limits.MOST_OF_ONE, now=now)
        _tell(conn, "bulk_download_started", download, now=now)

    async def _make(self, download: Download, names: Sequence[str], later: ActorLater) -> None:
        path, size_bytes, problem = self._path(download.id), None, ""
        try:
            async with self._turns.turn(download.user_id):
                await self._room.check(download.id)
                size_bytes = await asyncio.to_thread(
                    pack, names, partial(self._still, later), self._blobs, path, self._stop
                )
        except StoppedError:
            return
        except NothingPackedError:
            problem = "none of the images is there or to be seen any more"
        except RequestError as error:
            problem = error.detail
        except OSError as error:
            self._log.warning("an archive can't be made", error=str(error))
            problem = "the host's disk has no room for the archive" if error.errno in _FULL else _UNWRITTEN
        except Exception as error:  # noqa: BLE001 - whoever asked is told, and the task must end
            self._log.exception("an archive can't be made", error=str(error))
            problem = _UNWRITTEN
        try:
            kept = await self._storage.write(self._finish, download, size_bytes, problem)
        except StorageError as error:
            self._log.warning("an archive is lost", error=str(error))
            kept = False
        if not kept:
            await asyncio.to_thread(_unlink, path)

    def _still(self, later: ActorLater, name: str) -> Packed | None:
        return self._storage.run_read(self._visible, later, name)

    def _visible(self, conn: Connection, later: ActorLater, name: str) -> Packed | None:
        actor = later(conn)
        return None if actor is None else store.still(conn, self._access, actor, name)

    def _finish(self, conn: Connection, download: Download, size_bytes: int | None, problem: str) -> bool:
        now = self._clock.now()
        state, expires_at = "failed" if problem else "ready", timestamp(now + self._keep)
        there = store.finish(conn, download.id, state=state, size_bytes=size_bytes, expires_at=expires_at)
        if there and problem:
            _tell(conn, "bulk_download_error", download, error=problem, now=timestamp(now))
        elif there:
            _tell(conn, "bulk_download_complete", download, now=timestamp(now))
        return there and not problem

    async def _sweep(self) -> None:
        await self._storage.write(store.expire, now=timestamp(self._clock.now()))
        files = await asyncio.to_thread(_files, self._folder)
        # Read after the folder was looked at: whose row is not among these by now has none.
        known = await self._storage.read(store.known)
        kept = {self._path(download_id).name for download_id in {*known, *self._tasks}}
        for path in files:
            if path.name.removesuffix(".part") not in kept:
                await asyncio.to_thread(_unlink, path)

    def _path(self, download_id: str) -> Path:
        return self._folder / f"{hashlib.sha256(download_id.encode()).hexdigest()}{_EXTENSION}"


def _tell(conn: Connection, kind: str, download: Download, *, now: str, **more: str) -> None:
    name = download.id + _EXTENSION
    payload = {
        "bulk_download_id": "default",
        "bulk_download_item_id": download.id,
        "bulk_download_item_name": name,
        **more,
    }
    events.append(conn, kind, payload, UserId(download.user_id), now=now)


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except OSError:
        return None


def _files(folder: Path) -> list[Path]:
    folder.mkdir(mode=0o700, exist_ok=True)
    return [path for path in folder.iterdir() if not path.is_dir()]


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
