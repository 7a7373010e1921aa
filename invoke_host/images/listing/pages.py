"""One page of a listing: by streams where the counters know all that is asked for, else by the search index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.images.listing import asked, counted
from invoke_host.images.listing.merged import Merger
from invoke_host.images.listing.sight import Sight, sees_everything
from invoke_host.images.listing.streams import AFTER_ALL, Place, Stream, rows_of, start
from invoke_host.images.query import Cursor, Filters, ListQuery
from invoke_host.images.rows import dto, name_owners
from invoke_host.images.tables import NO_BOARD
from invoke_host.storage import PlainRow, quick

#: A search says how many images match up to here; of more it says that there are at least as many as it knows.
MAX_SEARCH_TOTAL = 100

#: Up to this offset a page is read as fast as with a cursor; a larger one is walked on a database thread.
QUICK_OFFSET = 1000

#: Somebody who sees more boards than this has a good part of what is new: looked for there before in each board.
_MANY_BOARDS = 40


@dataclass(frozen=True, slots=True)
class Page:
    """Images as JSON-ready objects, how many there are in all, and where to go on; None at the end."""

    items: list[dict[str, Any]]
    total: int
    next_cursor: str | None


def is_quick(access: AccessEngine, actor: Actor, query: ListQuery) -> bool:
    """True if `page` may read this on the event loop: a few index ranges, whoever asks."""
    few = query.filters.board_id is not None or sees_everything(access, actor)
    return few and query.filters.counted and query.offset <= QUICK_OFFSET


@quick
def page(conn: Connection, access: AccessEngine, actor: Actor, query: ListQuery) -> Page:
    """A page of which `is_quick`. Raises NotFound for a board that the actor does not see."""
    return walked_page(conn, access, actor, query)


def walked_page(conn: Connection, access: AccessEngine, actor: Actor, query: ListQuery) -> Page:
    """A page that takes looking at many boards or images. Not for the event loop. Raises NotFound as `page`."""
    sight = Sight.of(access, actor)
    board_id = query.filters.board_id
    if board_id is not None and board_id != NO_BOARD:
        sight.require_board(conn, board_id)
    rows, total = (_streamed if query.filters.counted else _searched)(conn, sight, query)
    more = len(rows) > query.limit > 0
    rows = rows[: query.limit]
    items = [dto(row) for row in rows]
    name_owners(conn, actor, items)
    cursor = Cursor(query.order, items[-1]["starred"], rows[-1][0]).encode() if more else None
    return Page(items, total, cursor)


def warm_up(conn: Connection, access: AccessEngine, actor: Actor) -> None:
    """Compile the statements of a page, also where there are no images to list yet."""
    query, sight = ListQuery(), Sight.of(access, actor)
    walked_page(conn, access, actor, query)
    Merger(conn, sight, query, 1).read([Stream(Place("all"), "general", False, False, 1)], starred=False)


def segments(query: ListQuery) -> list[bool | None]:
    """What is read one after the other: starred ones or the others; None = both at once."""
    if not query.order.starred_first:
        return [None]
    past_starred = query.cursor is not None and not query.cursor.starred
    return [False] if past_starred else [True, False]


def after(query: ListQuery, *, starred: bool | None) -> int:
    """The id to go on after; a cursor among the starred ones does not say where in the others to begin."""
    cursor = query.cursor
    return start(query.order) if cursor is None or starred not in (None, cursor.starred) else cursor.id


def _streamed(conn: Connection, sight: Sight, query: ListQuery) -> tuple[Sequence[PlainRow], int]:
    filters = query.filters
    if sight.by_places and filters.board_id is None:
        return _by_places(conn, sight, query)
    found = streams_of(conn, sight, filters)
    merger = Merger(conn, sight, query, query.limit + 1)
    for segment in segments(query):
        merger.read(found, starred=segment)
    return merger.rows(), sum(stream.count for stream in found)


def streams_of(conn: Connection, sight: Sight, filters: Filters) -> list[Stream]:
    """All streams of what the actor may see, whatever no counter knows. The board must be one that they see."""
    if filters.board_id is None:
        if not sight.by_places:
            return counted.everywhere(conn, sight, filters)
        on_boards = counted.on_boards(conn, sight, filters, counted.Heads(True, AFTER_ALL, AFTER_ALL))
        seen = {stream.place.board_id for stream in on_boards if stream.place.board_id is not None}
        return [*on_boards, *counted.own(conn, sight, filters, seen)]
    if filters.board_id != NO_BOARD:
        return counted.on_board(conn, sight, filters, filters.board_id)
    if sight.everything:
        return counted.on_no_board(conn, sight, filters)
    if sight.by_places:
        return counted.hidden(conn, sight, filters)
    strays = [stream for stream in counted.hidden(conn, sight, filters) if stream.place.shape == "own"]
    return [*counted.on_no_board(conn, sight, filters), *strays]


def _by_places(conn: Connection, sight: Sight, query: ListQuery) -> tuple[Sequence[PlainRow], int]:
    filters = query.filters
    boards = counted.by_board(conn, sight, filters)
    own = counted.own(conn, sight, filters, boards)
    total = sum(boards.values()) + sum(stream.count for stream in own)
    merger = Merger(conn, sight, query, query.limit + 1)
    streams: list[Stream] | None = None
    for segment in segments(query):
        if merger.full:
            break
        if streams is None and len(boards) > _MANY_BOARDS and not merger.skip:
            asking = asked.question(sight, filters, starred=segment)
            newest = asked.walk(conn, sight, filters, query.order)
            rows = asked.rows(sight, filters, starred=segment)
            ids = asking and newest.first(asking, rows, after(query, starred=segment), merger.want)
            if ids is not None:
                merger.take(ids or [])
                continue
        if streams is None:
            heads = counted.Heads(query.order.descending, after(query, starred=True), after(query, starred=False))
            streams = [*own, *(counted.on_boards(conn, sight, filters, heads) if boards else ())]
        merger.read(streams, starred=segment)
    return merger.rows(), total


def _searched(conn: Connection, sight: Sight, query: ListQuery) -> tuple[Sequence[PlainRow], int]:
    walk = asked.walk(conn, sight, query.filters, query.order)
    skip = 0 if query.cursor else query.offset
    wanted = skip + query.limit + 1
    ids: list[int] = []
    total = 0
    for starred in (True, False) if query.order.starred_first else (None,):
        asking = asked.question(sight, query.filters, starred=starred)
        if asking is None:
            return [], 0
        rows = asked.rows(sight, query.filters, starred=starred)
        begins = after(query, starred=starred)
        past = starred not in segments(query)
        known = MAX_SEARCH_TOTAL - total
        want = 0 if past else wanted - len(ids)
        # One walk is both the page and the count, where the page begins at the beginning.
        both = begins == start(query.order) and not past
        most = max(want, known) if both else known
        found = walk.find(asking, rows, start(query.order), most) if most > 0 else []
        total += len(found)
        ids += found[:want] if both else walk.find(asking, rows, begins, want) if want > 0 else []
    page = ids[skip:]
    seen = skip + len(page) if page and query.cursor is None else 0
    return rows_of(conn, sight, page), max(min(total, MAX_SEARCH_TOTAL), seen)


def streams(conn: Connection, access: AccessEngine, actor: Actor, filters: Filters) -> list[Stream]:
    """What the counters know of all that the actor may see."""
    return streams_of(conn, Sight.of(access, actor), filters)
