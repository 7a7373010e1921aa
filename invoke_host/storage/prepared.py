"""Statements that run many times a second: compiled once, then run on the driver's own cursor.

SQLAlchemy still writes the SQL, access predicates and all, for the database at hand. What is saved is its machinery
around each run (execution context, event hooks, result objects), which costs more than the statements themselves: 22 of
the 42 us of reading one image by name, see docs/adr/0900-prepared-reads.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Integer, Select, literal_column

from invoke_host.storage.plans import Plan, Write

#: One row, in the order of the selected columns.
PlainRow: TypeAlias = Sequence[Any]

#: For `offset()` beside a `limit()` that is no bound value: SQLite's dialect would else bind a 0 of its own making, and
#: a statement with values of unknown origin is compiled anew for each user.
NOTHING: ColumnElement[int] = literal_column("0", Integer())

#: SQLAlchemy forgets how many rows an INSERT wrote, unless it is told that somebody will ask.
_COUNTED = {"preserve_rowcount": True}


class PreparedSelect:
    """A SELECT whose bound values may differ from run to run, on one database or several. Safe on several threads.

    Rows come as the driver makes them. For text and whole numbers that is what SQLAlchemy would make of them; for
    booleans it is 0 and 1 on SQLite, so compare with `== 1` where a real one is needed. What does not fit (columns of
    other types, an IN (...), values computed at each run) runs through SQLAlchemy as always, and so does everything
    while somebody listens to `before_cursor_execute`.
    """

    __slots__ = ("_plan", "_statement")

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self._statement = statement
        self._plan: Plan | None = None

    def all(self, conn: Connection, parameters: Mapping[str, Any]) -> Sequence[PlainRow]:
        """All rows. Call it inside a unit of work; raises what `conn.execute` would."""
        plan = self._plan
        if plan is None or plan.dialect is not conn.dialect:
            plan = self._plan = Plan.of(self._statement, conn.dialect)
        return _rows(conn, plan, parameters)

    def first(self, conn: Connection, parameters: Mapping[str, Any]) -> PlainRow | None:
        """The only row, or None; for statements that find at most one. Otherwise like `all`."""
        rows = self.all(conn, parameters)
        return rows[0] if rows else None


class PreparedWrite:
    """An INSERT, UPDATE or DELETE, run like a PreparedSelect and falling back like one. Safe on several threads.

    As with `conn.execute`, values of a run that are named like columns are written to these columns: `insert(table)`
    alone writes what it is given. Give a function of the dialect's name (`sqlite`, `postgresql`) where databases need
    different statements, as for ON CONFLICT. With RETURNING use `all` or `first`, without it `run` or `many`.
    """

    __slots__ = ("_plan", "_statement")

    def __init__(self, statement: Write | Callable[[str], Write]) -> None:
        self._statement = statement
        self._plan: Plan | None = None

    def run(self, conn: Connection, parameters: Mapping[str, Any]) -> int:
        """How many rows it changed. Call it inside a unit of work; raises what `conn.execute` would."""
        plan = self._planned(conn, parameters)
        if not plan.direct or conn.dispatch.before_cursor_execute:
            return conn.execute(plan.statement, parameters, execution_options=_COUNTED).rowcount
        values = plan.values(parameters)
        cursor = conn.connection.cursor()
        try:
            cursor.execute(plan.sql, values)
            return cursor.rowcount
        except plan.driver_error as error:
            raise plan.as_sqlalchemy_reports(error, conn, values) from error
        finally:
            cursor.close()

    def many(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Once for each of the rows, which all have the same names; how many rows of the table it changed in all."""
        if not rows:
            return 0
        plan = self._planned(conn, rows[0])
        if not plan.direct or conn.dispatch.before_cursor_execute:
            return conn.execute(plan.statement, rows, execution_options=_COUNTED).rowcount
        values = [plan.values(row) for row in rows]
        cursor = conn.connection.cursor()
        try:
            cursor.executemany(plan.sql, values)
            return cursor.rowcount
        except plan.driver_error as error:
            raise plan.as_sqlalchemy_reports(error, conn, values) from error
        finally:
            cursor.close()

    def all(self, conn: Connection, parameters: Mapping[str, Any]) -> Sequence[PlainRow]:
        """What its RETURNING says of the rows that it changed, in no order. Raises what `conn.execute` would."""
        return _rows(conn, self._planned(conn, parameters), parameters)

    def first(self, conn: Connection, parameters: Mapping[str, Any]) -> PlainRow | None:
        """The only row, or None; for statements that change at most one. Otherwise like `all`."""
        rows = self.all(conn, parameters)
        return rows[0] if rows else None

    def _planned(self, conn: Connection, parameters: Mapping[str, Any]) -> Plan:
        plan = self._plan
        if plan is None or plan.dialect is not conn.dialect or plan.keys != parameters.keys():
            statement = self._statement
            made = statement(conn.dialect.name) if callable(statement) else statement
            plan = self._plan = Plan.of(made, conn.dialect, frozenset(parameters))
        return plan


def _rows(conn: Connection, plan: Plan, parameters: Mapping[str, Any]) -> Sequence[PlainRow]:
    if not plan.direct or conn.dispatch.before_cursor_execute:  # somebody wants to see or change what is run
        return conn.execute(plan.statement, parameters).all()
    values = plan.values(parameters)
    cursor = conn.connection.cursor()
    try:
        cursor.execute(plan.sql, values)
        return cursor.fetchall()
    except plan.driver_error as error:
        raise plan.as_sqlalchemy_reports(error, conn, values) from error
    finally:
        cursor.close()
