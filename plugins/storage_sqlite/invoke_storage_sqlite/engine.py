"""The SQLAlchemy engine over a SQLite file: pragmas for each connection, and transactions that begin as they will go.

Python's driver begins transactions by its own rules, which hide DDL from rollback and turn readers into writers
half-way (SQLITE_BUSY_SNAPSHOT, which no timeout helps against). So the driver is told to keep out
(`isolation_level=None`), and every transaction begins here: `BEGIN IMMEDIATE` for units that write, `BEGIN` on a
connection that can't write for all others.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, FromClause, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.pool import QueuePool

from invoke_storage_sqlite.options import SqliteOptions

#: Readers, the writer, the loop's own connection, and room for what tests and tools open beside them.
POOL_SIZE = 16

#: Pages kept in memory per connection; a negative number is KiB.
CACHE_KIB = 8192


def make_engine(path: Path, options: SqliteOptions) -> Engine:
    """An engine on an existing file. Connections are opened lazily, in WAL mode as the file says."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": options.busy_timeout_s},
        poolclass=QueuePool,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=options.busy_timeout_s,
        pool_use_lifo=True,
    )

    engine.dialect.statement_compiler = _Compiler

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA synchronous={options.synchronous}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute("PRAGMA temp_store=MEMORY")

    event.listen(engine, "begin", _begin)
    event.listen(engine, "set_connection_execution_options", _configured)
    return engine


class _Compiler(SQLiteCompiler):
    """Writes hints (`with_hint(table, "INDEXED BY ...", "sqlite")`), which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """The hint as it is."""
        return text


def _configured(connection: Connection, options: dict[str, object]) -> None:
    if options.get("invoke_inline"):
        # The event loop must not wait for a lock: fail at once, the host tries again on a thread.
        _driver(connection).execute("PRAGMA busy_timeout=0")


def _begin(connection: Connection) -> None:
    # Straight to the driver: through SQLAlchemy these statements would cost more than a point read.
    driver, info = _driver(connection), connection.connection.info
    writes = bool(connection.get_execution_options().get("invoke_write"))
    if info.get("invoke_writes") is not writes:
        driver.execute("PRAGMA query_only=OFF" if writes else "PRAGMA query_only=ON")
        info["invoke_writes"] = writes
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(f"not a connection to SQLite: {driver!r}")
    return driver
