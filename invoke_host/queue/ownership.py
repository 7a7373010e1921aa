"""Queue items as things that users own: stopping them, handing them over, removing them (`invoke_host.ownership`)."""

from __future__ import annotations

from sqlalchemy import Connection, Table, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.api import UserId
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.limits import usage
from invoke_host.queue.store.bulk import cancel_of_user
from invoke_host.queue.store.counters import forget_user
from invoke_host.queue.store.sql import larger
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.tables import batches, destination_counts, queue_counts, queue_items, queue_lanes

_COUNTERS = (queue_counts, destination_counts)


class QueueOwnership:
    """Implements `Owned` for batches and their items, with lanes and counters."""

    name = "queue"
    tables = frozenset(table.name for table in (batches, queue_items, queue_lanes, *_COUNTERS))

    def count(self, conn: Connection, user_id: str) -> int:
        """Items in any state."""
        total = conn.scalar(select(func.sum(queue_counts.c.count)).where(queue_counts.c.user_id == user_id))
        return int(total or 0)

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Cancel all that waits or runs. The dispatcher sees that the leases are gone and stops the work."""
        return cancel_of_user(conn, user_id, now=now)

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Hand over batches, items and the place in line. Idempotency keys are forgotten: they were the source's."""
        lock_line(conn)
        moved = self.count(conn, source)
        _join_lanes(conn, source, target)
        for counters in _COUNTERS:
            _join_counts(conn, counters, source, target)
        conn.execute(update(batches).where(batches.c.user_id == source).values(user_id=target, idempotency_key=None))
        conn.execute(update(queue_items).where(queue_items.c.user_id == source).values(user_id=target))
        usage.hand_over(conn, source, target)
        for user_id in (source, target):
            events.append(conn, RESYNC, {}, UserId(user_id), now=now)
        return moved

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove the items with their batches; what still runs has lost its lease and can't be stored."""
        lock_line(conn)
        removed = self.count(conn, user_id)
        forget_user(conn, user_id)
        for table in (queue_items, batches, queue_lanes, *_COUNTERS):
            conn.execute(delete(table).where(table.c.user_id == user_id))
        usage.forget_all(conn, user_id)
        return removed


#: The one instance; it holds nothing.
OWNED = QueueOwnership()


def _join_lanes(conn: Connection, source: str, target: str) -> None:
    """What waits and runs moves to the target's lane, at the later clock of both: nobody gains a turn by it."""
    lane = conn.execute(select(queue_lanes).where(queue_lanes.c.user_id == source)).one_or_none()
    if lane is None:
        return
    conn.execute(delete(queue_lanes).where(queue_lanes.c.user_id == source))
    own = queue_lanes.c
    joined = {
        "pending": own.pending + lane.pending,
        "running": own.running + lane.running,
        "vtime_us": larger(own.vtime_us, lane.vtime_us),
        "since": case((own.pending == 0, lane.since), else_=own.since),
    }
    if conn.execute(update(queue_lanes).where(own.user_id == target).values(joined)).rowcount == 0:
        conn.execute(insert(queue_lanes).values(**{**lane._asdict(), "user_id": target, "paused": False}))


def _join_counts(conn: Connection, counters: Table, source: str, target: str) -> None:
    rows = conn.execute(select(counters).where(counters.c.user_id == source)).mappings().all()
    if not rows:
        return
    conn.execute(delete(counters).where(counters.c.user_id == source))
    row = (postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert)(counters)
    conn.execute(
        row.on_conflict_do_update(
            index_elements=list(counters.primary_key.columns),
            set_={"count": counters.c.count + row.excluded.count},
        ),
        [{**each, "user_id": target} for each in rows],
    )
