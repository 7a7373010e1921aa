"""A storage backend on PostgreSQL, for tests of code that must run on both databases. Not for operation.

It leaves out what an operator would need: options, TLS, backups, reconnecting with back-off.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from invoke_host.api import (
    Health,
    InvokeHostError,
    StartupError,
    StorageBackend,
    StorageCapabilities,
    StorageConflict,
    StorageError,
    StorageReadOnly,
    StorageUnavailable,
)

_LOCK_KEY = 0x1_0CE_05E  # any number; all hosts on one database must agree
_POLL_S = 0.05

_CONFLICTS = frozenset({"23505", "23503"})
_READ_ONLY = frozenset({"25006", "53100"})
#: Classes of SQLSTATE: connection, insufficient resources, operator intervention; deadlock and lock time-out besides.
_UNAVAILABLE_CLASSES = frozenset({"08", "53", "57"})
_UNAVAILABLE = frozenset({"40001", "40P01", "55P03"})


class PostgresBackend(StorageBackend):
    """A database by its URL. Reads run on a read-only snapshot, writes at READ COMMITTED."""

    name: ClassVar[str] = "postgresql-for-tests"
    capabilities: ClassVar[StorageCapabilities] = StorageCapabilities(
        transactional_ddl=True, concurrent_writers=True, inline_reads=False, skip_locked=True, returning=True
    )

    def __init__(self, url: str, *, pool_size: int = 16, pool_timeout_s: float = 5.0) -> None:
        self._url = url
        self._pool_size = pool_size
        self._pool_timeout_s = pool_timeout_s
        self._engine: Engine | None = None

    def open(self) -> Engine:
        """The engine, after one connection was made."""
        if self._engine is not None:
            raise InvokeHostError(f"{self.describe()} is open already")
        engine = create_engine(
            self._url, pool_size=self._pool_size, max_overflow=0, pool_timeout=self._pool_timeout_s, pool_pre_ping=True
        )
        event.listen(engine, "begin", _begin)
        try:
            engine.connect().close()
        except SQLAlchemyError as error:
            engine.dispose()
            raise StartupError(f"{self.describe()} can't be opened: {error}") from error
        self._engine = engine
        return engine

    def close(self) -> None:
        """Close all connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def describe(self) -> str:
        """The kind, without the URL: that may hold a password."""
        return "PostgreSQL (test backend)"

    @contextmanager
    def migration_lock(self, timeout_s: float) -> Iterator[None]:
        """An advisory lock of a connection of its own; it ends with the connection."""
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                _acquire(connection, timeout_s)
                yield
        finally:
            engine.dispose()

    def backup(self, target: Path) -> Path | None:
        """None: backups of a server are its operator's job."""
        return None

    def classify(self, error: BaseException) -> StorageError | None:
        """By SQLSTATE; an error of the driver without one is a lost connection."""
        if isinstance(error, PoolTimeout):
            return StorageUnavailable("all connections to PostgreSQL are in use; try again")
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg.Error):
            return None
        state = cause.sqlstate or ""
        if state in _CONFLICTS:
            return StorageConflict(f"refused by a rule of the database: {cause}")
        if state in _READ_ONLY:
            return StorageReadOnly(f"PostgreSQL refuses to write: {cause}")
        if state in _UNAVAILABLE or state[:2] in _UNAVAILABLE_CLASSES:
            return StorageUnavailable(f"PostgreSQL can't serve this now: {cause}")
        if not state and isinstance(cause, psycopg.OperationalError):
            return StorageUnavailable(f"the connection to PostgreSQL is lost: {cause}")
        return None

    def check(self) -> Health:
        """Does it answer?"""
        if self._engine is None:
            return Health("database", "failed", "not open")
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            return Health("database", "failed", str(self.classify(error) or error))
        return Health("database", "ok", self.describe())


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get("invoke_write"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _acquire(connection: Connection, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY}):
        if time.monotonic() >= deadline:
            raise StorageUnavailable(f"another process is changing the schema and did not finish in {timeout_s:g} s")
        time.sleep(_POLL_S)
