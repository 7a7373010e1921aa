"""Writing the file of session keys: the first one, and new ones in the place of old ones.

Written beside and renamed, so that a crash leaves the old file or the new one, and a running host never reads half.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

from invoke_host.api import StartupError
from invoke_host.clock import Clock, SystemClock
from invoke_host.identity.sessions.keys import FILE_NAME, KEY_BYTES, Key, key_as_json, read_keys

#: How long a replaced key verifies by default: the longest life that a token can be configured to have.
KEEP_S = 31_536_000


def make_if_missing(folder: Path) -> None:
    """Make the folder and a file with a first key, unless there is one. Raises StartupError."""
    if (folder / FILE_NAME).exists():
        _check_folder(folder)
        return
    with _locked(folder):
        if not (folder / FILE_NAME).exists():  # another process may have been faster
            _write(folder, [_new_key()])


def rotate(folder: Path, *, forget_old: bool = False, keep_s: int = KEEP_S, clock: Clock | None = None) -> str:
    """Sign with a new key from now on; returns its id.

    What the old ones signed stays good for `keep_s` at most; with `forget_old` it ends at once, and everybody logs in
    again.

    Raises:
        StartupError: the file can't be written, or it can't be read and `forget_old` is not given.
    """
    now = int((clock or SystemClock()).now().timestamp())
    with _locked(folder):
        kept: list[Key] = []
        if not forget_old and (folder / FILE_NAME).exists():
            kept = [_retired(key, now + keep_s) for key in read_keys(folder / FILE_NAME)]
        new = _new_key()
        _write(folder, [new, *(key for key in kept if key.until is not None and key.until > now)])
    return new.kid


def _retired(key: Key, until: int) -> Key:
    return key if key.until is not None else Key(key.kid, key.secret, until)


def _new_key() -> Key:
    return Key(secrets.token_hex(8), secrets.token_bytes(KEY_BYTES))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder, made if need be, and nobody else writing keys in it. Raises StartupError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(folder)
        with (folder / f".{FILE_NAME}.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StartupError(f"{folder}: the keys of sessions can't be written ({error.strerror})") from error


def _check_folder(folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        raise StartupError(
            f"{folder}: others than its owner could put keys of their own here (mode {mode:04o}); "
            f"run `chmod 700 {folder}`"
        )


def _write(folder: Path, keys: Sequence[Key]) -> None:
    part = folder / f".{FILE_NAME}.part"
    with suppress(FileNotFoundError):
        part.unlink()  # left by a crash
    content = orjson.dumps({"keys": [key_as_json(key) for key in keys]}, option=orjson.OPT_INDENT_2)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / FILE_NAME)
    folder_handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder_handle)
    finally:
        os.close(folder_handle)
