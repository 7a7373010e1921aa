"""Leases on running items: renewing them, noticing that they are lost, and giving the work of dead holders back.

Time is the database's own (`db_epoch`), so that clocks of machines may differ. What counts in the end is the token:
whoever finishes an item must still hold the one that was written at the claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, literal_column, select, update

from invoke_host.queue.store.active import owner_is_active
from invoke_host.queue.store.announce import status_changed
from invoke_host.queue.store.finish import QUARANTINED
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, has_status, queue_item, unindexed
from invoke_host.queue.store.settle import settle
from invoke_host.queue.store.state import lock_line
from invoke_host.queue.tables import queue_items
from invoke_host.storage import PreparedSelect, quick
from invoke_host.storage.schema import db_epoch

#: An item whose host ended so many times while it was made is not tried again.
MAX_ATTEMPTS = 10

POISON = (
    f"The host ended {MAX_ATTEMPTS} times while it made this picture, so it is quarantined: the others go on, and it "
    "is not tried again by itself. Look into the host's log, then retry it."
)


@quick
def held(conn: Connection, tokens: Sequence[str]) -> set[str]:
    """Those of the tokens whose items are still to be worked on.

    Not those of items that were canceled, deleted, or given to somebody else, nor those whose owner was deactivated.
    """
    return set(conn.scalars(_HELD, {"tokens": list(tokens)}))


@quick
def any_forsaken(conn: Connection) -> bool:
    """Is there an item in progress whose owner is deactivated?"""
    return conn.execute(_FORSAKEN).first() is not None


def renew(conn: Connection, tokens: Sequence[str], *, lease_s: float) -> None:
    """Extend these leases from now; lost ones are left alone."""
    conn.execute(_RENEW, {"tokens": list(tokens), "lease_s": lease_s})


def started(conn: Connection, token: str, *, device: str) -> None:
    """Note which device works on the item."""
    conn.execute(_STARTED, {"token_": token, "device_": device})


def give_back(conn: Connection, tokens: Sequence[str], *, now: str) -> list[QueueItem]:
    """Return unfinished items to the queue as if they had not been begun: same attempt count, next in line."""
    lock_line(conn)
    return _to_pending(conn, queue_items.c.lease_token.in_(tokens), attempts=-1, now=now)


def recover(conn: Connection, *, expired_only: bool, now: str) -> tuple[list[QueueItem], list[QueueItem]]:
    """Return the items of dead holders to the queue; (returned, failed because they ended too many holders).

    `expired_only` leaves leases alone that still run: another host may be at work.
    """
    lock_line(conn)
    dead: ColumnElement[bool] = has_status("in_progress")
    if expired_only:
        dead &= func.coalesce(queue_items.c.lease_until, 0.0) < db_epoch()
    poisoned = _fail(conn, dead & (queue_items.c.attempt - queue_items.c.worker_deaths >= MAX_ATTEMPTS), now=now)
    return _to_pending(conn, dead, attempts=0, now=now), poisoned


@quick
def running(conn: Connection, queue_id: str) -> bool:
    """Is an item of this queue in progress, here or elsewhere?"""
    return _RUNNING.first(conn, {"queue_id_": queue_id}) is not None


@quick
def any_expired(conn: Connection) -> bool:
    """Is there an item whose holder has not renewed in time?"""
    return conn.execute(_EXPIRED).first() is not None


_RUNNING = PreparedSelect(
    select(queue_items.c.id)
    .where(has_status("in_progress"), unindexed(queue_items.c.queue_id) == bindparam("queue_id_"))
    .limit(literal_column("1"))
)
_EXPIRED = (
    select(queue_items.c.id)
    .where(has_status("in_progress"), func.coalesce(queue_items.c.lease_until, 0.0) < db_epoch())
    .limit(1)
)
_HELD = select(queue_items.c.lease_token).where(
    has_status("in_progress"),
    queue_items.c.lease_token.in_(bindparam("tokens", expanding=True)),
    owner_is_active(queue_items.c.user_id),
)
_FORSAKEN = select(queue_items.c.id).where(has_status("in_progress"), ~owner_is_active(queue_items.c.user_id)).limit(1)
_RENEW = (
    update(queue_items)
    .where(has_status("in_progress"), queue_items.c.lease_token.in_(bindparam("tokens", expanding=True)))
    .values(lease_until=db_epoch() + bindparam("lease_s"))
)
_STARTED = (
    update(queue_items)
    .where(has_status("in_progress"), queue_items.c.lease_token == bindparam("token_"))
    .values(device=bindparam("device_"))
)


def _to_pending(conn: Connection, which: ColumnElement[bool], *, attempts: int, now: str) -> list[QueueItem]:
    rows = conn.execute(
        update(queue_items)
        .where(has_status("in_progress"), which)
        .values(
            status="pending",
            status_sequence=queue_items.c.status_sequence + 1,
            attempt=queue_items.c.attempt + attempts,
            lease_token=None,
            lease_until=None,
            device=None,
            started_at=None,
            updated_at=now,
        )
        .returning(*ITEM_COLUMNS)
    )
    return _left(conn, rows, now=now)


def _fail(conn: Connection, which: ColumnElement[bool], *, now: str) -> list[QueueItem]:
    rows = conn.execute(
        update(queue_items)
        .where(which)
        .values(
            status="failed",
            status_sequence=queue_items.c.status_sequence + 1,
            lease_token=None,
            lease_until=None,
            error_type=QUARANTINED,
            error_message=POISON,
            updated_at=now,
            completed_at=now,
        )
        .returning(*ITEM_COLUMNS)
    )
    return _left(conn, rows, now=now)


def _left(conn: Connection, rows: Iterable[Row[Any]], *, now: str) -> list[QueueItem]:
    """These were in progress: count them where they are now, settle what their lanes were charged, and tell."""
    items = sorted((queue_item(row) for row in rows), key=lambda item: item.id)
    settle(conn, items, now=now)
    for item in items:
        status_changed(conn, item, now=now)
    return items
