"""The days on which images were made, with how many there are of each and the newest; from counters alone."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, String, and_, bindparam, func, literal, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.boards.tables import boards
from invoke_host.images.access import DAYS, DAYS_ON_BOARD, VIEW
from invoke_host.images.kept import kept
from invoke_host.images.listing.sight import Sight
from invoke_host.images.tables import image_days, images
from invoke_host.storage import PlainRow, PreparedSelect

#: What galleries call images; the other categories are assets.
_IMAGES = "general"


@dataclass(frozen=True, slots=True)
class Day:
    """One day, `2026-11-23` (UTC): pictures and assets that are not intermediate, and the name of the newest one."""

    day: str
    image_count: int
    asset_count: int
    cover_image_name: str | None


def days(conn: Connection, access: AccessEngine, actor: Actor) -> list[Day]:
    """The days of what the actor may see, the latest first."""
    sight = Sight.of(access, actor)
    allowed = access.predicate(actor, VIEW.name, DAYS)
    if sight.by_places:
        on_board = access.predicate(actor, VIEW.name, DAYS_ON_BOARD)
        rows = [*_on_boards(sight.boards, on_board).all(conn, {})]
        rows += _own(sight.boards, allowed).all(conn, {"user_": actor.id})
    else:
        rows = [*_everywhere(allowed).all(conn, {})]
    found: dict[str, tuple[int, int, int]] = {}
    for day, category, count, last_id in rows:
        pictures, assets, newest = found.get(day, (0, 0, 0))
        is_picture = category == _IMAGES
        found[day] = (pictures + count * is_picture, assets + count * (not is_picture), max(newest, last_id))
    names = _names(conn, sight.images, [newest for _, _, newest in found.values()])
    return [
        Day(day, int(pictures), int(assets), names.get(newest))
        for day, (pictures, assets, newest) in sorted(found.items(), reverse=True)
    ]


def _names(conn: Connection, allowed: ColumnElement[bool], ids: list[int]) -> dict[int, str]:
    rows: list[PlainRow] = []
    for at in range(0, len(ids), 500):
        rows += conn.execute(_by_id(allowed), {"ids": ids[at : at + 500]})
    return {row[0]: row[1] for row in rows}


_SUMS = (
    image_days.c.day,
    image_days.c.category,
    func.sum(image_days.c.count),
    func.max(image_days.c.last_id),
)
_BY = (image_days.c.day, image_days.c.category)
_LASTING = image_days.c.is_intermediate.is_(False)


@kept
def _everywhere(allowed: ColumnElement[bool]) -> PreparedSelect:
    return PreparedSelect(select(*_SUMS).where(_LASTING, allowed).group_by(*_BY))


@kept
def _on_boards(seen: ColumnElement[bool], allowed: ColumnElement[bool]) -> PreparedSelect:
    # As in `counted`: the boards first, then the days of each.
    joined = image_days.c.board_id == boards.c.id.concat(literal("", String()))
    return PreparedSelect(select(*_SUMS).where(seen, joined, _LASTING, allowed).group_by(*_BY))


@kept
def _own(seen: ColumnElement[bool], allowed: ColumnElement[bool]) -> PreparedSelect:
    on_seen_board = select(boards.c.id).where(boards.c.id == image_days.c.board_id, seen).correlate(image_days).exists()
    mine = image_days.c.user_id == bindparam("user_", type_=String())
    return PreparedSelect(select(*_SUMS).where(mine, _LASTING, allowed, ~on_seen_board).group_by(*_BY))


@kept
def _by_id(allowed: ColumnElement[bool]) -> Select[tuple[int, str]]:
    return select(images.c.id, images.c.name).where(and_(images.c.id.in_(bindparam("ids", expanding=True)), allowed))
