"""System prompts as things that users own: handing them over and removing them (`invoke_host.ownership`).

Those that came with the host stay with the user `system`, also when everything else of it is handed over.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from invoke_host.api import UserId
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.publishing import Publishable
from invoke_host.system_prompts.store import PUBLISHING
from invoke_host.system_prompts.tables import SHIPPED, system_prompts


class SystemPromptOwnership:
    """Implements `Owned` for system prompts."""

    name = "system_prompts"
    tables = frozenset({system_prompts.name})

    def count(self, conn: Connection, user_id: str) -> int:
        """System prompts that somebody made."""
        return conn.scalar(select(func.count()).select_from(system_prompts).where(_of(user_id))) or 0

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """System prompts do not work; 0."""
        return 0

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Hand over all of them; private ones stay private, public ones public."""
        moved = conn.execute(update(system_prompts).where(_of(source)).values(user_id=target)).rowcount
        if moved:
            for user_id in (source, target):
                events.append(conn, RESYNC, {}, UserId(user_id), now=now)
        return moved

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove all of them; who saw public ones is told."""
        columns = (system_prompts.c.id, system_prompts.c.user_id, system_prompts.c.name, system_prompts.c.visibility)
        query = delete(system_prompts).where(_of(user_id)).returning(*columns)
        gone = [Publishable(*row) for row in conn.execute(query)]
        PUBLISHING.deleted(conn, gone, now=now)
        return len(gone)


#: The one instance; it holds nothing.
OWNED = SystemPromptOwnership()


def _of(user_id: str) -> ColumnElement[bool]:
    return and_(system_prompts.c.user_id == user_id, system_prompts.c.id.not_in(SHIPPED))
