"""Putting images on boards and taking them off: rows, counters, search and events in the caller's transaction.

An image sits on one board at most. Who puts images on a board holds the board's row until the end of the transaction,
so that a board that is being deleted gets no more images, on a database with several writers too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

from sqlalchemy import Connection, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.boards import access as boards
from invoke_host.boards.store import authorize
from invoke_host.boards.tables import boards as board_table
from invoke_host.images import changes, counts
from invoke_host.images.access import DETACH, PLACE
from invoke_host.images.changes import Changed, CountedRow
from invoke_host.images.search import index
from invoke_host.images.tables import images

#: What a move came to.
Moved: TypeAlias = Changed


def hold_board(conn: Connection, access: AccessEngine, actor: Actor, board_id: str) -> None:
    """Make sure that the board is there until the end of the transaction and the actor may add to it.

    Call it before any image is locked. Raises NotFound or Forbidden.
    """
    _hold(conn, board_id)
    authorize(conn, access, actor, boards.ADD.name, board_id)


def may_add(conn: Connection, access: AccessEngine, actor: Actor, board_id: str) -> bool:
    """The same as an answer: for pictures that must not be lost because their board is."""
    _hold(conn, board_id)
    return boards.ADD.name in access.permissions(conn, actor, [board_id], [boards.ADD.name])[board_id]


def hold_boards(conn: Connection, access: AccessEngine, actor: Actor, board_ids: Collection[str]) -> set[str]:
    """Those of the boards that the actor may add to, or curate; they are there until the end of the transaction.

    Call it before any image is locked.
    """
    found: set[str] = set()
    for some in changes.chunks(sorted(board_ids)):
        _hold(conn, *some)
        permitted = access.permissions(conn, actor, some, [boards.ADD.name, boards.CURATE.name])
        found |= {board_id for board_id, actions in permitted.items() if actions}
    return found


def place(
    conn: Connection, access: AccessEngine, actor: Actor, board_id: str, names: Sequence[str], *, now: str
) -> Moved:
    """Put the actor's images on a board, off another one if need be. Raises NotFound or Forbidden for the board."""
    hold_board(conn, access, actor, board_id)
    rows = changes.permitted(conn, access, actor, PLACE.name, names)
    return _moved(conn, access, actor, names, rows, board_id, now=now)


def place_one(conn: Connection, access: AccessEngine, actor: Actor, board_id: str, name: str, *, now: str) -> Moved:
    """Put one image on a board. Raises NotFound or Forbidden for the board and for the image."""
    hold_board(conn, access, actor, board_id)
    row = changes.the_one(conn, access, actor, PLACE.name, name)
    return _moved(conn, access, actor, [name], [row], board_id, now=now)


def detach(conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], *, now: str) -> Moved:
    """Take images off their boards; one that is on none is done."""
    rows = changes.permitted(conn, access, actor, DETACH.name, names)
    return _moved(conn, access, actor, names, rows, None, now=now)


def detach_one(conn: Connection, access: AccessEngine, actor: Actor, name: str, *, now: str) -> Moved:
    """Take one image off its board. Raises NotFound or Forbidden."""
    row = changes.the_one(conn, access, actor, DETACH.name, name)
    return _moved(conn, access, actor, [name], [row], None, now=now)


def clear_board(conn: Connection, board_id: str, *, now: str, limit: int) -> int:
    """Take at most `limit` images off a board that is being deleted, those in the trash too; asks nobody.

    Returns how many; fewer than `limit` means that the board is empty. Whoever deletes it locks its row first.
    """
    names, rows = first_on(conn, board_id, limit)
    move(conn, rows, None, now=now)
    return finished(conn, board_id, len(names), limit)


def first_on(conn: Connection, board_id: str, limit: int) -> tuple[Sequence[str], list[CountedRow]]:
    """At most `limit` names of images of a board, in the trash or not; and those still there once they are locked."""
    on_it = images.c.board_id == board_id
    names = conn.scalars(select(images.c.name).where(on_it).order_by(images.c.name).limit(limit)).all()
    return names, changes.locked(conn, names, on_it)


def finished(conn: Connection, board_id: str, count: int, limit: int) -> int:
    """The count; if it says that the board is empty now, nothing is counted there any more."""
    if count < limit:
        counts.forget(conn, board_id)
    return count


def move(conn: Connection, rows: Sequence[CountedRow], board_id: str | None, *, now: str) -> list[CountedRow]:
    """Put locked images on the board, or on none; returns those that were not there already. Asks nobody."""
    moving = [row for row in rows if row.board_id != board_id]
    for some in changes.chunks([row.id for row in moving]):
        conn.execute(update(images).where(images.c.id.in_(some)).values(board_id=board_id, updated_at=now))
    live = [row for row in moving if row.deleted_at is None]
    changes.recount(conn, gone=map(changes.key_of, live), come=[changes.key_of(row, board_id=board_id) for row in live])
    index.rescope(conn, [row.id for row in live])
    changes.tell_moved(conn, live, board_id, now=now)
    return moving


def _moved(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    names: Sequence[str],
    rows: Sequence[CountedRow],
    board_id: str | None,
    *,
    now: str,
) -> Moved:
    left = [row.board_id for row in move(conn, rows, board_id, now=now)]
    return changes.changed(conn, access, actor, names, rows, [*left, board_id] if left else [])


def _hold(conn: Connection, *board_ids: str) -> None:
    # A key share lock: it stops a deletion, and neither others who add images nor a change of the board's name.
    of_these = board_table.c.id.in_([board_id for board_id in board_ids if "\0" not in board_id])
    conn.execute(
        select(board_table.c.id).where(of_these).order_by(board_table.c.id).with_for_update(read=True, key_share=True)
    )
