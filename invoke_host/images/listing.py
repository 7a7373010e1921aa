"""Listing images: any page costs the same, however many images there are and however deep it lies.

The images of one (is_intermediate, category, starred) are a stream: a range of an index in the order of arrival. The
counters say which streams have anything in them (nearly always one or two), and give the total. A page is read from
those streams and merged; nothing is sorted, skipped or counted. Only `offset`, for clients that know no cursor, walks
over what it skips, and only text search and `origin`, which no counter knows, look at each image.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Select, String, bindparam, func, or_, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.images.access import COUNTED, VIEW
from invoke_host.images.query import Cursor, Filters, ListQuery, Order
from invoke_host.images.rows import DTO_COLUMNS, LISTED_COLUMNS, dto
from invoke_host.images.tables import image_counts, images
from invoke_host.storage import PlainRow, PreparedSelect, quick

#: A search says how many images match up to here; more are answered as this many.
MAX_SEARCH_TOTAL = 10_000

#: Up to this offset a page is read as fast as with a cursor; a larger one is walked on a database thread.
QUICK_OFFSET = 1000

_BEFORE_ALL = 0
_AFTER_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Images as JSON-ready objects, how many there are in all, and where to go on; None at the end."""

    items: list[dict[str, Any]]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Stream:
    """Images of one kind, in the order of arrival."""

    is_intermediate: bool
    category: str
    starred: bool
    count: int

    @property
    def kind(self) -> tuple[str, bool, bool]:
        """What its images have in common, in the order of KIND_COLUMNS."""
        return (self.category, self.is_intermediate, self.starred)


@quick
def page(conn: Connection, access: AccessEngine, actor: Actor, query: ListQuery) -> Page:
    """A page that the counters can steer (`query.filters.counted`, small offset): a few index ranges."""
    return _page(conn, access, actor, query)


def walked_page(conn: Connection, access: AccessEngine, actor: Actor, query: ListQuery) -> Page:
    """A page that takes a look at many images: a search, or a large offset. Not for the event loop."""
    return _page(conn, access, actor, query)


def warm_up(conn: Connection, access: AccessEngine, actor: Actor) -> None:
    """Compile the statements of a page, also where there are no images to list yet."""
    query = ListQuery()
    streams(conn, access, actor, query.filters)
    _Reader(conn, access.predicate(actor, VIEW.name), query).read([Stream(False, "general", False, 1)], 1)


def names(
    conn: Connection, access: AccessEngine, actor: Actor, filters: Filters, order: Order
) -> tuple[list[str], int]:
    """The names of all matching images in order, and how many of them are starred. Costs what there is: see cursor."""
    by_id = images.c.id.desc() if order.descending else images.c.id.asc()
    query = select(images.c.name, images.c.starred).where(access.predicate(actor, VIEW.name), *_extra(filters))
    if filters.categories is not None:
        query = query.where(images.c.category.in_(filters.categories))
    if filters.is_intermediate is not None:
        query = query.where(images.c.is_intermediate == filters.is_intermediate)
    if order.starred_first:
        query = query.order_by(images.c.starred.desc())
    rows = conn.execute(query.order_by(by_id)).all()
    return [row.name for row in rows], sum(row.starred for row in rows)


@quick
def streams(conn: Connection, access: AccessEngine, actor: Actor, filters: Filters) -> list[Stream]:
    """The streams that hold anything the actor may see, whatever `origin` and `search` say; with their sizes."""
    rows = _counts_statement(access.predicate(actor, VIEW.name, COUNTED)).all(conn, {})
    return [
        Stream(is_intermediate == 1, category, starred == 1, count)
        for category, is_intermediate, starred, count in rows
        if count > 0
        and (filters.categories is None or category in filters.categories)
        and (filters.is_intermediate is None or filters.is_intermediate == is_intermediate)
    ]


def _page(conn: Connection, access: AccessEngine, actor: Actor, query: ListQuery) -> Page:
    found = streams(conn, access, actor, query.filters)
    reader = _Reader(conn, access.predicate(actor, VIEW.name), query)
    rows: list[PlainRow] = []
    for segment in _segments(found, query):
        if len(rows) > query.limit:
            break
        rows += reader.read(segment, query.limit + 1 - len(rows))
    more = len(rows) > query.limit > 0
    rows = rows[: query.limit]
    items = [dto(row) for row in rows]
    cursor = Cursor(query.order, items[-1]["starred"], rows[-1][0]).encode() if more else None
    total = sum(stream.count for stream in found) if query.filters.counted else reader.count(found)
    return Page(items, total, cursor)


def _segments(found: Sequence[Stream], query: ListQuery) -> Iterable[list[Stream]]:
    """Groups of streams, one group after the other; a cursor in the unstarred group leaves the starred one behind."""
    if not query.order.starred_first:
        return [list(found)]
    past_starred = query.cursor is not None and not query.cursor.starred
    starred = [] if past_starred else [stream for stream in found if stream.starred]
    return [starred, [stream for stream in found if not stream.starred]]


