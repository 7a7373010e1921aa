"""All names of a listing at once, for clients that know no cursors. Costs what there is."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.images.listing import asked
from invoke_host.images.listing.pages import streams_of
from invoke_host.images.listing.sight import Sight
from invoke_host.images.listing.streams import AFTER_ALL, read_names
from invoke_host.images.query import Filters, Order
from invoke_host.images.tables import NO_BOARD, images


def names(
    conn: Connection, access: AccessEngine, actor: Actor, filters: Filters, order: Order
) -> tuple[list[str], int]:
    """The names of all matching images in order, and how many of them are starred.

    Raises NotFound for a board that the actor does not see.
    """
    sight = Sight.of(access, actor)
    if filters.board_id is not None and filters.board_id != NO_BOARD:
        sight.require_board(conn, filters.board_id)
    found = _counted(conn, sight, filters) if filters.counted else _asked(conn, sight, filters)
    groups = [[each for each in found if each[2]], [each for each in found if not each[2]]]
    if not order.starred_first:
        groups = [found]
    ordered = [each[1] for group in groups for each in sorted(group, reverse=order.descending)]
    return ordered, sum(each[2] for each in found)


def _counted(conn: Connection, sight: Sight, filters: Filters) -> list[tuple[int, str, bool]]:
    return [
        (image_id, name, stream.starred)
        for stream in streams_of(conn, sight, filters)
        for image_id, name in read_names(conn, sight, stream)
    ]


def _asked(conn: Connection, sight: Sight, filters: Filters) -> list[tuple[int, str, bool]]:
    question = asked.question(sight, filters)
    if question is None:
        return []
    rows = asked.rows(sight, filters)
    ids = asked.walk(conn, sight, filters, Order()).find(question, rows, AFTER_ALL, AFTER_ALL)
    return [
        (row.id, row.name, row.starred)
        for at in range(0, len(ids), _CHUNK)
        for row in conn.execute(_NAMES, {"ids": ids[at : at + _CHUNK]})
    ]


_CHUNK = 500
_NAMES = select(images.c.id, images.c.name, images.c.starred).where(images.c.id.in_(bindparam("ids", expanding=True)))
