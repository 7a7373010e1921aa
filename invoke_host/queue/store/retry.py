"""Asking for a failed or canceled picture once more: a new item, in the same batch, with the same request.

Each item is asked for again once: its row says as what. Who wants more retries the new one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from sqlalchemy import Connection, bindparam, func, insert, select, update

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden, TooManyRequests
from invoke_host.generation.requests import ResolvedRequest
from invoke_host.limits.admission import Fit
from invoke_host.limits.windows import epoch
from invoke_host.queue import cost
from invoke_host.queue.access import RETRY
from invoke_host.queue.store import bookings, rates
from invoke_host.queue.store.announce import items_changed
from invoke_host.queue.store.counters import Tally
from invoke_host.queue.store.enqueue import RETRY_AFTER_S, full, room
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, queue_item
from invoke_host.queue.store.lanes import begins_at
from invoke_host.queue.store.reads import unknown_item
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.store.templates import template_of
from invoke_host.queue.tables import queue_items


@dataclass(frozen=True, slots=True)
class Retried:
    """Ids of the items that were asked for again (not those that were in no state for it), and of the new ones."""

    old_ids: list[int]
    new_ids: list[int]


@dataclass(frozen=True, slots=True)
class Again:
    """An item to be repeated, how much work it is, and the device time that this is expected to take."""

    item: QueueItem
    model: str | None
    work: float
    estimated_us: int


def retry(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    queue_id: str,
    item_ids: Sequence[int],
    *,
    max_size: int,
    now: str,
) -> Retried:
    """Put failed and canceled items into the queue again, for their owners.

    Others are passed over, and so are missing ones and those that were retried before.

    Raises:
        NotFound: one of them is in another queue.
        Forbidden: the actor may not retry one of them; then none is.
        TooManyRequests: the queue has no room for all of them, or a limit lets not all in; then none is.
    """
    lock_line(conn)
    again = retryable(conn, access, actor, queue_id, item_ids, lock=True)
    if not again:
        return Retried([], [])
    owners = {each.item.user_id for each in again}
    if len(again) > room(conn, owners.pop() if len(owners) == 1 else None, max_size=max_size):
        raise full(max_size)
    begin_us = begins_at(conn)
    new = _insert(conn, again, now)
    tally = Tally()
    for item in new:
        tally.move(item, None, "pending")
    tally.write(conn, begin_us=begin_us)
    _admit(conn, again, now)
    items_changed(conn, new, "retried", now=now)
    return Retried([each.item.id for each in again], [item.id for item in new])


def retryable(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_ids: Sequence[int], *, lock: bool = False
) -> list[Again]:
    """Those of the items that can be retried now, by id; `lock` holds them. Raises NotFound, Forbidden like `retry`."""
    again = []
    for item in _permitted(conn, access, actor, queue_id, item_ids, lock=lock):
        if item.status in ("failed", "canceled") and item.retried_as_item_id is None:
            model, work = _work(item)
            again.append(Again(item, model, work, cost.estimate_us(work, rates.us_per_work(conn, model))))
    return again


def prompts(conn: Connection, again: Sequence[Again]) -> list[str]:
    """What these pictures are to show, each text once."""
    templates = {each.item.batch_id: template_of(conn, each.item.batch_id) for each in again}
    asked = (templates[each.item.batch_id].request(each.item.request) for each in again)
    return list(dict.fromkeys(str(values.get("positive_prompt", "")) for values in asked))


def _work(item: QueueItem) -> tuple[str | None, float]:
    if item.model is not None and item.work > 0:
        return item.model, item.work
    try:
        request = ResolvedRequest.from_json(item.request)  # it is as old as that: it says everything itself
    except ValidationError:
        return item.model, item.work
    return request.model, cost.work(request)


def _by_owner(again: Sequence[Again]) -> Mapping[str, list[int]]:
    """What each owner's items are expected to take; owners in the order in which all writers take them."""
    owners: dict[str, list[int]] = {}
    for each in sorted(again, key=lambda each: (each.item.user_id, each.item.id)):
        owners.setdefault(each.item.user_id, []).append(each.estimated_us)
    return owners


def _admit(conn: Connection, again: Sequence[Again], now: str) -> None:
    """Ask the limits of each owner, and book before the next is asked: they may be in one group.

    The new items stand in the lanes already, as all writers come to those before they come to usage.
    """
    owners = _by_owner(again)
    without = {user_id: len(estimates) for user_id, estimates in owners.items()}
    for user_id, estimates in owners.items():
        fit = bookings.fitting(conn, user_id, estimates, now=now, without=without)
        if fit.count < len(estimates):
            raise fit.refusal or _too_many(fit, len(estimates), now)
        bookings.book(conn, user_id, estimates, now=now)
        del without[user_id]


def _too_many(fit: Fit, wanted: int, now: str) -> TooManyRequests:
    limit = fit.limited_by
    name = "" if limit is None else f" ({limit.limit} is {limit.value:g})"
    wait_s = RETRY_AFTER_S
    if limit is not None and limit.resets_at is not None:
        wait_s = max(1, math.ceil(epoch(limit.resets_at) - epoch(now)))
    return TooManyRequests(
        f"There is room for {fit.count} of these {wanted} items{name}, so nothing was retried. "
        f"Retry {fit.count} of them now, or all later.",
        retry_after_s=wait_s,
    )


def _insert(conn: Connection, again: Sequence[Again], now: str) -> list[QueueItem]:
    """The new items, in the order of the old ones, which learn of them."""
    conn.execute(insert(queue_items), [_values(each, now) for each in again])
    newest = conn.execute(
        select(*ITEM_COLUMNS)
        .where(queue_items.c.batch_id.in_({each.item.batch_id for each in again}))
        .order_by(queue_items.c.id.desc())
        .limit(len(again))
    )
    new = sorted(map(queue_item, newest), key=lambda item: item.id)
    conn.execute(
        _REPEATED, [{"old_id_": each.item.id, "new_id_": item.id} for each, item in zip(again, new, strict=True)]
    )
    return new


_REPEATED = (
    update(queue_items).where(queue_items.c.id == bindparam("old_id_")).values(retried_as_item_id=bindparam("new_id_"))
)


def _permitted(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_ids: Sequence[int], *, lock: bool
) -> list[QueueItem]:
    permitted = func.coalesce(access.predicate(actor, RETRY.name), False).label("permitted")
    query = select(*ITEM_COLUMNS, permitted).where(queue_items.c.id.in_(set(item_ids))).order_by(queue_items.c.id)
    rows = conn.execute(query.with_for_update() if lock else query).all()
    for row in rows:
        if row.queue_id != queue_id:
            raise unknown_item(queue_id, row.id)
    for row in rows:
        if not row.permitted:
            raise Forbidden(f"Queue item {row.id} belongs to somebody else; nothing was retried.")
    return [queue_item(row) for row in rows]


def _values(each: Again, now: str) -> dict[str, object]:
    item = each.item
    kept = ("batch_id", "batch_index", "queue_id", "user_id", "origin", "destination", "priority", "request")
    return {
        **{name: getattr(item, name) for name in kept},
        "session_id": ids.new_id(),
        "status": "pending",
        "retried_from_item_id": item.retried_from_item_id or item.id,
        "model": each.model,
        "work": each.work,
        "booked_us": each.estimated_us,
        "created_at": now,
        "updated_at": now,
    }
