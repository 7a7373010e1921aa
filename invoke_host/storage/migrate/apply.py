"""One migration, applied in one transaction: all of it and its version row, or nothing.

The transaction is opened here and not by Alembic, so that it holds the creation of the version table too, and so that
what the migration left behind can be checked while it can still be rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event

from invoke_host.api import MigrationLineage, SchemaError
from invoke_host.faults import failpoint


def apply(engine: Engine, lineage: MigrationLineage, revision: str) -> None:
    """Apply one migration, the one that follows what the database has.

    Raises whatever the migration raises, after the rollback; SchemaError if it left rows pointing at nothing.
    """
    with engine.execution_options(invoke_write=True).connect() as connection, _foreign_keys_off(connection):
        event.listen(connection, "after_cursor_execute", _passed_a_statement)
        with connection.begin():
            _run(connection, lineage, revision)
            _check_foreign_keys(connection, lineage, revision)


def script_directory(lineage: MigrationLineage) -> ScriptDirectory:
    """Alembic's view of a lineage."""
    return ScriptDirectory.from_config(_config(lineage))


def _config(lineage: MigrationLineage) -> Config:
    config = Config()
    config.set_main_option("script_location", str(lineage.script_location).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _run(connection: Connection, lineage: MigrationLineage, revision: str) -> None:
    config = _config(lineage)
    script = ScriptDirectory.from_config(config)

    def steps(current: Any, context: MigrationContext) -> list[RevisionStep]:
        return script._upgrade_revs(revision, current)  # noqa: SLF001 - what alembic.command.upgrade does as well

    with EnvironmentContext(config, script, fn=steps, destination_rev=revision) as environment:
        environment.configure(
            connection=connection,
            version_table=lineage.version_table,
            transactional_ddl=True,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        environment.run_migrations()


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by building another and dropping the first; with foreign keys on, its children go too.

    The pragma does nothing inside a transaction, so it is set before; `_check_foreign_keys` makes up for it.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        # The connection is not given back: whatever a migration set on it must not reach the next user.
        connection.invalidate()


def _check_foreign_keys(connection: Connection, lineage: MigrationLineage, revision: str) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(3)
    if broken:
        shown = "; ".join(f"row {row} of {table} -> {parent}" for table, row, parent, _ in broken)
        raise SchemaError(f"migration {revision!r} of {lineage.name!r} left rows that point at nothing: {shown}")


def _passed_a_statement(*_: object) -> None:
    failpoint("migrate.mid")
