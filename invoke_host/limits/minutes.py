"""Forgetting the minutes in which somebody used something, once they are over for an hour: no quota reads them."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, literal_column, select

from invoke_host.api import BackgroundTask
from invoke_host.clock import Clock
from invoke_host.limits.tables import usage_windows
from invoke_host.storage import Storage

KEEP_S = 3600

#: Rows removed in one transaction.
STEP = 500


def prune_task(storage: Storage, clock: Clock, interval_s: float = 600.0) -> BackgroundTask:
    """Repeated work that removes old minutes."""

    async def prune() -> None:
        before = int(clock.now().timestamp()) - KEEP_S
        while await storage.write(prune_step, before):
            pass

    return BackgroundTask("forget minutes of usage", prune, interval_s)


def prune_step(conn: Connection, before: int) -> bool:
    """Remove the oldest minutes that began before that second; is anything left?"""
    until = conn.execute(_UNTIL, {"before_": before}).scalar()
    conn.execute(_DELETE, {"before_": before if until is None else until})
    return until is not None


_OLD = (usage_windows.c.unit == literal_column("'minute'")) & (usage_windows.c.starts_at < bindparam("before_"))
_UNTIL = select(usage_windows.c.starts_at + 1).where(_OLD).order_by(usage_windows.c.starts_at).offset(STEP).limit(1)
_DELETE = delete(usage_windows).where(_OLD)
