"""Batches whose items were all removed: forgotten at once, or when the idempotency key that they keep is too old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, Text, bindparam, delete, exists, or_, select

from invoke_host.api import BackgroundTask
from invoke_host.clock import Clock, timestamp
from invoke_host.queue.store.sql import among, as_list
from invoke_host.queue.tables import batches, queue_items
from invoke_host.storage import PreparedWrite, Storage

#: How long a repeated request is answered like the first one, even if its items are gone.
KEY_LIFE = timedelta(days=1)

#: Batches looked at in one step.
STEP = 500

_HAS_ITEMS = exists(select(queue_items.c.id).where(queue_items.c.batch_id == batches.c.id))


def forget_empty(conn: Connection, batch_ids: Sequence[str], *, forget_before: str) -> None:
    """Remove those of the batches that have no items, unless a key younger than `forget_before` needs them."""
    if batch_ids:
        _FORGET.run(conn, {"ids_": as_list(batch_ids), "before_": forget_before})


_FORGET = PreparedWrite(
    delete(batches).where(
        among(batches.c.id, bindparam("ids_", type_=Text)),
        or_(batches.c.idempotency_key.is_(None), batches.c.created_at < bindparam("before_")),
        ~_HAS_ITEMS,
    )
)


def prune_task(storage: Storage, clock: Clock, interval_s: float = 6 * 3600.0) -> BackgroundTask:
    """Repeated work that removes empty batches whose keys have grown old since their items went."""

    async def prune() -> None:
        forget_before, after = timestamp(clock.now() - KEY_LIFE), ""
        while seen := await storage.read(_next, after, forget_before):
            after = seen[-1][0]
            if empty := [batch_id for batch_id, forgettable in seen if forgettable]:
                await storage.write(forget_empty, empty, forget_before=forget_before)

    return BackgroundTask("forget empty batches", prune, interval_s)


def _next(conn: Connection, after: str, forget_before: str) -> list[tuple[str, bool]]:
    """The next batches by id, and whether each is old and empty. Ids are random, so all of them are looked at."""
    old_and_empty = (batches.c.created_at < forget_before) & ~_HAS_ITEMS
    query = select(batches.c.id, old_and_empty).where(batches.c.id > after).order_by(batches.c.id).limit(STEP)
    return [(batch_id, bool(forgettable)) for batch_id, forgettable in conn.execute(query)]
