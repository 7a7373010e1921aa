"""Reading streams together, in one order, no further than a page needs."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from math import inf

from sqlalchemy import Connection

from invoke_host.images.listing.sight import Sight
from invoke_host.images.listing.streams import Span, Stream, read_ids, read_rows, rows_of, start
from invoke_host.images.query import ListQuery
from invoke_host.storage import PlainRow


class Merger:
    """Collects `want` rows, segment after segment, remembering how much of the offset is still to be skipped."""

    def __init__(self, conn: Connection, sight: Sight, query: ListQuery, want: int) -> None:
        self.want = want
        self.skip = 0 if query.cursor else query.offset
        self._conn = conn
        self._sight = sight
        self._query = query
        self._rows: list[PlainRow] = []

    @property
    def full(self) -> bool:
        """Nothing more is wanted."""
        return self.want <= 0

    def rows(self) -> list[PlainRow]:
        """What was collected, in order."""
        return self._rows

    def take(self, ids: Sequence[int]) -> None:
        """Add images that follow on what was collected."""
        self._add(rows_of(self._conn, self._sight, ids[: self.want]))

    def read(self, streams: Sequence[Stream], *, starred: bool | None) -> None:
        """Add the next images of these streams: the starred ones, the others, or (None) both."""
        if self.full:
            return
        chosen = [each for each in streams if starred in (None, each.starred) and not each.is_past]
        if len(chosen) == 1:
            self._read_one(chosen[0])
        elif chosen:
            self._read_many(chosen)

    def _add(self, rows: Sequence[PlainRow]) -> None:
        self._rows += rows
        self.want -= len(rows)

    def _read_one(self, stream: Stream) -> None:
        if self.skip >= stream.count:  # the counters know: no need to walk
            self.skip -= stream.count
            return
        span = Span(self._after(stream), self.want, self.skip)
        self._add(read_rows(self._conn, self._sight, self._query.order, stream, span))
        self.skip = 0

    def _read_many(self, streams: Sequence[Stream]) -> None:
        """From the stream with the first head on, until no other can reach into the page any more."""
        order = self._query.order
        wanted = self.skip + self.want
        sign = -1 if order.descending else 1
        best: list[int] = []
        for stream in sorted(streams, key=lambda each: -inf if each.head is None else sign * each.head):
            if stream.head is not None and len(best) == wanted and sign * stream.head > sign * best[-1]:
                break
            ids = read_ids(self._conn, self._sight, order, stream, Span(self._after(stream), wanted))
            best = list(heapq.merge(best, ids, reverse=order.descending))[:wanted]
        chosen = best[self.skip :]
        self.skip = max(0, self.skip - len(best))
        self._add(rows_of(self._conn, self._sight, chosen))

    def _after(self, stream: Stream) -> int:
        cursor = self._query.cursor
        # A cursor among the starred ones says nothing about where in the unstarred ones to begin.
        if cursor is None or (self._query.order.starred_first and cursor.starred != stream.starred):
            return start(self._query.order)
        return cursor.id
