"""The part that needs Alembic: running one lineage's revisions, and comparing tables with the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from invoke_host.api import InvokeHostError, MigrationLineage, SchemaError
from invoke_host.faults import failpoint


def run(engine: Engine, lineage: MigrationLineage, backup: Path | None) -> None:
    """Upgrade one lineage to its head, one transaction per revision."""
    script = ScriptDirectory(str(lineage.script_location), version_locations=[str(lineage.script_location / "versions")])

    def steps(revision: Any, context: Any) -> Any:
        return script._upgrade_revs("head", revision)  # noqa: SLF001 - what Alembic's own `upgrade` command calls

    with engine.connect() as plain:
        connection = plain.execution_options(invoke_write=True)
        _foreign_keys(connection, on=False)
        environment = EnvironmentContext(Config(), script, fn=steps, destination_rev="head")
        try:
            with environment:
                environment.configure(
                    connection=connection,
                    target_metadata=lineage.metadata,
                    version_table=lineage.version_table,
                    transaction_per_migration=True,
                    transactional_ddl=True,
                    render_as_batch=True,
                    on_version_apply=_applied,
                )
                with environment.begin_transaction():
                    environment.run_migrations()
        except InvokeHostError:
            raise
        except Exception as error:
            kept = f" A copy from before is {backup}." if backup else ""
            raise SchemaError(
                f"a migration of {lineage.name!r} failed and was taken back whole: {type(error).__name__}: {error}.{kept}"
            ) from error
        finally:
            if connection.in_transaction():
                connection.rollback()
            _foreign_keys(connection, on=True)


def drift(connection: Connection, lineage: MigrationLineage) -> list[str]:
    """Where the database differs from the lineage's tables; other lineages' tables are not looked at."""
    own = set(lineage.metadata.tables)

    def mine(name: str | None, kind: str, parents: Any) -> bool:
        return kind != "table" or name in own

    context = MigrationContext.configure(
        connection, opts={"include_name": mine, "compare_type": True, "version_table": lineage.version_table}
    )
    found = compare_metadata(context, lineage.metadata)
    return [f"the schema {lineage.name!r} differs from the program's tables: {difference}" for difference in found]


def _applied(**step: Any) -> None:
    """Inside the transaction, after a revision's statements and its version row, before the commit."""
    context = step["ctx"]
    if context.dialect.name == "sqlite":
        broken = context.connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise SchemaError(f"a migration left {len(broken)} rows that point to nothing; it was taken back whole")
    failpoint("migrate.mid")


def _foreign_keys(connection: Connection, *, on: bool) -> None:
    """SQLite rebuilds tables to alter them, which foreign keys forbid, and the switch works only between transactions."""
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - a connection in use has one
        driver.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")
