"""SELECTs that run many times a second: compiled once, then run on the driver's own cursor.

SQLAlchemy still writes the SQL, access predicates and all, for the database at hand. What is saved is its machinery
around each run (execution context, event hooks, result objects), which costs more than the reads themselves: 22 of the
42 us of reading one image by name, see docs/adr/0900-prepared-reads.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Enum,
    Integer,
    Select,
    String,
    literal_column,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

#: One row, in the order of the selected columns.
PlainRow: TypeAlias = Sequence[Any]

_Convert: TypeAlias = Callable[[Any], Any]

#: For `offset()` beside a `limit()` that is no bound value: SQLite's dialect would else bind a 0 of its own making, and
#: a statement with values of unknown origin is compiled anew for each user.
NOTHING: ColumnElement[int] = literal_column("0", Integer())

#: Types whose values come from the driver as they are wanted (Enum, which is a String too, does not).
_PLAIN = (String, Integer, Boolean)


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
        self._plan: _Plan | None = None

    def all(self, conn: Connection, parameters: Mapping[str, Any]) -> Sequence[PlainRow]:
        """All rows. Call it inside a unit of work; raises what `conn.execute` would."""
        plan = self._plan
        if plan is None or plan.dialect is not conn.dialect:
            plan = self._plan = _Plan.of(self._statement, conn.dialect)
        if not plan.direct or conn.dispatch.before_cursor_execute:  # somebody wants to see or change what is run
            return conn.execute(self._statement, parameters).all()
        values = plan.values(parameters)
        cursor = conn.connection.cursor()
        try:
            cursor.execute(plan.sql, values)
            return cursor.fetchall()
        except plan.driver_error as error:
            raise _as_sqlalchemy_reports(error, conn, plan, values) from error
        finally:
            cursor.close()

    def first(self, conn: Connection, parameters: Mapping[str, Any]) -> PlainRow | None:
        """The only row, or None; for statements that find at most one. Otherwise like `all`."""
        rows = self.all(conn, parameters)
        return rows[0] if rows else None


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is the same for all statements that differ in their values only."""

    sql: str
    #: Names of the placeholders in order, for drivers that count them; None for those that take names.
    order: tuple[str, ...] | None
    converts: tuple[tuple[str, _Convert], ...]
    #: Values that belong to the statement: name, where among the values of its cache key, else the value itself.
    fixed: tuple[tuple[str, int | None, Any], ...]


#: A predicate has its actor's id in it, so each user brings statements of their own; but they read alike, and compiling
#: one takes up to 10 ms. Safe on several threads.
_SHAPES: LRUCache[tuple[Dialect, Any], _Shape | None] = LRUCache(1000)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement in the words of one dialect. `direct` is False where only SQLAlchemy itself can run it."""

    dialect: Dialect
    driver_error: type[Exception]
    direct: bool = False
    sql: str = ""
    order: tuple[str, ...] | None = None
    #: Values that belong to the statement; a run may replace them.
    fixed: Mapping[str, Any] = field(default_factory=dict)
    converts: tuple[tuple[str, _Convert], ...] = ()

    @classmethod
    def of(cls, statement: Select[*tuple[Any, ...]], dialect: Dialect) -> _Plan:
        driver_error: type[Exception] = dialect.loaded_dbapi.Error
        cache_key = statement._generate_cache_key()  # noqa: SLF001 - what SQLAlchemy itself caches compiled SQL by
        known = None if cache_key is None else (dialect, cache_key.key)
        if known is None or known not in _SHAPES:
            shape = _shape(statement, dialect, cache_key)
            # Never share a statement with a value in it whose origin is unknown: it could be another user's id.
            if known is not None and (shape is None or all(at is not None for _, at, _ in shape.fixed)):
                _SHAPES[known] = shape
        else:
            shape = _SHAPES[known]
        if shape is None:
            return cls(dialect, driver_error)
        values = () if cache_key is None else cache_key.bindparams
        fixed = {name: value if at is None else values[at].value for name, at, value in shape.fixed}
        return cls(dialect, driver_error, True, shape.sql, shape.order, fixed, shape.converts)

    def values(self, parameters: Mapping[str, Any]) -> Any:
        """What the driver wants beside the SQL. Raises KeyError for a value that is missing."""
        named = {**self.fixed, **parameters}
        for name, convert in self.converts:
            named[name] = convert(named[name])
        return named if self.order is None else [named[name] for name in self.order]


def _shape(statement: Select[*tuple[Any, ...]], dialect: Dialect, cache_key: CacheKey | None) -> _Shape | None:
    compiled = statement.compile(dialect=dialect, cache_key=cache_key)
    if not isinstance(compiled, SQLCompiler) or not _fits(compiled, statement):
        return None
    converts = tuple(
        (name, convert)
        for bind, name in compiled.bind_names.items()
        if (convert := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    )
    places = _places(compiled, cache_key)
    own = [(bind, name) for bind, name in compiled.bind_names.items() if not bind.required]
    fixed = tuple((name, places.get(bind), bind.value) for bind, name in own)
    order = tuple(compiled.positiontup or ()) if compiled.positional else None
    return _Shape(compiled.string, order, converts, fixed)


def _places(compiled: SQLCompiler, cache_key: CacheKey | None) -> Mapping[BindParameter[Any], int]:
    """Which value of the cache key each placeholder has. SQLAlchemy copies them as it compiles, and keeps book."""
    match = compiled._cache_key_bind_match  # noqa: SLF001 - what `construct_params` goes by
    if cache_key is None or match is None:
        return {}
    by_bind = match[0]
    return {bind: at for at, own in enumerate(cache_key.bindparams) for bind in (own, *by_bind[own])}


def _fits(compiled: SQLCompiler, statement: Select[*tuple[Any, ...]]) -> bool:
    plain_rows = all(
        isinstance(column.type, _PLAIN) and not isinstance(column.type, Enum) for column in statement.selected_columns
    )
    # The placeholders of an IN (...) are written anew at each run, a callable is asked for its value at each run.
    plain_values = not (
        compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
        or any(bind.callable is not None for bind in compiled.binds.values())
    )
    return plain_rows and plain_values


def _as_sqlalchemy_reports(error: Exception, conn: Connection, plan: _Plan, values: Any) -> BaseException:
    """The exception that `conn.execute` would raise, so that backends classify one kind of error only."""
    if plan.dialect.is_disconnect(error, conn.connection, None):  # type: ignore[arg-type]  # it is a driver's Error
        conn.invalidate(error)
    return DBAPIError.instance(
        plan.sql, values, error, plan.driver_error, hide_parameters=conn.engine.hide_parameters, dialect=plan.dialect
    )
