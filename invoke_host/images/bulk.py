"""Deleting whole classes of images, in steps short enough that other writers get their turn."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.audit.record import Origin
from invoke_host.images import changes, trash
from invoke_host.images.access import DELETE
from invoke_host.images.tables import images
from invoke_host.images.trash import Discarded

#: Images deleted in one transaction.
STEP = 200

#: Which images, beside those that the actor may delete.
INTERMEDIATE: ColumnElement[bool] = images.c.is_intermediate.is_(True)


@dataclass(frozen=True, slots=True)
class Scope:
    """Images with an id above `after`, up to `through`: those that existed when it began, and no later ones."""

    after: int
    through: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one step deleted, and what is left to look at; None at the end."""

    discarded: Discarded
    rest: Scope | None


def scope(conn: Connection) -> Scope:
    """Everything there is now."""
    return Scope(0, conn.execute(select(func.max(images.c.id))).scalar() or 0)


def delete_step(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    within: Scope,
    which: ColumnElement[bool],
    *,
    origin: Origin,
    now: str,
    keep: bool = True,
) -> Step:
    """Delete the next such images that the actor may delete, oldest first."""
    found = conn.execute(
        select(images.c.id, images.c.name)
        .where(images.c.id > within.after, images.c.id <= within.through, which, access.predicate(actor, DELETE.name))
        .order_by(images.c.id)
        .limit(STEP)
    ).all()
    names = [row.name for row in found]
    rows = changes.locked(conn, names, which, access.predicate(actor, DELETE.name))
    rest = Scope(found[-1].id, within.through) if len(found) == STEP else None
    return Step(trash.discard(conn, access, actor, names, rows, origin=origin, now=now, keep=keep), rest)
