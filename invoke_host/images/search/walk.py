"""Asking the index: what matches, newest first (or oldest), and may be seen.

Most of what somebody finds is near the front: so the first matches are looked at one by one, which costs a microsecond
each. Where the first few thousand do not fill a page, because nearly all of them are other people's, the index is asked
again, now only for what lies in the reader's own places; that costs some 20 microseconds for each place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, cast, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql.elements import True_

from invoke_host.images.kept import kept
from invoke_host.images.search.asking import Question
from invoke_host.images.search.tables import image_search
from invoke_host.images.tables import images
from invoke_host.storage import NOTHING, PreparedSelect

#: Matches that are looked at first; how many more, depends on how many of these may be seen.
_FIRST = 192

#: And then at most so many before it is decided.
_SECOND = 512

#: Beyond so many it is cheaper to ask for the reader's own places.
_MANY = 3072

#: Looked at in one statement when there is no other way.
_LONG = 4096


class Walk:
    """Goes through what the index finds. `places` says, when asked, what words the reader's places have; None = all.

    `find` and `first` take a question, what must be true of the rows of the images, and the id to begin after.
    """

    def __init__(self, conn: Connection, descending: bool, places: Callable[[], Sequence[str] | None]) -> None:
        self._conn = conn
        self._descending = descending
        self._ask_places = places
        self._places: Sequence[str] | None = None
        self._asked = False

    def find(self, question: Question, allowed: ColumnElement[bool], after: int, want: int) -> list[int]:
        """The first ids after `after` that match and may be seen: `want` of them, or all there are."""
        found: list[int] = []
        at: int | None = after
        if self._places is None:
            at = self._nearest(question, allowed, after, want, found)
        if at is None or len(found) >= want:
            return found[:want]
        if not self._asked:
            self._places, self._asked = self._ask_places(), True
        step = _LONG
        if self._places is not None:
            question, step = question.within(*self._places), 64
        while at is not None and len(found) < want:
            at = self._look(question, allowed, at, max(step, want - len(found)), found)
        return found[:want]

    def first(self, question: Question, allowed: ColumnElement[bool], after: int, want: int) -> list[int] | None:
        """The same, but None where looking at the first matches is not enough."""
        found: list[int] = []
        at = self._nearest(question, allowed, after, want, found, patient=True)
        return found[:want] if at is None or len(found) >= want else None

    def _nearest(
        self,
        question: Question,
        allowed: ColumnElement[bool],
        after: int,
        want: int,
        found: list[int],
        *,
        patient: bool = False,
    ) -> int | None:
        """Look as long as it goes well, or (patient) up to the most; returns where to go on, None at the end."""
        at: int | None = after
        looked, step = 0, _FIRST
        while at is not None and len(found) < want and looked + step <= _MANY:
            at = self._look(question, allowed, at, step, found)
            looked += step
            # As many as it will take at this rate, and some more; the very first say little, as people work in bursts.
            step = max(64, (want - len(found)) * looked * 5 // (max(len(found), 1) * 4))
            step = min(step, _SECOND) if patient or (looked == _FIRST and step <= 4 * _MANY) else step
        return at

    def _look(
        self, question: Question, allowed: ColumnElement[bool], after: int, step: int, found: list[int]
    ) -> int | None:
        """Look at the next matches; returns where to go on, None at the end."""
        dialect = self._conn.dialect.name
        values: dict[str, object] = {"after_": after, "limit_": step}
        if question.is_empty:
            rows = _all_statement(allowed, self._descending).all(self._conn, values)
        else:
            values["asked_"] = question.tsquery() if dialect == "postgresql" else question.fts5()
            rows = _statement(dialect, allowed, self._descending).all(self._conn, values)
        found += [row[0] for row in rows if row[1]]
        return rows[-1][0] if len(rows) == step else None


@kept
def _all_statement(allowed: ColumnElement[bool], descending: bool) -> PreparedSelect:
    position = images.c.id
    after = bindparam("after_", type_=position.type)
    return PreparedSelect(
        select(position, func.coalesce(and_(allowed), False))
        .where(position < after if descending else position > after)
        .order_by(position.desc() if descending else position.asc())
        .limit(bindparam("limit_"))
        .offset(NOTHING)
    )


@kept
def _statement(dialect: str, allowed: ColumnElement[bool], descending: bool) -> PreparedSelect:
    position = image_search.c.rowid
    matches = (
        image_search.c.words.op("@@")(cast(bindparam("asked_"), TSQUERY))
        if dialect == "postgresql"
        else text("image_search MATCH :asked_").bindparams(bindparam("asked_"))
    )
    after = bindparam("after_", type_=position.type)
    newest = (
        select(position)
        .where(matches, position < after if descending else position > after)
        .order_by(position.desc() if descending else position.asc())
        .limit(bindparam("limit_"))
        .offset(NOTHING)
        .subquery("newest")
    )
    seen = literal_column("1") if isinstance(allowed, True_) else func.coalesce(and_(allowed), False)
    # A row that is in the index and no longer in the table would be a bug, and still is nothing to be seen.
    return PreparedSelect(
        select(newest.c.rowid, seen)
        .select_from(newest.outerjoin(images, images.c.id == newest.c.rowid))
        .order_by(newest.c.rowid.desc() if descending else newest.c.rowid.asc())
    )
