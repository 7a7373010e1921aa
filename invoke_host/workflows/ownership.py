"""Workflows as things that users own: handing them over and removing them (`invoke_host.ownership`).

Who has opened which is nothing that one owns; the database forgets it with the user.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from invoke_host.api import UserId
from invoke_host.blobs import tombstones
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.publishing import Publishable
from invoke_host.workflows.store import PUBLISHING
from invoke_host.workflows.tables import THUMBNAILS, workflows


class WorkflowOwnership:
    """Implements `Owned` for workflows."""

    name = "workflows"
    tables = frozenset({workflows.name})

    def count(self, conn: Connection, user_id: str) -> int:
        """Workflows."""
        return conn.scalar(select(func.count()).select_from(workflows).where(workflows.c.user_id == user_id)) or 0

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Workflows do not work; 0."""
        return 0

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Hand over all workflows; private ones stay private, public ones public."""
        moved = conn.execute(update(workflows).where(workflows.c.user_id == source).values(user_id=target)).rowcount
        if moved:
            for user_id in (source, target):
                events.append(conn, RESYNC, {}, UserId(user_id), now=now)
        return moved

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove all of them and entomb their thumbnails; who saw public ones is told."""
        columns = (workflows.c.id, workflows.c.user_id, workflows.c.name, workflows.c.visibility)
        own = workflows.c.user_id == user_id
        rows = conn.execute(select(*columns, workflows.c.thumbnail_id).where(own).order_by(workflows.c.id)).all()
        keys = [THUMBNAILS.key(row.id, row.thumbnail_id) for row in rows if row.thumbnail_id is not None]
        tombstones.entomb(conn, keys, now=now)
        conn.execute(delete(workflows).where(own))
        PUBLISHING.deleted(conn, [Publishable(*row[:4]) for row in rows], now=now)
        return len(rows)


#: The one instance; it holds nothing.
OWNED = WorkflowOwnership()
