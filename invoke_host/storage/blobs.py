"""The blob store that is a folder: files appear under their key whole or not at all, and only inside the folder.

`<root>/.invoke-host-blobs` marks a folder that this host has written; its id is also kept outside the folder. When that
second copy exists and the marker does not, the disk is not mounted, and the host refuses to write into the empty mount
point below it.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from invoke_host import ids
from invoke_host.api import BlobInfo, BlobStore, StartupError
from invoke_host.faults import failpoint

MARKER = ".invoke-host-blobs"
STAGING = ".staging"

#: With less room than this the disk counts as full: the largest pictures and what the database writes would not fit.
FULL_DISK_BYTES = 32 * 1024**2

#: Longest key, in characters; also the width of the column that holds keys.
MAX_KEY = 255

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}", re.ASCII)


def safe_join(root: Path, key: str) -> Path:
    """`root/key` for a key of plain names parted by `/`. The one place where a key becomes a path.

    Names are ASCII letters, digits, `_`, `-` and, not at the start, `.`; so nothing absolute, no `..`, no backslash, no
    control character, no hidden file. A link below `root` that leads out of it is refused too.

    Raises:
        ValueError: the key is not like that.
        OSError: on the disk, a link in the place of a folder leads out of `root`.
    """
    parts = key.split("/")
    if len(key) > MAX_KEY or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(f"not a blob key: {key[:80]!r}")
    path = root.joinpath(*parts)
    # The folder, not the file: os.replace and unlink act on a link itself and never on what it points to.
    inside = os.path.realpath(root) + os.sep
    if not f"{os.path.realpath(path.parent)}{os.sep}".startswith(inside):
        # The owner of the item may read the first text, only the log the path.
        raise OSError(errno.ELOOP, "a link leads out of the blob folder", str(path.parent))
    return path


class FilesystemBlobStore(BlobStore):
    """Files in a folder on a local or mounted disk.

    `identity` is a file outside the folder that remembers the folder's id, by default `<root>.id` beside it; keep it
    where the database is.
    """

    name = "filesystem"

    def __init__(self, root: Path, *, identity: Path | None = None) -> None:
        self._root = root
        self._identity = identity if identity is not None else root.with_name(f"{root.name}.id")

    def open(self) -> None:
        """Make the folder on the very first start, find it again on all others.

        Raises:
            StartupError: the folder is not the one written before, or can't be written.
        """
        try:
            self._open()
        except OSError as error:
            raise StartupError(
                f"The blob folder {self._root} can't be used: {error.strerror or error}. "
                f"Check that the disk is mounted and that this user may write there."
            ) from error

    def _open(self) -> None:
        marker = self._root / MARKER
        expected = _read_id(self._identity)
        found = _read_id(marker)
        if expected is not None and found is None:
            raise StartupError(
                f"The blob folder {self._root} was used before, but its marker file {MARKER} is missing: is the disk "
                f"mounted? Mount it and start again. If the images are lost for good, remove {self._identity} and the "
                f"host starts with an empty folder."
            )
        if expected is not None and found != expected:
            raise StartupError(
                f"The blob folder {self._root} belongs to another host (its id is {found}, expected {expected}, as "
                f"{self._identity} says). Check [storage] and what is mounted there."
            )
        self._root.mkdir(parents=True, exist_ok=True)
        if found is None:
            found = ids.new_id()
            _write_id(marker, found)  # before the identity: a crash in between leaves a folder that is simply adopted
        if expected is None:
            _write_id(self._identity, found)
        (self._root / STAGING).mkdir(exist_ok=True)

    def staging(self, token: str) -> Path:
        """The folder for one attempt, on the same device as the final names."""
        folder = self._staging_path(token)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def drop_staging(self, token: str) -> None:
        """Remove it with all in it."""
        shutil.rmtree(self._staging_path(token), ignore_errors=True)

    def staged(self) -> list[str]:
        """Tokens that have a folder."""
        try:
            return sorted(entry.name for entry in os.scandir(self._root / STAGING) if entry.is_dir())
        except FileNotFoundError:
            return []

    def adopt(self, staged: Path, key: str) -> BlobInfo:
        """Give a staged file its final name, durably. A file that is there already is replaced whole.

        Raises:
            OSError: no space, no permission, a failing disk; nothing is under `key` that was not there before, or the
                whole file is (when the last fsync, that of the folder, was what failed).
        """
        path = safe_join(self._root, key)
        self._make_folders(path.parent)
        failpoint("save.before_fsync")
        _fsync(staged)
        failpoint("save.before_rename")
        staged.replace(path)
        failpoint("save.after_rename")
        _fsync(path.parent)
        return _info(key, path.stat())

    def path(self, key: str) -> Path:
        """Where the file of a key is or would be. Raises ValueError for a key that is none."""
        return safe_join(self._root, key)

    def delete(self, key: str) -> bool:
        """Remove the file; False if there was none."""
        path = safe_join(self._root, key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        _fsync(path.parent)
        return True

    def stat(self, key: str) -> BlobInfo | None:
        """Size and time, or None if there is no regular file of that key."""
        path = safe_join(self._root, key)
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _info(key, found) if stat.S_ISREG(found.st_mode) else None

    def iter(self, prefix: str = "") -> Iterator[BlobInfo]:
        """All stored files whose key begins with `prefix`, in no order; not what is staged."""
        yield from self._walk("", prefix)

    def _walk(self, folder: str, prefix: str) -> Iterator[BlobInfo]:
        try:
            entries = list(os.scandir(self._root / folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            key = f"{folder}/{entry.name}" if folder else entry.name
            if _PART.fullmatch(entry.name) is None:
                continue  # the marker, the staging folder and what others put here
            if entry.is_dir(follow_symlinks=False):
                if key.startswith(prefix[: len(key)]):
                    yield from self._walk(key, prefix)
            elif key.startswith(prefix) and entry.is_file(follow_symlinks=False):
                yield _info(key, entry.stat(follow_symlinks=False))

    def describe(self) -> str:
        """The folder."""
        return str(self._root)

    def free_bytes(self) -> int | None:
        """Room left on the folder's disk for this user."""
        try:
            return shutil.disk_usage(self._root).free
        except OSError:
            return None

    def trouble(self) -> str:
        """The marker is gone (the disk is not mounted, and this is the empty folder below it), or there is no room."""
        try:
            if not (self._root / MARKER).is_file():
                return f"the marker file {MARKER} is missing in {self._root}: is the disk mounted?"
            free = shutil.disk_usage(self._root).free
        except OSError as error:
            return f"{self._root} can't be read: {error.strerror or type(error).__name__}"
        if free < FULL_DISK_BYTES:
            return f"no room at {self._root}: {free // 1024**2} MiB are left, {FULL_DISK_BYTES // 1024**2} are needed"
        return ""

    def _staging_path(self, token: str) -> Path:
        if _TOKEN.fullmatch(token) is None:
            raise ValueError(f"not a staging token: {token[:80]!r}")
        return self._root / STAGING / token

    def _make_folders(self, folder: Path) -> None:
        """mkdir -p with each new name made durable in its parent."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for new in reversed(missing):
            new.mkdir(exist_ok=True)
            _fsync(new.parent)


_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


def _info(key: str, found: os.stat_result) -> BlobInfo:
    return BlobInfo(key=key, size_bytes=found.st_size, modified_s=found.st_mtime)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_id(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip() or None
    except FileNotFoundError:
        return None


def _write_id(path: Path, value: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(f"{value}\n", "ascii")
    _fsync(part)
    part.replace(path)
    _fsync(path.parent)
