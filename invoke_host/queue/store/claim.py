"""Taking the item that is next (`lanes.pick`): one short write transaction; the work is done outside, under a lease.

Nothing about the order depends on finished items: pruning history changes nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, update
from sqlalchemy.types import Double

from invoke_host.queue.store.announce import status_changed
from invoke_host.queue.store.counters import Tally
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, has_status, queue_item
from invoke_host.queue.store.lanes import Order, pick, waits
from invoke_host.queue.store.rates import estimate, share
from invoke_host.queue.store.state import advance, lock_line
from invoke_host.queue.tables import queue_items
from invoke_host.storage import PreparedWrite, quick
from invoke_host.storage.schema import db_epoch


@quick
def claimable(conn: Connection, order: Order = "fair") -> bool:
    """Is there anything to claim? Asked first, so that an idle host writes nothing."""
    return waits(conn, order)


def claim(conn: Connection, *, token: str, lease_s: float, now: str, order: Order = "fair") -> QueueItem | None:
    """Take the next item under a new lease: in progress, one attempt more. None if nothing may be taken.

    `lease_token` of the item is `token`; until the lease ends or is given up, only its holder can finish the item.
    Its lane is charged for what it is expected to take, and the difference is settled when it ends (`settle`).
    """
    lock_line(conn)
    while (found := pick(conn, order)) is not None:
        values = {"item_id_": found.item_id, "token_": token, "lease_s_": lease_s, "now_": now, "weight_": found.weight}
        row = _TAKE.first(conn, values)
        if row is None:
            continue  # canceled since it was picked, where several can write at once
        item = queue_item(row)
        tally = Tally()
        tally.move(item, "pending", "in_progress")
        tally.charge(item.user_id, found.start_us - found.vtime_us + (item.charged_us or 0))
        tally.write(conn)
        if found.start_us > found.floor_us:
            advance(conn, found.start_us)
        status_changed(conn, item, now=now)
        return item
    return None


_ESTIMATE = estimate(queue_items.c.model, queue_items.c.work)
_TAKE = PreparedWrite(
    update(queue_items)
    .where(queue_items.c.id == bindparam("item_id_"), has_status("pending"))
    .values(
        status="in_progress",
        status_sequence=queue_items.c.status_sequence + 1,
        attempt=queue_items.c.attempt + 1,
        lease_token=bindparam("token_"),
        lease_until=db_epoch() + bindparam("lease_s_"),
        estimated_us=_ESTIMATE,
        charged_us=share(_ESTIMATE, bindparam("weight_", type_=Double())),
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
