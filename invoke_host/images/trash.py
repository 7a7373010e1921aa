"""The trash: where deleted images wait, out of every listing, count and search, to be restored or removed for good.

An image in the trash keeps its row, its files and its board; `deleted_at` is set. Intermediate images do not get there,
as nobody would want them back; but they do where somebody deletes them who could not purge them, for else whoever may
change an image could call it intermediate and destroy it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.audit.record import Origin
from invoke_host.images import changes, moves, removal
from invoke_host.images.access import AS_TRASHED, DELETE, PURGE, RESTORE
from invoke_host.images.changes import Changed, CountedRow
from invoke_host.images.names import is_name
from invoke_host.images.search import index
from invoke_host.images.tables import images

#: Images that one transaction removes where there may be very many.
STEP = 200


@dataclass(frozen=True, slots=True)
class Discarded:
    """What a deletion came to, and the names of those that are gone for good: their files are to be buried."""

    result: Changed
    gone: list[str]


def delete_one(
    conn: Connection, access: AccessEngine, actor: Actor, name: str, *, origin: Origin, now: str, keep: bool = True
) -> Discarded:
    """Delete one image as `put` does. Raises NotFound or Forbidden."""
    row = changes.the_one(conn, access, actor, DELETE.name, name)
    return discard(conn, access, actor, [name], [row], origin=origin, now=now, keep=keep)


def delete_images(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    names: Sequence[str],
    *,
    origin: Origin,
    now: str,
    keep: bool = True,
) -> Discarded:
    """Delete those of the images that the actor may delete, as `put` does."""
    rows = changes.permitted(conn, access, actor, DELETE.name, names)
    return discard(conn, access, actor, names, rows, origin=origin, now=now, keep=keep)


def discard(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    names: Sequence[str],
    rows: Sequence[CountedRow],
    *,
    origin: Origin,
    now: str,
    keep: bool,
) -> Discarded:
    """Put locked live images into the trash as `put` does, for somebody who asked for `names`."""
    gone = put(conn, rows, by=actor.id, now=now, final=_final(conn, access, actor, rows, keep=keep))
    lost = set(gone)
    removal.record(conn, origin, [row for row in rows if row.name in lost], now=now)
    return Discarded(changes.changed(conn, access, actor, names, rows, (row.board_id for row in rows)), gone)


def put(
    conn: Connection, rows: Sequence[CountedRow], *, by: str | None, now: str, final: Collection[int] = ()
) -> list[str]:
    """Put locked live images into the trash, but remove those with an id in `final` for good; returns their names.

    Asks nobody; `by` did it.
    """
    changes.recount(conn, gone=map(changes.key_of, rows))
    kept = [row for row in rows if row.id not in final]
    _update(conn, kept, deleted_at=now, deleted_by=by, updated_at=now)
    index.remove(conn, [row.id for row in kept])
    changes.tell(conn, kept, "deleted", now=now)
    gone = [row for row in rows if row.id in final]
    removal.erase(conn, gone, now=now)
    return [row.name for row in gone]


def trash_board(
    conn: Connection, access: AccessEngine, actor: Actor, board_id: str, *, now: str, limit: int, keep: bool = True
) -> int:
    """Put at most `limit` images of a board that the actor is deleting into the trash, off the board.

    All of them, whosever they are; those that are in the trash already leave the board too. Returns how many; fewer
    than `limit` means that the board is empty. Whoever deletes it locks its row first. Files of images that are gone
    for good go with the next sweep.
    """
    names, rows = moves.first_on(conn, board_id, limit)
    live = [row for row in rows if row.deleted_at is None]
    put(conn, live, by=actor.id, now=now, final=_final(conn, access, actor, live, keep=keep))
    _update(conn, rows, board_id=None)
    return moves.finished(conn, board_id, len(names), limit)


def restore(conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], *, now: str) -> Changed:
    """Take images out of the trash: back to their boards where the actor may put images by now, else on none."""
    allowed = access.predicate(actor, RESTORE.name)
    homes = moves.hold_boards(conn, access, actor, _boards_of(conn, names, allowed))
    rows = changes.permitted(conn, access, actor, RESTORE.name, names)
    _update(conn, rows, deleted_at=None, deleted_by=None, updated_at=now)
    homeless = [row for row in rows if row.board_id is not None and row.board_id not in homes]
    if homeless:
        _update(conn, homeless, board_id=None)
        rows = changes.locked(conn, [row.name for row in rows])
    changes.recount(conn, come=map(changes.key_of, rows))
    index.add(conn, [row.id for row in rows])
    changes.tell(conn, rows, "added", now=now)
    return changes.changed(conn, access, actor, names, rows, (row.board_id for row in rows))


def purge(
    conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], *, origin: Origin, now: str
) -> Discarded:
    """Remove images in the trash for good."""
    rows = changes.permitted(conn, access, actor, PURGE.name, names)
    removal.remove(conn, rows, now=now)
    removal.record(conn, origin, rows, now=now)
    result = changes.changed(conn, access, actor, names, rows, (row.board_id for row in rows))
    return Discarded(result, [row.name for row in rows])


def empty_step(conn: Connection, owner_id: str, until: str, *, now: str) -> list[str]:
    """Remove up to STEP of somebody's own images that are in the trash since `until` at the latest, for good.

    Returns their names, oldest deletion first; call it until there are none.
    """
    return _remove_some(conn, images.c.user_id == owner_id, images.c.deleted_at <= until, now=now)


def expire_step(conn: Connection, until: str, *, now: str) -> list[str]:
    """The same for everybody's images."""
    return _remove_some(conn, images.c.deleted_at <= until, now=now)


def _remove_some(conn: Connection, *which: ColumnElement[bool], now: str) -> list[str]:
    in_trash = images.c.deleted_at.is_not(None)
    oldest = select(images.c.name).where(in_trash, *which).order_by(images.c.deleted_at, images.c.id).limit(STEP)
    rows = changes.locked(conn, conn.scalars(oldest).all(), in_trash, *which)
    removal.remove(conn, rows, now=now)
    return [row.name for row in rows]


def _final(conn: Connection, access: AccessEngine, actor: Actor, rows: Sequence[CountedRow], *, keep: bool) -> set[int]:
    """The ids of those that go for good: intermediate ones that the actor may purge; all on a host without a trash."""
    if not keep:
        return {row.id for row in rows}
    passing = [row.id for row in rows if row.is_intermediate]
    theirs = access.predicate(actor, PURGE.name, AS_TRASHED)
    return {
        found
        for some in changes.chunks(passing)
        for found in conn.scalars(select(images.c.id).where(images.c.id.in_(some), theirs))
    }


def _boards_of(conn: Connection, names: Sequence[str], allowed: ColumnElement[bool]) -> set[str]:
    on_board = select(images.c.board_id).distinct().where(images.c.board_id.is_not(None), allowed)
    return {
        board_id
        for some in changes.chunks(sorted({name for name in names if is_name(name)}))
        for board_id in conn.scalars(on_board.where(images.c.name.in_(some)))
        if board_id is not None
    }


def _update(conn: Connection, rows: Sequence[CountedRow], **values: str | None) -> None:
    for some in changes.chunks([row.id for row in rows]):
        conn.execute(update(images).where(images.c.id.in_(some)).values(**values))
