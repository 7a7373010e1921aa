"""A statement in the words of one dialect, ready for the driver's own cursor; or the finding that it can't be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    Boolean,
    Connection,
    Delete,
    Dialect,
    Enum,
    Insert,
    Integer,
    Select,
    String,
    Update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.cache_key import CacheKey
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Double, Float
from sqlalchemy.util import LRUCache

Write: TypeAlias = Insert | Update | Delete
Statement: TypeAlias = Select[*tuple[Any, ...]] | Write

_Convert: TypeAlias = Callable[[Any], Any]

#: Types whose values come from the driver as they are wanted (Enum, which is a String too, does not).
_PLAIN = (String, Integer, Boolean)


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
_SHAPES: LRUCache[tuple[Dialect, frozenset[str], Any], _Shape | None] = LRUCache(1000)


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement in the words of one dialect. `direct` is False where only SQLAlchemy itself can run it."""

    dialect: Dialect
    #: What SQLAlchemy runs where the driver can't.
    statement: Statement
    driver_error: type[Exception]
    #: Names of a run's values, where they decide which columns are written; empty for what only reads.
    keys: frozenset[str]
    direct: bool = False
    sql: str = ""
    order: tuple[str, ...] | None = None
    #: Values that belong to the statement; a run may replace them.
    fixed: Mapping[str, Any] = field(default_factory=dict)
    converts: tuple[tuple[str, _Convert], ...] = ()

    @classmethod
    def of(cls, statement: Statement, dialect: Dialect, keys: frozenset[str] = frozenset()) -> Plan:
        """The plan for runs with values of these names."""
        driver_error: type[Exception] = dialect.loaded_dbapi.Error
        compiled_as = _without_implied_returning(statement)
        cache_key = compiled_as._generate_cache_key()  # noqa: SLF001 - what SQLAlchemy itself caches compiled SQL by
        known = None if cache_key is None else (dialect, keys, cache_key.key)
        if known is None or known not in _SHAPES:
            shape = _shape(compiled_as, dialect, keys, cache_key)
            # Never share a statement with a value in it whose origin is unknown: it could be another user's id.
            if known is not None and (shape is None or all(at is not None for _, at, _ in shape.fixed)):
                _SHAPES[known] = shape
        else:
            shape = _SHAPES[known]
        if shape is None:
            return cls(dialect, statement, driver_error, keys)
        values = () if cache_key is None else cache_key.bindparams
        fixed = {name: value if at is None else values[at].value for name, at, value in shape.fixed}
        return cls(dialect, statement, driver_error, keys, True, shape.sql, shape.order, fixed, shape.converts)

    def values(self, parameters: Mapping[str, Any]) -> Any:
        """What the driver wants beside the SQL. Raises KeyError for a value that is missing."""
        if self.fixed or self.converts or self.order is None:
            parameters = named = {**self.fixed, **parameters}
            for name, convert in self.converts:
                named[name] = convert(named[name])
        return parameters if self.order is None else [parameters[name] for name in self.order]

    def as_sqlalchemy_reports(self, error: Exception, conn: Connection, values: Any) -> BaseException:
        """The exception that `conn.execute` would raise, so that backends classify one kind of error only."""
        if self.dialect.is_disconnect(error, conn.connection, None):  # type: ignore[arg-type]  # it is a driver's Error
            conn.invalidate(error)
        return DBAPIError.instance(
            self.sql,
            values,
            error,
            self.driver_error,
            hide_parameters=conn.engine.hide_parameters,
            dialect=self.dialect,
        )


def _without_implied_returning(statement: Statement) -> Statement:
    # SQLAlchemy would else add a RETURNING of its own, for the key that a database gave to a row.
    if isinstance(statement, Insert | Update) and not statement.exported_columns:
        return statement.inline()
    return statement


def _shape(statement: Statement, dialect: Dialect, keys: frozenset[str], cache_key: CacheKey | None) -> _Shape | None:
    columns = None if isinstance(statement, Select) else sorted(keys)
    compiled = statement.compile(dialect=dialect, cache_key=cache_key, column_keys=columns)
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


def _fits(compiled: SQLCompiler, statement: Statement) -> bool:
    rows: Sequence[Any] = list(
        statement.selected_columns if isinstance(statement, Select) else statement.exported_columns
    )
    # The placeholders of an IN (...) are written anew at each run, a callable is asked for its value at each run, and
    # so is a default that Python makes.
    plain_values = not (
        compiled.post_compile_params
        or compiled.literal_execute_params
        or compiled.escaped_bind_names
        or any(bind.callable is not None for bind in compiled.binds.values())
        or (not isinstance(statement, Select) and (compiled.insert_prefetch or compiled.update_prefetch))
    )
    return plain_values and all(map(_is_plain, rows))


def _is_plain(column: Any) -> bool:
    kind = column.type
    if isinstance(kind, Float):
        # A column's values are floats for both drivers; an expression's may be decimals on PostgreSQL.
        return not kind.asdecimal and (isinstance(kind, Double) or getattr(column, "table", None) is not None)
    return isinstance(kind, _PLAIN) and not isinstance(kind, Enum)
