"""Writing an archive, on a thread: uncompressed, because pictures are compressed already, and never in memory."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from invoke_host.api import BlobStore
from invoke_host.faults import failpoint
from invoke_host.images.downloads.store import Packed
from invoke_host.images.names import image_key

_PIECE_BYTES = 1024 * 1024


class StoppedError(Exception):
    """The host is stopping; the archive is given up."""


class NothingPackedError(Exception):
    """No image could be packed: all are gone, not to be seen any more, or their files are damaged."""


def pack(
    names: Iterable[str], still: Callable[[str], Packed | None], blobs: BlobStore, target: Path, stop: threading.Event
) -> int:
    """Write an archive of these images under `target`, whole or not at all; its size in bytes.

    `still` is asked about each image when its turn comes. What it denies is left out, and so are files that are not
    what was stored. Raises StoppedError, NothingPackedError, OSError.
    """
    part = target.with_name(f"{target.name}.part")
    packed = 0
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                for name in names:
                    image = still(name)
                    if image is not None and _add(archive, image, blobs, stop):
                        packed += 1
                        failpoint("download.half_written")
            if not packed:
                raise NothingPackedError
            file.flush()
            os.fsync(file.fileno())
            size_bytes = file.seek(0, os.SEEK_END)
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return size_bytes


def names_in(path: Path) -> list[str]:
    """The images in a finished archive, by its own directory. Raises OSError, BadZipFile."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file, zipfile.ZipFile(file) as archive:
        return archive.namelist()


def _add(archive: zipfile.ZipFile, image: Packed, blobs: BlobStore, stop: threading.Event) -> bool:
    """Copy a file into the archive under the image's name, which is the host's own; False if it is not as stored."""
    if stop.is_set():
        raise StoppedError
    try:
        source = os.fdopen(os.open(blobs.path(image_key(image.name)), os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError:
        return False
    with source:
        if os.fstat(source.fileno()).st_size != image.size_bytes:
            return False
        entry = zipfile.ZipInfo(image.name, _when(image.created_at))
        entry.external_attr = 0o644 << 16
        entry.file_size = image.size_bytes
        with archive.open(entry, "w") as into:
            while piece := source.read(_PIECE_BYTES):
                if stop.is_set():
                    raise StoppedError
                into.write(piece)
    return True


def _when(created_at: str) -> tuple[int, int, int, int, int, int]:
    made = datetime.fromisoformat(created_at)
    return (max(made.year, 1980), made.month, made.day, made.hour, made.minute, made.second)
