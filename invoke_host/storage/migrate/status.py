"""Where each lineage stands, read without importing Alembic: that costs more than the whole start of the host.

The revisions are read from the migration files' text; a test holds this against Alembic's own answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, inspect, text

from invoke_host.api import MigrationLineage, SchemaError

#: `empty`: no version row and none of its tables. `pending`: an upgrade is known. `current`: nothing to do.
#: `newer`: the database's revision is not in this program. `foreign`: tables, but no version row.
State = Literal["empty", "pending", "current", "newer", "foreign"]

_REVISION = re.compile(r"^revision(?:: *str)? *= *[\"']([^\"']+)[\"']", re.MULTILINE)
_DOWN = re.compile(r"^down_revision(?:: *[^=]+)? *= *(?:None|[\"']([^\"']+)[\"'])", re.MULTILINE)
_VERSION_TABLE = re.compile(r"invoke_schema_([a-z0-9_]+)")


@dataclass(frozen=True, slots=True)
class LineageStatus:
    """One lineage: the database's revision (None = none), the program's newest, and what follows from them."""

    name: str
    current: str | None
    head: str
    state: State


@cache
def revisions(versions: Path) -> tuple[str, ...]:
    """All revisions of a `versions` folder, oldest first.

    Raises:
        SchemaError: a file lacks its revision, or they do not form one line.
    """
    down_of: dict[str, str | None] = {}
    for file in sorted(versions.glob("*.py")):
        source = file.read_text(encoding="utf-8")
        revision, down = _REVISION.search(source), _DOWN.search(source)
        if revision is None or down is None:
            raise SchemaError(f"{file}: a migration must set `revision` and `down_revision` as plain strings")
        down_of[revision[1]] = down[1]
    after = {down: revision for revision, down in down_of.items()}
    line: list[str] = []
    step = after.get(None)
    while step is not None:
        line.append(step)
        step = after.get(step)
    if not line or len(line) != len(down_of):
        raise SchemaError(f"{versions}: the migrations do not form one line from a first to a last revision")
    return tuple(line)


def head_revision(lineage: MigrationLineage) -> str:
    """The newest revision that this program knows."""
    return revisions(lineage.script_location / "versions")[-1]


def status(connection: Connection, lineages: Sequence[MigrationLineage]) -> list[LineageStatus]:
    """Where each lineage stands, in the order given."""
    tables = set(inspect(connection).get_table_names())
    return [_status(connection, lineage, tables) for lineage in lineages]


def orphans(connection: Connection, lineages: Sequence[MigrationLineage]) -> list[str]:
    """Names of lineages in the database whose plugin is not loaded; their tables are left alone."""
    known = {lineage.name for lineage in lineages}
    found = (_VERSION_TABLE.fullmatch(table) for table in inspect(connection).get_table_names())
    return sorted(match[1] for match in found if match and match[1] not in known)


def _status(connection: Connection, lineage: MigrationLineage, tables: set[str]) -> LineageStatus:
    known = revisions(lineage.script_location / "versions")
    current = _current(connection, lineage) if lineage.version_table in tables else None
    state: State
    if current is None:
        state = "foreign" if tables & set(lineage.metadata.tables) else "empty"
    elif current not in known:
        state = "newer"
    else:
        state = "current" if current == known[-1] else "pending"
    return LineageStatus(lineage.name, current, known[-1], state)


def _current(connection: Connection, lineage: MigrationLineage) -> str | None:
    found = connection.execute(text(f"SELECT version_num FROM {lineage.version_table}")).scalars().all()  # noqa: S608 - a name from a manifest, not input
    if len(found) > 1:
        raise SchemaError(f"the table {lineage.version_table} holds {len(found)} revisions, expected one: {found}")
    return str(found[0]) if found else None