class _Reader:
    """Reads segments one after the other, remembering how much of the offset is still to be skipped."""

    def __init__(self, conn: Connection, allowed: ColumnElement[bool], query: ListQuery) -> None:
        self._conn = conn
        self._allowed = allowed
        self._query = query
        self._skip = 0 if query.cursor else query.offset
        self._extra = _extra(query.filters)

    def read(self, segment: list[Stream], want: int) -> Sequence[PlainRow]:
        """At most `want` rows of the segment, in order."""
        if not segment:
            return []
        if len(segment) > 1 or self._extra:
            return self._merged(segment, want)
        stream = segment[0]
        if self._skip >= stream.count:  # the counters know: no need to walk
            self._skip -= stream.count
            return []
        statement = _stream_statement(self._allowed, self._query.order.descending)
        rows = statement.all(self._conn, self._parameters(stream, want, self._skip))
        self._skip = 0
        kind = stream.kind
        return [(*row, *kind) for row in rows]

    def count(self, found: Sequence[Stream]) -> int:
        """Matching images, but never more than MAX_SEARCH_TOTAL."""
        total = 0
        for stream in found:
            matching = self._ids(stream, MAX_SEARCH_TOTAL - total, after_cursor=False)
            total += len(matching)
        return total

    def _merged(self, segment: list[Stream], want: int) -> list[PlainRow]:
        descending = self._query.order.descending
        sources = [self._ids(stream, self._skip + want) for stream in segment]
        ids = list(heapq.merge(*sources, reverse=descending))[: self._skip + want]
        wanted = ids[self._skip :]
        self._skip = max(0, self._skip - len(ids))
        if not wanted:
            return []
        by_id = {row[0]: row for row in self._conn.execute(_BY_ID, {"ids": wanted})}
        return [by_id[each] for each in wanted if each in by_id]

    def _ids(self, stream: Stream, limit: int, *, after_cursor: bool = True) -> list[int]:
        statement = _ids_statement(self._allowed, self._query.order.descending)
        if self._extra:
            statement = statement.where(*self._extra)
        parameters = self._parameters(stream, limit, 0)
        if not after_cursor:
            parameters["after"] = _end(self._query.order)
        return list(self._conn.scalars(statement, parameters))

    def _parameters(self, stream: Stream, limit: int, skip: int) -> dict[str, Any]:
        cursor = self._query.cursor
        # A cursor among the starred ones says nothing about where in the unstarred ones to begin.
        goes_on = cursor is not None and (cursor.starred == stream.starred or not self._query.order.starred_first)
        return {
            "intermediate_": stream.is_intermediate,
            "category_": stream.category,
            "starred_": stream.starred,
            "after": cursor.id if cursor is not None and goes_on else _end(self._query.order),
            "limit_": limit,
            "skip": skip,
        }


def _end(order: Order) -> int:
    return _AFTER_ALL if order.descending else _BEFORE_ALL


# Statements are kept per predicate object (the access engine keeps those per actor): building one costs more than
# running it. The oldest fall out.
@lru_cache(1024)
def _counts_statement(allowed: ColumnElement[bool]) -> PreparedSelect:
    kind = (image_counts.c.category, image_counts.c.is_intermediate, image_counts.c.starred)
    return PreparedSelect(select(*kind, func.sum(image_counts.c.count)).where(allowed).group_by(*kind))


@lru_cache(1024)
def _stream_statement(allowed: ColumnElement[bool], descending: bool) -> PreparedSelect:
    return PreparedSelect(_in_stream(select(*LISTED_COLUMNS), allowed, descending).offset(bindparam("skip")))


@lru_cache(1024)
def _ids_statement(allowed: ColumnElement[bool], descending: bool) -> Select[Any]:
    return _in_stream(select(images.c.id), allowed, descending)


def _in_stream(statement: Select[*tuple[Any, ...]], allowed: ColumnElement[bool], descending: bool) -> Select[Any]:
    position = images.c.id
    after = bindparam("after", type_=position.type)
    return (
        statement.where(
            allowed,
            images.c.is_intermediate == bindparam("intermediate_", type_=Boolean()),
            images.c.category == bindparam("category_", type_=String()),
            images.c.starred == bindparam("starred_", type_=Boolean()),
            position < after if descending else position > after,
        )
        .order_by(position.desc() if descending else position.asc())
        .limit(bindparam("limit_"))
    )


_BY_ID = select(*DTO_COLUMNS).where(images.c.id.in_(bindparam("ids", expanding=True)))


def _extra(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.origin is not None:
        conditions.append(images.c.origin == filters.origin)
    if filters.search:
        found = [
            column.icontains(filters.search, autoescape=True) for column in (images.c.metadata, images.c.created_at)
        ]
        conditions.append(or_(*found))
    return conditions
