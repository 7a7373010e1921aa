"""How a database's schema stands to this program, lineage by lineage: from the version rows and the tables' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnClause, Connection, Engine, column, inspect, select, table

from invoke_host.api import MigrationLineage, SchemaError, StorageBackend
from invoke_host.storage.migrate.revisions import Revisions, read_revisions

VERSION_TABLE_PREFIX = "invoke_schema_"

State = Literal["current", "new", "behind", "newer", "untracked", "orphan"]


@dataclass(frozen=True, slots=True)
class LineageStatus:
    """One lineage in one database.

    `current`: as this program needs it. `new`: nothing there yet. `behind`: `pending` is to be applied. `newer`: at a
    revision this program does not know. `untracked`: tables without a version row. `orphan`: no loaded plugin has it.
    """

    name: str
    state: State
    current: str | None
    head: str | None
    pending: tuple[str, ...] = ()
    detail: str = ""

    @property
    def problem(self) -> str | None:
        """Why this schema can't be used and can't be upgraded, or None."""
        if self.state == "newer":
            return (
                f"the schema {self.name!r} of the database is at revision {self.current!r}, unknown to this program, "
                f"which knows up to {self.head!r}: a newer version has used the database. Start that version, or "
                "restore the backup made before its upgrade"
            )
        if self.state == "untracked":
            return (
                f"the database holds tables of {self.name!r} ({self.detail}) but no record of their revision, so no "
                "migration can be trusted to fit. Nothing was changed. Restore a backup, or name another database"
            )
        return None


def status(engine: Engine, backend: StorageBackend, lineages: Sequence[MigrationLineage]) -> list[LineageStatus]:
    """The state of each lineage, in their order, then of the orphans.

    Raises:
        SchemaError: the files of a lineage are no single line, or a version table holds more than one row.
        StorageError: the database can't be read.
    """
    try:
        with engine.connect() as connection:
            return read_status(connection, lineages)
    except Exception as error:
        known = backend.classify(error)
        if known is None:
            raise
        raise known from error


def read_status(connection: Connection, lineages: Sequence[MigrationLineage]) -> list[LineageStatus]:
    """`status` on a connection that is open already."""
    tables = frozenset(inspect(connection).get_table_names())
    known = {lineage.version_table for lineage in lineages}
    found = [_status(connection, lineage, tables) for lineage in lineages]
    for name in sorted(tables - known):
        if name.startswith(VERSION_TABLE_PREFIX):
            current = _revision(connection, name)
            found.append(LineageStatus(name.removeprefix(VERSION_TABLE_PREFIX), "orphan", current, None))
    return found


def _status(connection: Connection, lineage: MigrationLineage, tables: frozenset[str]) -> LineageStatus:
    revisions = read_revisions(lineage)
    current = _revision(connection, lineage.version_table) if lineage.version_table in tables else None
    if current is None:
        present = sorted(name for name in tables if _belongs(lineage, name))
        if present:
            shown = ", ".join(present[:3]) + (", ..." if len(present) > 3 else "")
            return LineageStatus(lineage.name, "untracked", None, revisions.head, (), shown)
        state: State = "new" if revisions.order else "current"
        return LineageStatus(lineage.name, state, None, revisions.head, revisions.order)
    return _tracked(lineage, current, revisions)


def _tracked(lineage: MigrationLineage, current: str, revisions: Revisions) -> LineageStatus:
    if current not in revisions.order:
        return LineageStatus(lineage.name, "newer", current, revisions.head)
    pending = revisions.after(current)
    return LineageStatus(lineage.name, "behind" if pending else "current", current, revisions.head, pending)


def _belongs(lineage: MigrationLineage, name: str) -> bool:
    return name in lineage.metadata.tables or bool(lineage.prefix and name.startswith(lineage.prefix))


def _revision(connection: Connection, version_table: str) -> str | None:
    number: ColumnClause[str] = column("version_num")
    rows: Sequence[str] = connection.scalars(select(number).select_from(table(version_table, number))).all()
    if len(rows) > 1:
        raise SchemaError(f"the table {version_table} holds {len(rows)} revisions, {', '.join(rows)}; expected one")
    return rows[0] if rows else None
