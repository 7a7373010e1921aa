"""Deleting whole classes of images, in steps short enough that other writers get their turn."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.images.access import DELETE
from invoke_host.images.store import COUNTED_COLUMNS, remove
from invoke_host.images.tables import images

#: Images deleted in one transaction.
STEP = 200


@dataclass(frozen=True, slots=True)
class Scope:
    """Images with an id above `after`, up to `through`: those that existed when it began, and no later ones."""

    after: int
    through: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one step deleted, and what is left to look at; None at the end."""

    names: list[str]
    rest: Scope | None


def scope(conn: Connection) -> Scope:
    """Everything there is now."""
    return Scope(0, conn.execute(select(func.max(images.c.id))).scalar() or 0)


def delete_step(
    conn: Connection, access: AccessEngine, actor: Actor, within: Scope, *, intermediates_only: bool, now: str
) -> Step:
    """Delete the next images that the actor may delete, oldest first."""
    query = (
        select(*COUNTED_COLUMNS)
        .where(images.c.id > within.after, images.c.id <= within.through, access.predicate(actor, DELETE.name))
        .order_by(images.c.id)
        .limit(STEP)
        .with_for_update()
    )
    if intermediates_only:
        query = query.where(images.c.is_intermediate)
    found = conn.execute(query).all()
    remove(conn, found, now=now)
    rest = Scope(found[-1].id, within.through) if len(found) == STEP else None
    return Step([row.name for row in found], rest)
