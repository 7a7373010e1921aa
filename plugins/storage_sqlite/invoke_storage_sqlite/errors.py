"""What SQLite's error codes mean to the host. https://www.sqlite.org/rescode.html"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from invoke_host.api import StorageConflict, StorageError, StorageReadOnly, StorageUnavailable

#: Constraints that data can break; NOT NULL, CHECK and types are broken by programs.
_CONFLICTS = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
        sqlite3.SQLITE_CONSTRAINT_TRIGGER,
    }
)
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_UNREACHABLE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM})
_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})

_PRIMARY = 0xFF  # an extended code carries its primary code in the low byte


def classify(error: BaseException, path: Path) -> StorageError | None:
    """The host's word for an error of SQLite or of the pool; None if it is a mistake in the program."""
    if isinstance(error, PoolTimeout):
        return StorageUnavailable(f"all connections to {path} are in use; try again")
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return None
    extended: int | None = getattr(cause, "sqlite_errorcode", None)  # absent on what the driver itself refuses
    if extended is None:
        return None
    code = extended & _PRIMARY
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StorageConflict(f"refused by a rule of the database: {cause}") if extended in _CONFLICTS else None
    if code == sqlite3.SQLITE_FULL:
        return StorageReadOnly(f"the disk of {path} is full; make room, the host goes on by itself")
    if code in _READ_ONLY:
        return StorageReadOnly(
            f"the database {path} can't be written ({cause}); check owner and mode of file and folder"
        )
    if code in _LOCKED:
        return StorageUnavailable(f"the database {path} is locked by another process; try again")
    if code in _DAMAGED:
        return StorageUnavailable(f"{path} is damaged or no SQLite database ({cause}); restore a backup")
    if code in _UNREACHABLE:
        return StorageUnavailable(f"the database {path} can't be reached ({cause}); check disk, folder and permissions")
    return None
