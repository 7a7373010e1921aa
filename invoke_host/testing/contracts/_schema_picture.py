"""What a database's tables look like, as text that can be compared, without Alembic's opinion of what matters."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, inspect, text

_INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = :table",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = :table",
}


def picture(connection: Connection, tables: Iterable[str]) -> list[str]:
    """One line for each column, key, constraint and index of the tables, sorted; order of columns does not count."""
    return sorted(line for name in sorted(tables) for line in _lines(connection, name))


def _lines(connection: Connection, name: str) -> Iterable[str]:
    found = inspect(connection)
    if not found.has_table(name):
        yield f"{name}: there is no such table"
        return
    for column in found.get_columns(name):
        null = "null" if column["nullable"] else "not null"
        yield f"{name}.{column['name']}: {column['type']!r} {null} default {column.get('default')}"
    key = found.get_pk_constraint(name)
    yield f"{name}: primary key {key['constrained_columns']} named {key['name']}"
    for each in found.get_foreign_keys(name):
        target = f"{each['referred_table']}{each['referred_columns']}"
        yield f"{name}: {each['constrained_columns']} references {target} {each['options']} named {each['name']}"
    for unique in found.get_unique_constraints(name):
        yield f"{name}: unique {unique['column_names']} named {unique['name']}"
    for rule in found.get_check_constraints(name):
        yield f"{name}: check {rule['sqltext']} named {rule['name']}"
    for index, definition in connection.execute(text(_INDEXES[connection.dialect.name]), {"table": name}):
        yield f"{name}: index {index}: {' '.join(definition.split())}"
