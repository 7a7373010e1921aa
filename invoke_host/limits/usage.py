"""Counting what users use, by minute and by day, in the transactions that change the items.

An item is booked when it is enqueued, in the windows of its `created_at`; how it ends changes that booking in the same
windows (`bookings` has the rules). The month is the sum of its days. Minutes are forgotten after an hour, days are
kept. Windows are written last in a transaction (after lanes and counts), days before minutes, by user and time, so that
two writers never wait for each other in a circle.

The unit is always written out in conditions: SQLite compiles a statement anew at each run if a bound value might decide
whether a partial index fits, which takes several times as long as the statement itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Insert,
    String,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.identity.groups.tables import group_members
from invoke_host.limits.names import Unit, Window
from invoke_host.limits.tables import usage_windows
from invoke_host.limits.windows import day_of, minute_of, month_of
from invoke_host.storage.prepared import PlainRow, PreparedSelect, PreparedWrite


@dataclass(frozen=True, slots=True)
class Booking:
    """What an item adds to its owner's windows, or takes back. `created_at` is the item's."""

    user_id: str
    created_at: str
    images: int
    engine_us: int


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in one window."""

    images: int
    engine_us: int

    def of(self, unit: Unit) -> float:
        """In the unit of a quota."""
        return self.images if unit == "images" else self.engine_us / 1e6


_Unit = Literal["day", "minute"]
_UNITS: Final[tuple[_Unit, ...]] = ("day", "minute")


def book(conn: Connection, bookings: Iterable[Booking]) -> None:
    """Add to the windows of these items' owners.

    What adds images is new, and makes the windows that it needs. What only changes bookings made before (negative, or
    no images) leaves minutes alone that are forgotten already.
    """
    new: list[Booking] = []
    changes: list[Booking] = []
    for booking in bookings:
        (new if booking.images > 0 else changes).append(booking)
    _ADDED.many(conn, [{"unit_": unit, **row} for unit in _UNITS for row in _rows(new, unit)])
    for unit in _UNITS:
        _CHANGED[unit].many(conn, _rows(changes, unit))


def forget(conn: Connection, bookings: Iterable[Booking]) -> None:
    """The rows of items with these bookings are removed: what they used stays used, but can't be summed up any more."""
    gone = list(bookings)
    for unit in _UNITS:
        _GONE[unit].many(conn, _rows(gone, unit))


def forget_all(conn: Connection, user_id: str) -> None:
    """The same of all items of a user."""
    conn.execute(update(usage_windows).where(_c.user_id == user_id).values(gone_images=_c.images, gone_us=_c.engine_us))


def hand_over(conn: Connection, source: str, target: str) -> None:
    """All items of `source` are `target`'s now, and their bookings go with them; what is left is of removed items."""
    rows = conn.execute(select(usage_windows).where(_c.user_id == source).order_by(_c.unit, _c.starts_at)).all()
    moved = [
        {
            "user_id_": target,
            "unit_": row.unit,
            "starts_at_": row.starts_at,
            "images_": row.images - row.gone_images,
            "engine_us_": row.engine_us - row.gone_us,
        }
        for row in rows
    ]
    _ADDED.many(conn, [row for row in moved if row["images_"] or row["engine_us_"]])
    conn.execute(update(usage_windows).where(_c.user_id == source).values(images=_c.gone_images, engine_us=_c.gone_us))


def of_user(conn: Connection, user_id: str, now: str, *, month: bool = True) -> Mapping[Window, Used]:
    """What the user has used in the minute, the day and the month of `now`; without `month`, that is the day again."""
    return _windows(_OF_USER.all(conn, {"user_id_": user_id, **_bounds(now, month)}))


def of_group(conn: Connection, group_id: str, now: str, *, month: bool = True) -> Mapping[Window, Used]:
    """What those who are in the group now have used, together. A month is up to 31 rows of each of them."""
    return _windows(_OF_GROUP.all(conn, {"group_id_": group_id, **_bounds(now, month)}))


def _rows(bookings: Sequence[Booking], unit: _Unit) -> list[dict[str, str | int]]:
    start_of = day_of if unit == "day" else minute_of
    sums: dict[tuple[str, int], list[int]] = {}
    for booking in bookings:
        total = sums.setdefault((booking.user_id, start_of(booking.created_at)), [0, 0])
        total[0] += booking.images
        total[1] += booking.engine_us
    return [
        {"user_id_": user, "starts_at_": start, "images_": images, "engine_us_": engine_us}
        for (user, start), (images, engine_us) in sorted(sums.items())
        if images or engine_us
    ]


_c = usage_windows.c


def _is(unit: _Unit) -> ColumnElement[bool]:
    return _c.unit == literal_column(f"'{unit}'")


def _changing(**columns: tuple[Column[int], str]) -> Mapping[_Unit, PreparedWrite]:
    """Adds values to columns of a window that is there."""
    values = {name: column + bindparam(value) for name, (column, value) in columns.items()}
    start = _c.starts_at == bindparam("starts_at_")
    return {
        unit: PreparedWrite(
            update(usage_windows).where(_c.user_id == bindparam("user_id_"), _is(unit), start).values(values)
        )
        for unit in _UNITS
    }


_CHANGED = _changing(images=(_c.images, "images_"), engine_us=(_c.engine_us, "engine_us_"))
_GONE = _changing(gone_images=(_c.gone_images, "images_"), gone_us=(_c.gone_us, "engine_us_"))


def _added(dialect: str) -> Insert:
    row = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(usage_windows).values(
        user_id=bindparam("user_id_"),
        unit=bindparam("unit_"),
        starts_at=bindparam("starts_at_"),
        images=bindparam("images_"),
        engine_us=bindparam("engine_us_"),
    )
    return row.on_conflict_do_update(
        index_elements=list(usage_windows.primary_key.columns),
        set_={"images": _c.images + row.excluded.images, "engine_us": _c.engine_us + row.excluded.engine_us},
    )


_ADDED = PreparedWrite(_added)


def _sums(whose: ColumnElement[bool]) -> PreparedSelect:
    # A search by primary key and sums for each window: SQLite takes several times as long for one search with an OR,
    # sums of cases, or a join of the three.
    start = _c.starts_at
    day: BindParameter[int] = bindparam("day_")
    windows: dict[Window, ColumnElement[bool]] = {
        "minute": _is("minute") & (start == bindparam("minute_")),
        "day": _is("day") & (start == day),
        "month": _is("day") & (start >= bindparam("month_")) & (start <= day),
    }
    columns = [cast(func.coalesce(func.sum(each), 0), BigInteger) for each in (_c.images, _c.engine_us)]
    sums = (
        select(literal(window, String).label("window"), *columns).where(whose, where)
        for window, where in windows.items()
    )
    return PreparedSelect(select(union_all(*sums).subquery()))


_MEMBERS = select(group_members.c.user_id).where(group_members.c.group_id == bindparam("group_id_"))
_OF_USER = _sums(_c.user_id == bindparam("user_id_"))
_OF_GROUP = _sums(_c.user_id.in_(_MEMBERS))


def _bounds(now: str, month: bool) -> dict[str, int]:
    day = day_of(now)
    return {"minute_": minute_of(now), "day_": day, "month_": month_of(day) if month else day}


def _windows(rows: Sequence[PlainRow]) -> Mapping[Window, Used]:
    return {window: Used(images, engine_us) for window, images, engine_us in rows}
