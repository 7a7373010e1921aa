"""Putting a batch into the queue: one transaction, one bulk statement for the items, and the same answer twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, func, insert, select

from invoke_host import ids
from invoke_host.api import Conflict, TooManyRequests, UserId
from invoke_host.events import store as events
from invoke_host.faults import failpoint
from invoke_host.queue.store.counters import Tally, open_lane, pending_in
from invoke_host.queue.store.items import has_status
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.tables import batches, queue_items

#: What a client is told to wait when the queue is full; a place becomes free with each picture.
RETRY_AFTER_S = 10


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Who asks for what. `idempotency_key` None = every request is a new one."""

    queue_id: str
    user_id: str
    origin: str | None
    destination: str | None
    prepend: bool
    idempotency_key: str | None
    request_sha256: str


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What was accepted. Ids are in the order of the pictures; a `repeated` answer lacks those removed since."""

    batch_id: str
    queue_id: str
    origin: str | None
    destination: str | None
    priority: int
    requested: int
    enqueued: int
    item_ids: list[int]
    repeated: bool = False


def enqueue(conn: Connection, batch: NewBatch, requests: Sequence[str], *, max_size: int, now: str) -> Enqueued:
    """Add one pending item for each request (its JSON), as many as there is room for.

    A key that this user has used before returns what it returned then and adds nothing.

    Raises:
        Conflict: the key was used for a different request.
        TooManyRequests: `max_size` items wait under this queue id already.
    """
    lock_line(conn)
    if known := earlier(conn, batch):
        return known
    accepted = requests[: room(conn, batch.queue_id, max_size=max_size)]
    priority = _highest_priority(conn, batch.user_id) + 1 if batch.prepend else 0
    result = Enqueued(
        batch_id=ids.new_id(),
        queue_id=batch.queue_id,
        origin=batch.origin,
        destination=batch.destination,
        priority=priority,
        requested=len(requests),
        enqueued=len(accepted),
        item_ids=[],
    )
    _insert(conn, batch, result, accepted, now)
    result = replace(result, item_ids=_item_ids(conn, result.batch_id))
    open_lane(conn, batch.user_id, result.item_ids[0])
    tally = Tally()
    tally.move(batch, None, "pending", len(accepted))
    tally.write(conn)
    _tell(conn, batch, result, now)
    failpoint("enqueue.before_commit")
    return result


def earlier(conn: Connection, batch: NewBatch) -> Enqueued | None:
    """What was accepted under the same key before, or None. Raises Conflict if that was a different request."""
    key = batch.idempotency_key
    if key is None:
        return None
    found = conn.execute(
        select(batches).where(batches.c.user_id == batch.user_id, batches.c.idempotency_key == key)
    ).one_or_none()
    if found is None:
        return None
    if found.request_sha256 != batch.request_sha256:
        raise Conflict(
            f"The Idempotency-Key {key[:40]!r} was used for a different request before; "
            "use a new key for a new request, or repeat the request unchanged."
        )
    return Enqueued(
        batch_id=found.id,
        queue_id=found.queue_id,
        origin=found.origin,
        destination=found.destination,
        priority=found.priority,
        requested=found.requested,
        enqueued=found.enqueued,
        item_ids=_item_ids(conn, found.id),
        repeated=True,
    )


def room(conn: Connection, queue_id: str, *, max_size: int) -> int:
    """How many more items may wait under this queue id. Raises TooManyRequests if none."""
    left = max_size - pending_in(conn, queue_id)
    if left < 1:
        raise full(queue_id, max_size)
    return left


def full(queue_id: str, max_size: int) -> TooManyRequests:
    """The answer when there is no room."""
    return TooManyRequests(
        f"The queue {queue_id!r} has no room: at most {max_size} items may wait ([queue] max_size). Try again later.",
        retry_after_s=RETRY_AFTER_S,
    )


_HIGHEST = select(func.max(queue_items.c.priority)).where(
    queue_items.c.user_id == bindparam("user_id_"), has_status("pending")
)
_ITEM_IDS = select(queue_items.c.id).where(queue_items.c.batch_id == bindparam("batch_id_")).order_by(queue_items.c.id)


def _highest_priority(conn: Connection, user_id: str) -> int:
    return conn.execute(_HIGHEST, {"user_id_": user_id}).scalar() or 0


def _item_ids(conn: Connection, batch_id: str) -> list[int]:
    return list(conn.scalars(_ITEM_IDS, {"batch_id_": batch_id}))


def _insert(conn: Connection, batch: NewBatch, result: Enqueued, requests: Sequence[str], now: str) -> None:
    conn.execute(
        insert(batches).values(
            id=result.batch_id,
            queue_id=batch.queue_id,
            user_id=batch.user_id,
            origin=batch.origin,
            destination=batch.destination,
            requested=result.requested,
            enqueued=result.enqueued,
            priority=result.priority,
            idempotency_key=batch.idempotency_key,
            request_sha256=batch.request_sha256,
            created_at=now,
        )
    )
    shared = {
        "batch_id": result.batch_id,
        "queue_id": batch.queue_id,
        "user_id": batch.user_id,
        "origin": batch.origin,
        "destination": batch.destination,
        "status": "pending",
        "priority": result.priority,
        "created_at": now,
        "updated_at": now,
    }
    rows = [
        {**shared, "batch_index": index, "session_id": ids.new_id(), "request": request}
        for index, request in enumerate(requests)
    ]
    conn.execute(insert(queue_items), rows)


def _tell(conn: Connection, batch: NewBatch, result: Enqueued, now: str) -> None:
    payload = {
        "queue_id": result.queue_id,
        "batch_id": result.batch_id,
        "enqueued": result.enqueued,
        "requested": result.requested,
        "item_ids": result.item_ids,
        "origin": result.origin,
        "destination": result.destination,
        "priority": result.priority,
        "user_id": batch.user_id,
    }
    events.append(conn, "batch_enqueued", payload, UserId(batch.user_id), now=now)
