"""The statements that read boards: one for a page and one for a single board, however many boards it holds.

Each first finds the boards, then reads for these alone who owns them, what the caller may do to them, how many pictures
they hold and which is the cover. Whoever sees a board sees what is on it, so that is asked once for each board
(`within`) and not for each counter; what policies have to say about the images themselves counts all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, ScalarSelect, Select, bindparam, case, func, or_, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.boards.access import ACTIONS, VIEW
from invoke_host.boards.query import Order
from invoke_host.boards.tables import boards
from invoke_host.identity.tables import users
from invoke_host.images.access import COUNTED_ON_BOARD, ON_BOARD
from invoke_host.images.access import VIEW as SEE_IMAGE
from invoke_host.images.kept import kept
from invoke_host.images.tables import image_counts, images
from invoke_host.storage import PreparedSelect

#: What a client may be permitted, without the `board.` before it, in the order of their declaration.
PERMISSIONS = tuple(action.name.removeprefix("board.") for action in ACTIONS)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a statement has to ask. `flags` are the different predicates of PERMISSIONS; `places` says whose is where.

    Place 0 is that of seeing, which all boards found have in common.
    """

    view: ColumnElement[bool]
    flags: tuple[ColumnElement[bool], ...]
    places: tuple[int, ...]
    image: ColumnElement[bool]
    counted: ColumnElement[bool]

    def permissions(self, flags: Sequence[Any]) -> list[str]:
        """The permissions that the flags of a row stand for."""
        return [name for name, at in zip(PERMISSIONS, self.places, strict=True) if at == 0 or flags[at - 1]]


def asked_of(access: AccessEngine, actor: Actor) -> Asked:
    """What statements for this caller have to ask; the same object for the same caller."""
    return _same_asked(
        access.predicate(actor, VIEW.name),
        tuple(access.predicate(actor, action.name) for action in ACTIONS),
        access.predicate(actor, SEE_IMAGE.name, ON_BOARD),
        access.predicate(actor, SEE_IMAGE.name, COUNTED_ON_BOARD),
    )


# Statements are kept per predicate object (the access engine keeps those per actor): building one costs more than
# running it. The oldest fall out.
@kept
def _same_asked(
    view: ColumnElement[bool],
    actions: tuple[ColumnElement[bool], ...],
    image: ColumnElement[bool],
    counted: ColumnElement[bool],
) -> Asked:
    # Whoever may delete mostly may share: what is the same predicate is computed once.
    different, places = [view], []
    for predicate in actions:
        same = (at for at, other in enumerate(different) if predicate.compare(other))
        if (at := next(same, None)) is None:
            at = len(different)
            different.append(predicate)
        places.append(at)
    return Asked(view, tuple(different[1:]), tuple(places), image, counted)


@kept
def one_statement(asked: Asked) -> PreparedSelect:
    """The board `id_`, if the caller sees it."""
    chosen = select(boards.c.id).where(boards.c.id == bindparam("id_"), asked.view).cte("page")
    return PreparedSelect(_boards(asked, chosen, boards.c.id))


@kept
def page_statement(asked: Asked, order: Order, archived: bool, after: bool) -> PreparedSelect:
    """Boards that the caller sees, at most `limit_` after the first `skip`; with `after` behind `key_` and `id_`."""
    key = _key(order)
    chosen = _matching(select(boards.c.id), asked.view, archived=archived)
    if after:
        since, last = bindparam("key_", type_=boards.c.name.type), bindparam("id_", type_=boards.c.id.type)
        # As two conditions, of which the first is a range of an index; SQLite compares rows of values, but less well.
        beyond = key <= since if order.descending else key >= since
        behind = boards.c.id < last if order.descending else boards.c.id > last
        further = key < since if order.descending else key > since
        chosen = chosen.where(beyond, or_(further, behind))
    chosen = chosen.order_by(*_ordered(order)).limit(bindparam("limit_")).offset(bindparam("skip"))
    return PreparedSelect(_boards(asked, chosen.cte("page"), key).order_by(*_ordered(order)))


