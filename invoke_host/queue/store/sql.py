"""SQL that both databases have under different names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import orjson
from sqlalchemy import BigInteger, Boolean, String, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

Upsert: TypeAlias = postgresql.Insert | sqlite.Insert


def insert_into(table: Table, dialect: str) -> Upsert:
    """An INSERT that knows ON CONFLICT, which both databases write alike."""
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


class larger(GenericFunction[int]):  # noqa: N801 - reads as the SQL function it is
    """The larger of two whole numbers."""

    type = BigInteger()
    inherit_cache = True


@compiles(larger, "sqlite")
def _sqlite(element: larger, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"max({compiler.process(element.clauses, **kwargs)})"


@compiles(larger, "postgresql")
def _postgresql(element: larger, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"greatest({compiler.process(element.clauses, **kwargs)})"


class among(GenericFunction[bool]):  # noqa: N801 - see above
    """`among(column, values)`: is the column's value in that JSON array (`as_list`) of whole numbers or texts?

    One bound value however many they are, so that such a statement can be prepared, as one with an IN (...) can't.
    """

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """Itself: it is a condition as it stands. As `... = 1`, which a function becomes, no index would serve it."""
        return self


@compiles(among, "sqlite")
def _sqlite_among(element: among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, values = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are SQLAlchemy's own SQL


@compiles(among, "postgresql")
def _postgresql_among(element: among, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, values = (compiler.process(clause, **kwargs) for clause in element.clauses)
    kind = "TEXT" if isinstance(next(iter(element.clauses)).type, String) else "BIGINT"
    found = f"SELECT CAST(value AS {kind}) FROM json_array_elements_text(CAST({values} AS JSON))"  # noqa: S608
    return f"{column} = ANY (ARRAY({found}))"


def as_list(values: Iterable[int] | Iterable[str]) -> str:
    """The array that `among` takes."""
    return orjson.dumps(list(values)).decode()
