"""What the counters say: which streams hold anything that an actor may see, and how much."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    bindparam,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from invoke_host.boards.tables import boards
from invoke_host.images.kept import kept
from invoke_host.images.listing.sight import Sight
from invoke_host.images.listing.streams import Place, Stream
from invoke_host.images.query import Filters
from invoke_host.images.tables import NO_BOARD, image_counts, images
from invoke_host.storage import NOTHING, PlainRow, PreparedSelect

_KIND = (image_counts.c.category, image_counts.c.is_intermediate, image_counts.c.starred)

# In the order of the indexes, so that nothing is sorted.
_BY_KIND = (image_counts.c.is_intermediate, image_counts.c.category, image_counts.c.starred)

#: The kinds that a listing is about: categories and is_intermediate, None = no matter.
_Kinds: TypeAlias = tuple[frozenset[str] | None, bool | None]


@dataclass(frozen=True, slots=True)
class Heads:
    """Asks for the first image of each stream after these ids, one for starred streams and one for the others."""

    descending: bool
    after_starred: int
    after_rest: int


def everywhere(conn: Connection, sight: Sight, filters: Filters) -> list[Stream]:
    """The streams of everything there is, with the number of those that the actor may see."""
    rows = _kinds_statement(sight.counts, _kinds(filters), False).all(conn, {})
    return [_stream(Place("all"), row) for row in rows]


def on_no_board(conn: Connection, sight: Sight, filters: Filters) -> list[Stream]:
    """The streams of everybody's images on no board."""
    rows = _kinds_statement(sight.counts, _kinds(filters), True).all(conn, {"board_": NO_BOARD})
    return [_stream(Place("loose"), row) for row in rows]


def on_board(conn: Connection, sight: Sight, filters: Filters, board_id: str) -> list[Stream]:
    """The streams of a board that the actor sees."""
    rows = _kinds_statement(sight.counts_on_board, _kinds(filters), True).all(conn, {"board_": board_id})
    return [_stream(Place("board", board_id), row) for row in rows]


def on_boards(conn: Connection, sight: Sight, filters: Filters, heads: Heads) -> list[Stream]:
    """The streams of all boards that the actor sees, with their heads."""
    statement = _boards_statement(
        sight.boards, sight.counts_on_board, sight.images_on_board, _kinds(filters), heads.descending
    )
    rows = statement.all(conn, {"after_starred_": heads.after_starred, "after_rest_": heads.after_rest})
    return [_stream(Place("board", row[0]), row[1:]) for row in rows]


def by_board(conn: Connection, sight: Sight, filters: Filters) -> dict[str, int]:
    """How many images each board that the actor sees holds; boards that hold none are left out."""
    rows = _by_board_statement(sight.boards, sight.counts_on_board, _kinds(filters)).all(conn, {})
    return {board_id: count for board_id, count in rows if count}


def own(conn: Connection, sight: Sight, filters: Filters, elsewhere: Collection[str]) -> list[Stream]:
    """The streams of the actor's own images, less those on the boards `elsewhere`."""
    rows = _own_statement(sight.counts, _kinds(filters)).all(conn, {"user_": sight.actor.id})
    return [
        _stream(Place("own_loose") if row[0] == NO_BOARD else Place("own", row[0]), row[1:])
        for row in rows
        if row[0] not in elsewhere
    ]


def hidden(conn: Connection, sight: Sight, filters: Filters) -> list[Stream]:
    """The streams of the actor's own images that are on boards they do not see, or on none."""
    mine = own(conn, sight, filters, ())
    named = {stream.place.board_id for stream in mine if stream.place.board_id is not None}
    seen = {board_id for board_id in named if _seen_statement(sight.boards).first(conn, {"board_": board_id})}
    return [stream for stream in mine if stream.place.board_id not in seen]


def _kinds(filters: Filters) -> _Kinds:
    return filters.categories, filters.is_intermediate


def _stream(place: Place, row: PlainRow) -> Stream:
    category, is_intermediate, starred, count, *head = row
    first = head[0] if head else None
    return Stream(place, category, is_intermediate == 1, starred == 1, int(count), first, bool(head) and first is None)


def _of_kind(kinds: _Kinds) -> Iterable[ColumnElement[bool]]:
    categories, is_intermediate = kinds
    yield image_counts.c.count > 0
    if categories is not None:
        yield or_(false(), *(image_counts.c.category == literal(each, String()) for each in sorted(categories)))
    if is_intermediate is not None:
        yield image_counts.c.is_intermediate.is_(is_intermediate)


@kept
def _kinds_statement(allowed: ColumnElement[bool], kinds: _Kinds, one_board: bool) -> PreparedSelect:
    statement = select(*_KIND, func.sum(image_counts.c.count)).where(*_of_kind(kinds), allowed).group_by(*_BY_KIND)
    return PreparedSelect(statement.where(image_counts.c.board_id == bindparam("board_")) if one_board else statement)


@kept
def _own_statement(allowed: ColumnElement[bool], kinds: _Kinds) -> PreparedSelect:
    return PreparedSelect(
        select(image_counts.c.board_id, *_KIND, image_counts.c.count).where(
            image_counts.c.user_id == bindparam("user_", type_=String()), *_of_kind(kinds), allowed
        )
    )


@kept
def _seen_statement(seen: ColumnElement[bool]) -> PreparedSelect:
    return PreparedSelect(select(boards.c.id).where(boards.c.id == bindparam("board_"), seen))


@kept
def _by_board_statement(seen: ColumnElement[bool], allowed: ColumnElement[bool], kinds: _Kinds) -> PreparedSelect:
    counts = select(func.sum(image_counts.c.count)).where(
        image_counts.c.board_id == boards.c.id, *_of_kind(kinds), allowed
    )
    return PreparedSelect(select(boards.c.id, counts.correlate(boards).scalar_subquery()).where(seen))


@kept
def _boards_statement(
    seen: ColumnElement[bool],
    allowed: ColumnElement[bool],
    images_allowed: ColumnElement[bool],
    kinds: _Kinds,
    descending: bool,
) -> PreparedSelect:
    counted = select(boards.c.id.label("board_id"), *_KIND, func.sum(image_counts.c.count).label("count"))
    # `|| ''` keeps SQLite from going through all counters and asking of each whether its board is seen.
    joined = image_counts.c.board_id == boards.c.id.concat(literal("", String()))
    found = counted.where(seen, joined, *_of_kind(kinds), allowed).group_by(boards.c.id, *_BY_KIND).subquery("found")
    after = case((found.c.starred, bindparam("after_starred_", type_=images.c.id.type)), else_=bindparam("after_rest_"))
    head = (
        select(images.c.id)
        .where(
            images.c.board_id == found.c.board_id,
            images.c.is_intermediate == found.c.is_intermediate,
            images.c.category == found.c.category,
            images.c.starred == found.c.starred,
            images.c.id < after if descending else images.c.id > after,
            images_allowed,
        )
        .order_by(images.c.id.desc() if descending else images.c.id.asc())
        .limit(literal_column("1"))
        .offset(NOTHING)
        .correlate(found)
        .scalar_subquery()
    )
    return PreparedSelect(select(*found.c, head.label("head")))
