"""Who is next, and taking it: the scheduler. Round robin over users, within a user by priority, then first come.

The lane that was served longest ago is next, so nothing about the order depends on finished items: pruning history
changes nothing. Lanes of deactivated users are passed over. A claim is one short write transaction; the work is done
outside of it, under a lease.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, literal_column, select, update

from invoke_host.queue.store.active import owner_is_active
from invoke_host.queue.store.announce import status_changed
from invoke_host.queue.store.counters import Tally
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, has_status, queue_item
from invoke_host.queue.store.state import is_paused, next_turn
from invoke_host.queue.tables import queue_items, queue_lanes
from invoke_host.storage import quick
from invoke_host.storage.schema import db_epoch


@quick
def claimable(conn: Connection) -> bool:
    """Is there anything to claim? Asked first, so that an idle host writes nothing."""
    return conn.execute(_FIRST_LANE).first() is not None and not is_paused(conn)


def claim(conn: Connection, *, token: str, lease_s: float, now: str) -> QueueItem | None:
    """Take the next item under a new lease: in progress, one attempt more. None if nothing waits or it is paused.

    `lease_token` of the item is `token`; until the lease ends or is given up, only its holder can finish the item.
    """
    if is_paused(conn):
        return None
    turn = next_turn(conn)
    lane = conn.execute(_FIRST_LANE.with_for_update(skip_locked=True)).first()
    if lane is None:
        return None
    found = conn.execute(_BEST_ITEM, {"user_id_": lane.user_id}).first()
    if found is None:
        return None  # another writer is at this user's last item; its commit will wake the dispatcher
    values = {"item_id_": found.id, "token_": token, "lease_s": lease_s, "now_": now}
    item = queue_item(conn.execute(_TAKE, values).one())
    conn.execute(_SERVED, {"at_user_id": item.user_id, "turn": turn})
    tally = Tally()
    tally.move(item, "pending", "in_progress")
    tally.write(conn)
    status_changed(conn, item, now=now)
    return item


_FIRST_LANE = (
    select(queue_lanes.c.user_id)
    .where(
        queue_lanes.c.pending > literal_column("0"),  # written out, for the partial index
        owner_is_active(queue_lanes.c.user_id),
    )
    .order_by(queue_lanes.c.served, queue_lanes.c.user_id)
    .limit(1)
)
_BEST_ITEM = (
    select(queue_items.c.id)
    .where(queue_items.c.user_id == bindparam("user_id_"), has_status("pending"))
    .order_by(queue_items.c.priority.desc(), queue_items.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(queue_items)
    .where(queue_items.c.id == bindparam("item_id_"))
    .values(
        status="in_progress",
        status_sequence=queue_items.c.status_sequence + 1,
        attempt=queue_items.c.attempt + 1,
        lease_token=bindparam("token_"),
        lease_until=db_epoch() + bindparam("lease_s"),
        cancel_requested_at=None,
        device=None,
        error_type=None,
        error_message=None,
        started_at=bindparam("now_"),
        updated_at=bindparam("now_"),
        completed_at=None,
    )
    .returning(*ITEM_COLUMNS)
)
_SERVED = update(queue_lanes).where(queue_lanes.c.user_id == bindparam("at_user_id")).values(served=bindparam("turn"))
