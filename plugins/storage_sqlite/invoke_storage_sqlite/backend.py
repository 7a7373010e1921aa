"""The backend `sqlite`: opens the file, and answers for it while the host runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from invoke_host.api import (
    Health,
    InvokeHostError,
    StartupError,
    StorageBackend,
    StorageCapabilities,
    StorageError,
)
from invoke_storage_sqlite.backup import backup
from invoke_storage_sqlite.engine import make_engine
from invoke_storage_sqlite.errors import classify
from invoke_storage_sqlite.lock import exclusive
from invoke_storage_sqlite.options import SqliteOptions

#: RETURNING and the drop of columns came with this one.
MINIMUM_SQLITE = (3, 35, 0)

#: Below this the host is about to stop writing.
LOW_SPACE_BYTES = 64 * 1024 * 1024

#: `check` must not wait for a writer.
_CHECK_TIMEOUT_S = 0.5

#: More findings than this do not help anybody.
_MAX_FINDINGS = 20


class SqliteBackend(StorageBackend):
    """One database file in WAL mode. Its folder must be on a local disk: WAL does not work over a network."""

    name: ClassVar[str] = "sqlite"
    capabilities: ClassVar[StorageCapabilities] = StorageCapabilities(
        transactional_ddl=True, concurrent_writers=False, inline_reads=True, skip_locked=False, returning=True
    )

    def __init__(self, path: Path, options: SqliteOptions | None = None) -> None:
        self.path = path
        self.options = options or SqliteOptions()
        self._engine: Engine | None = None

    def open(self) -> Engine:
        """The engine; the file is made if there is none, readable by its owner only.

        Raises:
            StartupError: no folder, no permission, not a SQLite database, a disk without WAL, or too old a library.
        """
        if self._engine is not None:
            raise InvokeHostError(f"{self.describe()} is open already")
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            wanted = ".".join(map(str, MINIMUM_SQLITE))
            raise StartupError(f"this Python has SQLite {sqlite3.sqlite_version}; at least {wanted} is needed")
        self._prepare()
        self._engine = make_engine(self.path, self.options)
        return self._engine

    def close(self) -> None:
        """Close the pool; the last connection to go folds the WAL back into the file."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def describe(self) -> str:
        """`SQLite` and the path."""
        return f"SQLite {self.path}"

    def migration_lock(self, timeout_s: float) -> AbstractContextManager[None]:
        """An advisory lock on `<database>.migrate.lock`; it ends with the process, however that ends."""
        return exclusive(self.path.with_name(f"{self.path.name}.migrate.lock"), timeout_s)

    def backup(self, target: Path) -> Path | None:
        """A copy at `target` by SQLite's backup API. Raises StorageError if either side fails."""
        try:
            return backup(self.path, target)
        except sqlite3.Error as error:
            known = classify(error, self.path)
            if known is None:
                raise
            raise known from error

    def classify(self, error: BaseException) -> StorageError | None:
        """By SQLite's extended result code."""
        return classify(error, self.path)

    def check(self) -> Health:
        """Can the file be read and written, and is there room on its disk?"""
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(uri, uri=True, timeout=_CHECK_TIMEOUT_S, isolation_level=None)) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                readonly = not os.access(self.path, os.W_OK) or not os.access(self.path.parent, os.W_OK)
        except sqlite3.Error as error:
            return Health("database", "failed", str(classify(error, self.path) or error))
        if readonly:
            return Health("database", "degraded", f"{self.path} or its folder can't be written")
        free = shutil.disk_usage(self.path.parent).free
        if free < LOW_SPACE_BYTES:
            return Health("database", "degraded", f"only {free // 1024**2} MiB are free on the disk of {self.path}")
        return Health("database", "ok", self.describe())

    def integrity_problems(self, connection: Connection) -> list[str]:
        """Damaged pages and indexes, and rows that point to rows that are not there."""
        problems = []
        try:
            pages = connection.exec_driver_sql(f"PRAGMA integrity_check({_MAX_FINDINGS})").scalars().all()
            problems += [f"integrity check: {line}" for line in pages if line != "ok"]
            dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(_MAX_FINDINGS)
        except DatabaseError as error:  # the damage is such that the check itself can't go on, nor COMMIT
            connection.rollback()
            return [*problems, str(classify(error, self.path) or error)]
        for table, row, parent, _ in dangling:
            problems.append(f"row {row} of {table} points to a row of {parent} that does not exist")
        return problems

    def _prepare(self) -> None:
        """Make the file if needed, and see that it is a SQLite database in WAL mode."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(self.path, timeout=self.options.busy_timeout_s)) as connection:
                connection.execute("PRAGMA schema_version").fetchone()
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except OSError as error:
            raise StartupError(f"the database {self.path} can't be opened: {error.strerror}") from error
        except sqlite3.Error as error:
            raise StartupError(str(classify(error, self.path) or f"{self.path}: {error}")) from error
        if mode != "wal":
            raise StartupError(
                f"the disk of {self.path} does not allow SQLite's WAL mode, as network file systems don't; "
                "put the database on a local disk with [storage] path"
            )
