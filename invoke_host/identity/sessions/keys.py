"""The keys that sign sessions: a ring in memory over one file that only the host's user can read.

The file holds the current key first, then those that it replaced, which still verify until the last token that they
signed has ended. `invoke-host secrets rotate` (`rotation.py`) writes it from another process; a running host notices.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from invoke_host.api import StartupError
from invoke_host.clock import Clock, SystemClock

#: Name of the file in the folder of secrets.
FILE_NAME = "session.keys"

#: Least length of a key (RFC 7518, section 3.2: as many bits as the hash has).
KEY_BYTES = 32

#: How often at most the file is looked at.
LOOK_EVERY_S = 0.5

_LONGEST_FILE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `until` (seconds since the epoch): when it stops verifying; None for the current one."""

    kid: str
    secret: bytes
    until: int | None = None

    def __repr__(self) -> str:
        return f"Key({self.kid!r})"


class KeyRing:
    """The keys of one file. Used from the event loop; all it does there is one `stat` now and then."""

    def __init__(self, file: Path, *, clock: Clock, log: FilteringBoundLogger) -> None:
        self._file = file
        self._clock = clock
        self._log = log
        self._looked_at = clock.monotonic()
        self._version = _version_of(file)
        self._hold(read_keys(file))

    @classmethod
    def open(cls, folder: Path, *, clock: Clock | None = None, log: FilteringBoundLogger | None = None) -> Self:
        """The ring of this folder; its file is made when it is missing.

        Raises:
            StartupError: the file is damaged, holds a short key, or others than its owner can get at it.
        """
        from invoke_host.identity.sessions.rotation import make_if_missing

        make_if_missing(folder)
        return cls(folder / FILE_NAME, clock=clock or SystemClock(), log=log or structlog.get_logger())

    @property
    def current(self) -> Key:
        """The key that signs."""
        return self._current

    def find(self, kid: str) -> Key | None:
        """The key of that id as long as it verifies, or None."""
        key = self._keys.get(kid)
        if key is None or key.until is None or self._clock.now().timestamp() < key.until:
            return key
        return None

    def refresh(self) -> None:
        """Read the file anew if it has changed; looks at most every LOOK_EVERY_S, so that any request may call it."""
        moment = self._clock.monotonic()
        if moment - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = moment
            self.reload()

    def reload(self) -> None:
        """Read the file anew if it has changed. A damaged or missing one is logged, and the known keys stay."""
        try:
            version = _version_of(self._file)
            if version == self._version:
                return
            self._version = version
            self._hold(read_keys(self._file))
        except StartupError as error:
            self._log.error("session_keys_unreadable", reason=str(error))
            return
        self._log.info("session_keys_changed", kid=self._current.kid)

    def _hold(self, keys: tuple[Key, ...]) -> None:
        self._current = keys[0]
        self._keys = {key.kid: key for key in keys}


def read_keys(file: Path) -> tuple[Key, ...]:
    """The keys of a file, the current one first. Raises StartupError as `KeyRing.open`."""
    try:
        with file.open("rb") as handle:
            _check_mode(file, os.fstat(handle.fileno()))
            raw = handle.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise StartupError(f"{file}: the keys of sessions can't be read ({error.strerror})") from error
    try:
        keys = tuple(_key_of(each) for each in orjson.loads(raw)["keys"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise _unusable(file, "is damaged") from None
    if not keys or len({key.kid for key in keys}) != len(keys) or keys[0].until is not None:
        raise _unusable(file, "is damaged")
    if any(len(key.secret) < KEY_BYTES for key in keys):
        raise _unusable(file, f"holds a key of less than {KEY_BYTES} bytes")
    return keys


def key_as_json(key: Key) -> dict[str, Any]:
    """A key as it stands in the file."""
    secret = base64.urlsafe_b64encode(key.secret).decode()
    return {"kid": key.kid, "secret": secret, "until": key.until}


def _key_of(entry: dict[str, Any]) -> Key:
    kid, secret, until = entry["kid"], entry["secret"], entry["until"]
    if not isinstance(kid, str) or not kid or not (until is None or type(until) is int):
        raise ValueError
    return Key(kid, base64.b64decode(secret.encode(), altchars=b"-_", validate=True), until)


def _check_mode(file: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise StartupError(
            f"{file}: others than its owner can get at the keys of sessions (mode {mode:04o}); run `chmod 600 {file}`, "
            "and if anybody may have read it, `invoke-host secrets rotate --forget-old`"
        )


def _unusable(file: Path, what: str) -> StartupError:
    return StartupError(
        f"{file}: {what}; restore it from a backup, or make new keys with `invoke-host secrets rotate --forget-old`, "
        "after which everybody logs in again"
    )


def _version_of(file: Path) -> tuple[int, ...]:
    """Changes whenever the file is replaced or written; empty while there is none."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
