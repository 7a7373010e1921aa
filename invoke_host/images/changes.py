"""What every change of an image's row has in common: the lock before it; counters, search and events after it.

Locks are taken in one order by everybody, so that no two transactions wait for each other in a circle: the board that
images are put on, the images in the order of their names, the counters in the order of their keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, UserId
from invoke_host.boards import access as boards
from invoke_host.boards.tables import boards as board_table
from invoke_host.events import store as events
from invoke_host.images import counts
from invoke_host.images.counts import CountKey
from invoke_host.images.names import is_name, unknown
from invoke_host.images.tables import NO_BOARD, images

T = TypeVar("T")

CountedRow: TypeAlias = Row[Any, Any, Any, Any, Any, Any, Any, Any, Any]

#: The columns that counters, search, events and tombstones need of a row.
COUNTED_COLUMNS = (
    images.c.id,
    images.c.name,
    images.c.user_id,
    images.c.board_id,
    images.c.category,
    images.c.is_intermediate,
    images.c.starred,
    images.c.session_id,
    images.c.deleted_at,
)

#: Owner, board and name of an image.
_Placed: TypeAlias = tuple[str, str | None, str]

_COUNTED_BY = tuple(field.name for field in fields(CountKey))

#: Names or ids in one IN (...), well under the parameter limits of the databases.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of several images came to: names done and names left out, each once, in the order asked for.

    A name is left out alike where there is no such image, where it can't be seen and where this may not be done to it.
    `boards` are those that the images are or were on, as far as the actor may see them.
    """

    done: list[str]
    failed: list[str]
    boards: list[str]


def permitted(
    conn: Connection, access: AccessEngine, actor: Actor, action: str, names: Iterable[str]
) -> list[CountedRow]:
    """Those of the images to which the actor may do this, locked, in the order of their names."""
    return locked(conn, (name for name in names if is_name(name)), access.predicate(actor, action))


def locked(conn: Connection, names: Iterable[str], *conditions: ColumnElement[bool]) -> list[CountedRow]:
    """Those of the images that fulfil the conditions, locked, in the order of their names."""
    query = select(*COUNTED_COLUMNS).order_by(images.c.name).with_for_update()
    return [
        row
        for some in chunks(sorted(set(names)))
        for row in conn.execute(query.where(images.c.name.in_(some), *conditions))
    ]


def the_one(conn: Connection, access: AccessEngine, actor: Actor, action: str, name: str) -> CountedRow:
    """The image, locked. Raises NotFound or Forbidden if the actor may not do this to it."""
    if not is_name(name):
        raise unknown(name)
    access.authorize(conn, actor, action, name)
    rows = permitted(conn, access, actor, action, [name])
    if not rows:  # since the question, somebody else was quicker
        raise unknown(name)
    return rows[0]


def key_of(row: CountedRow, **changed: Any) -> CountKey:
    """Under which key a live image is counted, once the named columns are changed."""
    now = {name: changed.get(name, getattr(row, name)) for name in _COUNTED_BY}
    return CountKey(**{**now, "board_id": now["board_id"] or NO_BOARD})


def recount(conn: Connection, *, gone: Iterable[CountKey] = (), come: Iterable[CountKey] = ()) -> None:
    """Count images out of where they were and into where they are."""
    deltas = Counter(come)
    deltas.subtract(Counter(gone))
    counts.change(conn, deltas)


def tell(conn: Connection, rows: Iterable[CountedRow], what: str, *, now: str) -> None:
    """Write `images_changed` for the owners of the images and all who see the boards that they are on.

    `what` is added, deleted or updated.
    """
    _tell(conn, ((row.user_id, row.board_id, row.name) for row in rows), what, now=now)


def tell_moved(conn: Connection, rows: Sequence[CountedRow], board_id: str | None, *, now: str) -> None:
    """Write the events of images (the rows of before) that are on another board now, or on none.

    `images_gone` goes to those who see the board that an image left, not the one where it is, and don't own it.
    """
    _tell(conn, ((row.user_id, board_id, row.name) for row in rows), "updated", now=now)
    left = _by_place((row.user_id, row.board_id, row.name) for row in rows if row.board_id is not None)
    for (owner, old), names in left:
        events.append(
            conn,
            "images_gone",
            {"board_id": old, "image_names": names},
            None,
            now=now,
            board_id=old,
            except_board_id=board_id,
            except_user_id=UserId(owner),
        )


def shown_boards(conn: Connection, access: AccessEngine, actor: Actor, board_ids: Iterable[str | None]) -> list[str]:
    """Those of the boards that the actor may see, for telling which ones a change touched."""
    wanted = sorted({board_id for board_id in board_ids if board_id is not None})
    if not wanted:
        return []
    allowed = access.predicate(actor, boards.VIEW.name)
    return [
        found
        for some in chunks(wanted)
        for found in conn.scalars(
            select(board_table.c.id).where(board_table.c.id.in_(some), allowed).order_by(board_table.c.id)
        )
    ]


def changed(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    names: Iterable[str],
    rows: Iterable[CountedRow],
    board_ids: Iterable[str | None],
) -> Changed:
    """The answer to somebody who asked for `names`, when it was done to `rows`."""
    have = {row.name for row in rows}
    asked = list(dict.fromkeys(names))
    return Changed(
        [name for name in asked if name in have],
        [name for name in asked if name not in have],
        shown_boards(conn, access, actor, board_ids),
    )


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces that fit into one IN (...)."""
    return (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))


def _tell(conn: Connection, placed: Iterable[_Placed], what: str, *, now: str) -> None:
    for (owner, board_id), names in _by_place(placed):
        payload: dict[str, list[str]] = {"added": [], "deleted": [], "updated": []}
        payload[what] = names
        events.append(conn, "images_changed", payload, UserId(owner), now=now, board_id=board_id)


def _by_place(placed: Iterable[_Placed]) -> list[tuple[tuple[str, str | None], list[str]]]:
    places: dict[tuple[str, str | None], list[str]] = {}
    for owner, board_id, name in placed:
        places.setdefault((owner, board_id), []).append(name)
    return sorted(places.items(), key=lambda place: (place[0][0], place[0][1] or ""))
