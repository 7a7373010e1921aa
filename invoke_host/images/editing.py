"""Starring images and changing their details: row, counters, search and event in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.images import changes
from invoke_host.images.access import EDIT, STAR
from invoke_host.images.changes import Changed
from invoke_host.images.search import index
from invoke_host.images.tables import images


@dataclass(frozen=True, slots=True)
class Patch:
    """What PATCH may change; None leaves a field as it is."""

    category: str | None = None
    is_intermediate: bool | None = None
    session_id: str | None = None
    starred: bool | None = None


def patch(conn: Connection, access: AccessEngine, actor: Actor, name: str, change: Patch, *, now: str) -> None:
    """Change one image. Raises NotFound or Forbidden; a patch that says nothing new writes nothing."""
    row = changes.the_one(conn, access, actor, EDIT.name, name)
    wanted = {
        column: value
        for column in Patch.__dataclass_fields__
        if (value := getattr(change, column)) is not None and value != getattr(row, column)
    }
    if not wanted:
        return
    conn.execute(update(images).where(images.c.id == row.id).values(**wanted, updated_at=now))
    changes.recount(conn, gone=[changes.key_of(row)], come=[changes.key_of(row, **wanted)])
    index.rescope(conn, [row.id])
    changes.tell(conn, [row], "updated", now=now)


def set_starred(
    conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], starred: bool, *, now: str
) -> Changed:
    """Star or unstar; `done` are the names that are now so."""
    rows = changes.permitted(conn, access, actor, STAR.name, names)
    changing = [row for row in rows if row.starred != starred]
    ids = [row.id for row in changing]
    for some in changes.chunks(ids):
        conn.execute(update(images).where(images.c.id.in_(some)).values(starred=starred, updated_at=now))
    changes.recount(
        conn, gone=map(changes.key_of, changing), come=[changes.key_of(row, starred=starred) for row in changing]
    )
    index.rescope(conn, ids)
    changes.tell(conn, changing, "updated", now=now)
    return changes.changed(conn, access, actor, names, rows, (row.board_id for row in changing))
