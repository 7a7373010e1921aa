"""Streams: where the images of one kind and place lie in an index, and reading from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Boolean, ColumnElement, Connection, Select, String, bindparam, select

from invoke_host.images.kept import kept
from invoke_host.images.listing.sight import Sight
from invoke_host.images.query import Order
from invoke_host.images.tables import images
from invoke_host.storage import PlainRow, PreparedSelect

BEFORE_ALL = 0
AFTER_ALL = 2**63 - 1

#: everywhere; on a board; on no board; of one user on a board; of one user on no board.
Shape: TypeAlias = Literal["all", "board", "loose", "own", "own_loose"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the images of a stream are: which of `user_id` and `board_id` count depends on the shape."""

    shape: Shape
    board_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """Images of one kind in one place, in the order of arrival.

    `head` is the first that a page may hold, if known; `is_past`: it is known that there is none.
    """

    place: Place
    category: str
    is_intermediate: bool
    starred: bool
    count: int
    head: int | None = None
    is_past: bool = False

    @property
    def kind(self) -> tuple[str, bool, bool]:
        """What its images have in common, in the order of KIND_COLUMNS."""
        return (self.category, self.is_intermediate, self.starred)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a stream: at most `limit` images after the id `after`, once `skip` are left out."""

    after: int
    limit: int
    skip: int = 0


def start(order: Order) -> int:
    """The id to begin after."""
    return AFTER_ALL if order.descending else BEFORE_ALL


def read_rows(conn: Connection, sight: Sight, order: Order, stream: Stream, span: Span) -> Sequence[PlainRow]:
    """Rows for `dto`, in order."""
    statement = _rows_statement(*_asked(sight, stream), sight.listed, order.descending)
    kind = stream.kind
    return [(*row, *kind) for row in statement.all(conn, _values(sight, stream, span))]


def read_ids(conn: Connection, sight: Sight, order: Order, stream: Stream, span: Span) -> list[int]:
    """Ids, in order."""
    statement = _ids_statement(*_asked(sight, stream), order.descending)
    return [row[0] for row in statement.all(conn, _values(sight, stream, span))]


def read_names(conn: Connection, sight: Sight, stream: Stream) -> Sequence[PlainRow]:
    """Ids and names of all, in the order of their ids."""
    statement = _names_statement(*_asked(sight, stream))
    return statement.all(conn, _values(sight, stream, Span(AFTER_ALL, AFTER_ALL)))


def rows_of(conn: Connection, sight: Sight, ids: Sequence[int]) -> list[PlainRow]:
    """Rows for `dto` of these images, in this order; without those that may not be seen."""
    if not ids:
        return []
    found = {row[0]: row for row in conn.execute(_by_id_statement(sight.images, sight.columns), {"ids": ids})}
    return [found[each] for each in ids if each in found]


def _asked(sight: Sight, stream: Stream) -> tuple[Shape, ColumnElement[bool]]:
    return stream.place.shape, sight.images_on_board if stream.place.shape == "board" else sight.images


def _values(sight: Sight, stream: Stream, span: Span) -> dict[str, Any]:
    values: dict[str, Any] = {
        "intermediate_": stream.is_intermediate,
        "category_": stream.category,
        "starred_": stream.starred,
        "after_": span.after,
        "limit_": span.limit,
        "skip_": span.skip,
    }
    shape = stream.place.shape
    if shape in ("board", "own"):
        values["board_"] = stream.place.board_id
    if shape in ("own", "own_loose"):
        values["user_"] = sight.actor.id
    return values


@kept
def _rows_statement(
    shape: Shape, allowed: ColumnElement[bool], columns: tuple[ColumnElement[Any], ...], descending: bool
) -> PreparedSelect:
    return PreparedSelect(_in_stream(select(*columns), shape, allowed, descending))


@kept
def _ids_statement(shape: Shape, allowed: ColumnElement[bool], descending: bool) -> PreparedSelect:
    return PreparedSelect(_in_stream(select(images.c.id), shape, allowed, descending))


@kept
def _names_statement(shape: Shape, allowed: ColumnElement[bool]) -> PreparedSelect:
    return PreparedSelect(_in_stream(select(images.c.id, images.c.name), shape, allowed, True))


@kept
def _by_id_statement(allowed: ColumnElement[bool], columns: tuple[ColumnElement[Any], ...]) -> Select[Any]:
    return select(*columns).where(images.c.id.in_(bindparam("ids", expanding=True)), allowed)


def _in_stream(
    statement: Select[*tuple[Any, ...]], shape: Shape, allowed: ColumnElement[bool], descending: bool
) -> Select[Any]:
    position = images.c.id
    after = bindparam("after_", type_=position.type)
    return (
        statement.where(
            *_place(shape),
            images.c.is_intermediate == bindparam("intermediate_", type_=Boolean()),
            images.c.category == bindparam("category_", type_=String()),
            images.c.starred == bindparam("starred_", type_=Boolean()),
            position < after if descending else position > after,
            allowed,
        )
        .order_by(position.desc() if descending else position.asc())
        .limit(bindparam("limit_"))
        .offset(bindparam("skip_"))
    )


def _place(shape: Shape) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if shape in ("own", "own_loose"):
        conditions.append(images.c.user_id == bindparam("user_", type_=String()))
    if shape in ("board", "own"):
        conditions.append(images.c.board_id == bindparam("board_", type_=String()))
    if shape in ("loose", "own_loose"):
        conditions.append(images.c.board_id.is_(None))
    return conditions
