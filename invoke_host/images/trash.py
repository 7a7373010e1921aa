"""The trash: where deleted images wait, out of every listing, count and search, to be restored or removed for good.

An image in the trash keeps its row, its files and its board; `deleted_at` is set. Intermediate images never get there:
nobody would want them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.audit.record import Origin
from invoke_host.images import changes, moves, removal
from invoke_host.images.access import DELETE, PURGE, RESTORE
from invoke_host.images.changes import Changed, CountedRow
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
    gone = put(conn, rows, by=actor.id, now=now, keep=keep)
    lost = set(gone)
    removal.record(conn, origin, [row for row in rows if row.name in lost], now=now)
    return Discarded(changes.changed(conn, access, actor, names, rows, (row.board_id for row in rows)), gone)


def put(conn: Connection, rows: Sequence[CountedRow], *, by: str | None, now: str, keep: bool = True) -> list[str]:
    """Put locked live images into the trash; returns the names of those that are gone for good instead.

    These are the intermediate ones, or all on a host without a trash (`keep` False). Asks nobody; `by` did it.
    """
    changes.recount(conn, gone=map(changes.key_of, rows))
    kept = [row for row in rows if keep and not row.is_intermediate]
    _update(conn, kept, deleted_at=now, deleted_by=by, updated_at=now)
    index.remove(conn, [row.id for row in kept])
    changes.tell(conn, kept, "deleted", now=now)
    gone = [row for row in rows if not keep or row.is_intermediate]
    removal.erase(conn, gone, now=now)
    return [row.name for row in gone]


def trash_board(conn: Connection, board_id: str, *, by: str | None, now: str, limit: int, keep: bool = True) -> int:
    """Put at most `limit` images of a board that is being deleted into the trash, off the board; asks nobody.

    Those that are in the trash already leave the board too. Returns how many; fewer than `limit` means that the board
    is empty. Whoever deletes it locks its row first. Files of images that are gone for good go with the next sweep.
    """
    names, rows = moves.first_on(conn, board_id, limit)
    put(conn, [row for row in rows if row.deleted_at is None], by=by, now=now, keep=keep)
    _update(conn, rows, board_id=None)
    return moves.finished(conn, board_id, len(names), limit)


def restore(conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], *, now: str) -> Changed:
    """Take images out of the trash, back to their boards where those still exist."""
    rows = changes.permitted(conn, access, actor, RESTORE.name, names)
    _update(conn, rows, deleted_at=None, deleted_by=None, updated_at=now)
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


def _update(conn: Connection, rows: Sequence[CountedRow], **values: str | None) -> None:
    for some in changes.chunks([row.id for row in rows]):
        conn.execute(update(images).where(images.c.id.in_(some)).values(**values))
