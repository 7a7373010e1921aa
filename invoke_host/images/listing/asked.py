"""Filters as a question to the search index, and where its answers may be looked for."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, exists, or_

from invoke_host.boards.tables import boards
from invoke_host.images.kept import kept
from invoke_host.images.listing import counted
from invoke_host.images.listing.sight import Sight
from invoke_host.images.query import Filters, Order
from invoke_host.images.search import words
from invoke_host.images.search.asking import Question, terms
from invoke_host.images.search.walk import Walk
from invoke_host.images.tables import NO_BOARD, images


def question(sight: Sight, filters: Filters, *, starred: bool | None = None) -> Question | None:
    """What to ask for; None if nothing can be found: a search for no word at all, or no category.

    Words of nearly all images are left to `rows`: going through them costs more than looking at a row.
    """
    said = terms(filters.search) if filters.search else []
    if said is None or (filters.categories is not None and not filters.categories):
        return None
    asked = Question(tuple(said))
    if filters.board_id == NO_BOARD:
        if sight.everything:
            asked = asked.within(words.board_word(NO_BOARD))
        elif sight.by_places:
            asked = asked.within(words.user_word(str(sight.actor.id)))
    elif filters.board_id is not None:
        asked = asked.within(words.board_word(filters.board_id))
    if filters.day is not None:
        asked = asked.within(words.day_word(filters.day.replace("-", "")))
    if filters.origin is not None:
        asked = asked.within(words.origin_word(filters.origin))
    if starred:
        asked = asked.within(words.starred_word(True))
    if filters.categories is not None and _MOST not in filters.categories:
        asked = asked.within(*(words.category_word(each) for each in sorted(filters.categories)))
    if filters.is_intermediate:
        asked = asked.within(words.intermediate_word(True))
    return asked


def walk(conn: Connection, sight: Sight, filters: Filters, order: Order) -> Walk:
    """Goes through what matches a question and may be seen. The board must be one that the actor sees."""

    def places() -> list[str] | None:
        if not sight.by_places or filters.board_id is not None:
            return None
        seen = counted.by_board(conn, sight, filters)
        return [words.user_word(str(sight.actor.id)), *map(words.board_word, seen)]

    return Walk(conn, order.descending, places)


def rows(sight: Sight, filters: Filters, *, starred: bool | None = None) -> ColumnElement[bool]:
    """What must be true of the row of an image that matches `question`, so that it may be listed."""
    return _of_kind(_allowed(sight, filters), filters.categories, filters.is_intermediate, starred)


def _allowed(sight: Sight, filters: Filters) -> ColumnElement[bool]:
    if filters.board_id is None or (filters.board_id == NO_BOARD and sight.everything):
        return sight.images
    if filters.board_id != NO_BOARD:
        return sight.images_on_board
    return _loose(sight.images, sight.boards, str(sight.actor.id))


@kept
def _of_kind(
    allowed: ColumnElement[bool], categories: frozenset[str] | None, is_intermediate: bool | None, starred: bool | None
) -> ColumnElement[bool]:
    """With what the question leaves out, because the word for it is that of nearly all images."""
    parts = [allowed]
    if categories is not None and _MOST in categories:
        parts.append(or_(*(images.c.category == each for each in sorted(categories))))
    if is_intermediate is False:
        parts.append(images.c.is_intermediate.is_(False))
    if starred is False:
        parts.append(images.c.starred.is_(False))
    return and_(*parts)


#: The category of nearly all images.
_MOST = "general"


@kept
def _loose(allowed: ColumnElement[bool], seen: ColumnElement[bool], user_id: str) -> ColumnElement[bool]:
    """Images on no board, and the actor's own on boards that they do not see."""
    on_seen_board = exists().where(boards.c.id == images.c.board_id, seen).correlate(images)
    return and_(allowed, or_(images.c.board_id.is_(None), and_(images.c.user_id == user_id, ~on_seen_board)))
