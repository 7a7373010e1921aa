"""A consistent copy of a database in use, by SQLite's backup API: a file copy would miss what is still in the WAL."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path


def backup(source: Path, target: Path) -> Path:
    """Write the copy to `target`, whole or not at all, and return it. Readers and writers go on meanwhile."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        uri = f"{source.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True)) as origin, closing(sqlite3.connect(part)) as copy:
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, complete without companions
        _fsync(part)
        part.replace(target)
        _fsync(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return target


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
