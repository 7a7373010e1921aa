"""What all tables share: one MetaData with a naming convention, column types, and the database's own clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, MetaData, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

#: Constraint names are fixed so that SQLite batch migrations can drop them.
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)

#: UTC text with milliseconds (`invoke_host.clock.timestamp`): goes to clients as it is, sorts by time.
Timestamp = String(23)

#: Seconds since the epoch by the database's clock, for leases only.
Epoch = Float(53)


class db_epoch(GenericFunction[float]):  # noqa: N801 - reads as the SQL function it is
    """Now by the database's clock, in seconds since the epoch; the only time that leases are compared with."""

    type = Float()
    inherit_cache = True


@compiles(db_epoch, "sqlite")
def _sqlite(element: db_epoch, compiler: SQLCompiler, **kwargs: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_epoch, "postgresql")
def _postgresql(element: db_epoch, compiler: SQLCompiler, **kwargs: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"
