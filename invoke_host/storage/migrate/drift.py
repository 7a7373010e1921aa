"""Does a database look the way a lineage's tables say? And which migration would make it so?"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection
from sqlalchemy.schema import CreateIndex

from invoke_host.api import MigrationLineage


def differences(connection: Connection, lineage: MigrationLineage) -> list[str]:
    """What differs between the database and `lineage.metadata`, one line each; tables of others are not looked at."""
    with _quietly():
        found = [_sentence(each) for each in compare_metadata(_context(connection, lineage), lineage.metadata)]
    if connection.dialect.name == "sqlite":
        found.extend(_sqlite_index_differences(connection, lineage))
    return found


def draft(connection: Connection, lineage: MigrationLineage) -> str:
    """The body of a migration that would bring the database to `lineage.metadata`, for a developer to start from."""
    with _quietly():
        operations = produce_migrations(_context(connection, lineage), lineage.metadata)
    if operations.upgrade_ops is None:
        return ""
    return render_python_code(operations.upgrade_ops, render_as_batch=True)


def _sqlite_index_differences(connection: Connection, lineage: MigrationLineage) -> Iterator[str]:
    """SQLite keeps each index as the text that made it: the only exact answer, and the only one for expressions."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    present = {name: " ".join(text.split()) for name, text in rows}
    for table in lineage.metadata.tables.values():
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            wanted = " ".join(str(CreateIndex(index).compile(dialect=connection.dialect)).split())
            found = present.get(str(index.name), "nothing")
            if found != wanted:
                yield f"index {index.name}: expected {wanted}; found {found}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Alembic warns of indexes that it can't compare on SQLite; those are compared here."""
    log = logging.getLogger("alembic.ddl.impl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="autogenerate skipping")
            warnings.filterwarnings("ignore", message="Skipped unsupported reflection")
            yield
    finally:
        log.setLevel(level)


def _context(connection: Connection, lineage: MigrationLineage) -> MigrationContext:
    sqlite = connection.dialect.name == "sqlite"

    def ours(name: str | None, kind: str, parents: Any) -> bool:
        if kind != "table" or name is None:
            return True
        return name in lineage.metadata.tables or bool(lineage.prefix and name.startswith(lineage.prefix))

    def comparable(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        # Alembic can't read indexes on expressions (`priority DESC`) back from SQLite and would always differ.
        return not (sqlite and kind == "index" and name in expression_indexes)

    expression_indexes = {
        str(index.name)
        for table in lineage.metadata.tables.values()
        for index in table.indexes
        if not all(isinstance(expression, Column) for expression in index.expressions)
    }
    return MigrationContext.configure(
        connection,
        opts={
            "target_metadata": lineage.metadata,
            "version_table": lineage.version_table,
            "compare_type": True,
            "compare_server_default": True,
            "include_name": ours,
            "include_object": comparable,
        },
    )


def _sentence(difference: Any) -> str:
    # Column changes come as a list of tuples, everything else as one tuple: (what, ...).
    parts = difference if isinstance(difference, list) else [difference]
    return "; ".join(" ".join(str(item) for item in part) for part in parts)