@kept
def count_statement(view: ColumnElement[bool], archived: bool) -> PreparedSelect:
    """How many boards the caller sees."""
    return PreparedSelect(_matching(select(func.count()).select_from(boards), view, archived=archived))


def _matching(statement: Select[Any], view: ColumnElement[bool], *, archived: bool) -> Select[Any]:
    found = statement.where(view)
    return found if archived else found.where(boards.c.archived.is_(False))


def _key(order: Order) -> ColumnElement[str]:
    return boards.c.created_at if order.by == "created_at" else func.lower(boards.c.name)


def _ordered(order: Order) -> Sequence[ColumnElement[Any]]:
    columns = (_key(order), boards.c.id)
    return [column.desc() if order.descending else column.asc() for column in columns]


def _boards(asked: Asked, chosen: CTE, key: ColumnElement[str]) -> Select[Any]:
    contents = _contents(chosen, asked)
    return (
        select(
            key.label("key"),
            boards.c.id,
            boards.c.name,
            boards.c.user_id,
            boards.c.created_at,
            boards.c.updated_at,
            boards.c.archived,
            boards.c.visibility,
            users.c.display_name,
            users.c.email,
            func.coalesce(_chosen_cover(asked.image), _name_of(contents.c.newest)).label("cover"),
            contents.c.image_count,
            contents.c.asset_count,
            *(func.coalesce(each, False).label(f"may_{at}") for at, each in enumerate(asked.flags)),
        )
        .join_from(chosen, boards, boards.c.id == chosen.c.id)
        .join(users, users.c.id == boards.c.user_id)
        .outerjoin(contents, contents.c.board_id == boards.c.id)
    )


def _contents(chosen: CTE, asked: Asked) -> CTE:
    """How many pictures there are on each board, and the id of the newest: of starred ones, if there are any."""
    counts = image_counts.c
    streams = (
        select(counts.board_id, counts.category, counts.starred, func.sum(counts.count).label("count"))
        .where(
            counts.board_id.in_(select(chosen.c.id)),  # a join would have SQLite sort what it finds
            counts.is_intermediate.is_(False),
            counts.count > 0,
            asked.counted,
        )
        .group_by(counts.board_id, counts.category, counts.starred)
        .cte("streams")
    )
    newest = (
        select(func.max(images.c.id))
        .where(
            images.c.board_id == streams.c.board_id,
            images.c.is_intermediate.is_(False),
            images.c.category == streams.c.category,
            images.c.starred == streams.c.starred,
            asked.image,
        )
        .correlate(streams)
        .scalar_subquery()
    )
    # Materialized, or SQLite looks for the newest as often as it is mentioned below.
    each = select(streams, newest.label("newest")).cte("each_stream").prefix_with("MATERIALIZED")
    general = each.c.category == "general"
    return (
        select(
            each.c.board_id,
            func.sum(case((general, each.c.count), else_=0)).label("image_count"),
            func.sum(case((general, 0), else_=each.c.count)).label("asset_count"),
            func.coalesce(func.max(case((each.c.starred, each.c.newest))), func.max(each.c.newest)).label("newest"),
        )
        .group_by(each.c.board_id)
        .cte("contents")
    )


def _chosen_cover(allowed: ColumnElement[bool]) -> ScalarSelect[str]:
    """What somebody chose, while it is there for all who see the board."""
    return (
        select(images.c.name)
        .where(images.c.name == boards.c.cover_image_name, images.c.board_id == boards.c.id, allowed)
        .correlate(boards)
        .scalar_subquery()
    )


def _name_of(image_id: ColumnElement[int]) -> ScalarSelect[str]:
    named = images.alias("named")
    return select(named.c.name).where(named.c.id == image_id).scalar_subquery()
