"""Putting a batch into the queue: one transaction, one bulk statement for the items, and the same answer twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, func, insert, select

from invoke_host import ids
from invoke_host.api import Conflict, TooManyRequests, UserId
from invoke_host.events import store as events
from invoke_host.faults import failpoint
from invoke_host.limits.admission import LimitedBy
from invoke_host.queue.store import bookings
from invoke_host.queue.store.counters import Tally, pending_in_all
from invoke_host.queue.store.items import has_status
from invoke_host.queue.store.lanes import begins_at
from invoke_host.queue.store.new_items import NewItems, insert_items
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.tables import batches, queue_items

#: What a client is told to wait when the queue is full; a place becomes free with each picture.
RETRY_AFTER_S = 10

#: Each user may have this part of `[queue] max_size` waiting, one in so many, although the queue is full.
OWN_PART = 100

#: What stands in place of the id of a batch that its reader may not see; no batch has it.
REDACTED = "redacted"


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Who asks for what. `idempotency_key` None = every request is a new one.

    `request` is the JSON of what the items' requests have in common, `graph` that of where a graph's values came from.
    `batch_id` None = a new one.
    """

    queue_id: str
    user_id: str
    origin: str | None
    destination: str | None
    prepend: bool
    idempotency_key: str | None
    request_sha256: str
    request: str | None = None
    graph: str | None = None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Enqueued:
    """What was accepted. Ids are in the order of the pictures; a `repeated` answer lacks those removed since.

    `limited_by` is the limit that let only some in; None if all came in, or if the queue had no more room.
    """

    batch_id: str
    queue_id: str
    origin: str | None
    destination: str | None
    priority: int
    requested: int
    enqueued: int
    item_ids: list[int]
    limited_by: LimitedBy | None = None
    repeated: bool = False


def enqueue(conn: Connection, batch: NewBatch, items: NewItems, *, max_size: int, now: str) -> Enqueued:
    """Add these items to the line, the first ones of them that the queue has room for and the limits let in.

    A key that this user has used before returns what it returned then and adds nothing.

    Raises:
        Conflict: the key was used for a different request, or the batch id is taken.
        TooManyRequests: `max_size` items wait under this queue id already, or a limit lets none in.
    """
    lock_line(conn)
    if known := earlier(conn, batch):
        return known
    batch_id = _own_id(conn, batch)
    fitting = items.estimates_us[: room(conn, batch.user_id, max_size=max_size)]
    fit = bookings.fitting(conn, batch.user_id, fitting, now=now)
    if fit.refusal is not None:
        raise fit.refusal
    accepted = fitting[: fit.count]
    result = Enqueued(
        batch_id=batch_id,
        queue_id=batch.queue_id,
        origin=batch.origin,
        destination=batch.destination,
        priority=_highest_priority(conn, batch.user_id) + 1 if batch.prepend else 0,
        requested=len(items),
        enqueued=len(accepted),
        item_ids=[],
        limited_by=fit.limited_by,
    )
    begin_us = begins_at(conn)
    _insert(conn, batch, result, items, now)
    result = replace(result, item_ids=_item_ids(conn, result.batch_id))
    tally = Tally()
    tally.move(batch, None, "pending", len(accepted), first_id=result.item_ids[0])
    tally.write(conn, begin_us=begin_us)
    bookings.book(conn, batch.user_id, accepted, now=now)
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


def room(conn: Connection, user_id: str | None, *, max_size: int) -> int:
    """How many more items of the user (None: of several) may wait, of all queue ids. Raises TooManyRequests if none.

    A hundredth of `max_size` is every user's own: whoever fills the queue shuts out nobody but those who fill it too.
    """
    left, own = max_size - pending_in_all(conn), max_size // OWN_PART
    if left < own and user_id is not None:
        left = max(left, own - bookings.pending_of(conn, user_id))
    if left < 1:
        raise full(max_size)
    return left


def full(max_size: int) -> TooManyRequests:
    """The answer when there is no room."""
    return TooManyRequests(
        f"The queue has no room: at most {max_size} items may wait on this host ([queue] max_size). Try again later.",
        retry_after_s=RETRY_AFTER_S,
    )


_HIGHEST = select(func.max(queue_items.c.priority)).where(
    queue_items.c.user_id == bindparam("user_id_"), has_status("pending")
)
#: As they were enqueued: what was retried is in the batch too, but is no part of the answer.
_ITEM_IDS = (
    select(queue_items.c.id)
    .where(queue_items.c.batch_id == bindparam("batch_id_"), queue_items.c.retried_from_item_id.is_(None))
    .order_by(queue_items.c.id)
)


def _own_id(conn: Connection, batch: NewBatch) -> str:
    """The id that the client has chosen; a new one where that would tell them of somebody else's batch."""
    wanted = batch.batch_id
    if wanted is None or wanted == REDACTED:
        return ids.new_id()
    owner = conn.scalar(select(batches.c.user_id).where(batches.c.id == wanted))
    if owner == batch.user_id:
        raise Conflict(f"There was a batch {wanted!r} before; leave batch_id out, or make a new one for each batch.")
    return wanted if owner is None else ids.new_id()


def _highest_priority(conn: Connection, user_id: str) -> int:
    return conn.execute(_HIGHEST, {"user_id_": user_id}).scalar() or 0


def _item_ids(conn: Connection, batch_id: str) -> list[int]:
    return list(conn.scalars(_ITEM_IDS, {"batch_id_": batch_id}))


def _insert(conn: Connection, batch: NewBatch, result: Enqueued, items: NewItems, now: str) -> None:
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
            request=batch.request,
            graph=batch.graph,
            created_at=now,
        )
    )
    shared = {
        "batch_id": result.batch_id,
        "queue_id": batch.queue_id,
        "user_id": batch.user_id,
        "origin": batch.origin,
        "destination": batch.destination,
        "priority": result.priority,
        "created_at": now,
    }
    insert_items(conn, shared, items, result.enqueued)


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
