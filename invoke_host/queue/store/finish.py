"""How an attempt ends: with pictures, with a reason, or back in the queue. Each is one transaction,
fenced by the lease.

The `WHERE` that names the lease token is what makes storing exact: a holder whose item was canceled, deleted or given
to somebody else changes no row, and then nothing else in its transaction happens either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection, bindparam, select, update

from invoke_host.faults import failpoint
from invoke_host.images import store as image_store
from invoke_host.images.store import SavedOutput
from invoke_host.images.tables import images
from invoke_host.queue.placing import Placement, on_no_board
from invoke_host.queue.store.announce import status_changed
from invoke_host.queue.store.counters import Tally
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, has_status, queue_item
from invoke_host.queue.tables import queue_items


def complete(
    conn: Connection,
    token: str,
    outputs: Sequence[SavedOutput],
    *,
    device: str | None,
    engine_s: float,
    now: str,
    placement: Placement = on_no_board,
) -> Literal["completed", "lost"]:
    """Store the pictures of an attempt and complete its item, if the lease still holds.

    `placement` says on which board they go, by what their owner may do now.

    "lost": it does not; nothing was changed and the files are garbage. Calling it again after an error that left open
    whether the commit happened is safe: an attempt that is stored already is "completed".
    """
    values = {"token_": token, "device_": device, "engine_s_": engine_s, "now_": now}
    row = conn.execute(_COMPLETE, values).one_or_none()
    if row is None:
        return "completed" if _stored(conn, outputs) else "lost"
    item = queue_item(row)
    board_id = placement(conn)
    names = [
        image_store.insert_generated(conn, item=item, output=output, board_id=board_id, now=now) for output in outputs
    ]
    tally = Tally()
    tally.move(item, "in_progress", "completed")
    tally.write(conn)
    status_changed(conn, item, now=now, image_names=names)
    failpoint("save.before_commit")
    return "completed"


def fail(conn: Connection, token: str, *, code: str, message: str, now: str) -> bool:
    """End an item with a reason that its owner can read; False if the lease was lost."""
    row = conn.execute(_FAIL, {"token_": token, "code": code, "message": message, "now_": now}).one_or_none()
    if row is not None:
        _announce(conn, queue_item(row), now)
    return row is not None


def worker_died(conn: Connection, token: str, *, most_deaths: int, code: str, message: str, now: str) -> bool:
    """Count a worker's death on an item: back into the queue, or failed once it was more than `most_deaths`.

    False if the lease was lost.
    """
    deaths = conn.execute(_DEATHS, {"token_": token}).scalar()
    if deaths is None:
        return False
    if deaths >= most_deaths:
        times = deaths + 1
        text = f"{message} That happened {times} times with this picture, so it is not tried again by itself."
        return fail(conn, token, code=code, message=text if times > 1 else message, now=now)
    row = conn.execute(_AGAIN, {"token_": token, "now_": now}).one()
    _announce(conn, queue_item(row), now)
    return True


_HOLDS = (has_status("in_progress"), queue_items.c.lease_token == bindparam("token_"))
_ENDED = {
    "status_sequence": queue_items.c.status_sequence + 1,
    "lease_token": None,
    "lease_until": None,
    "updated_at": bindparam("now_"),
}
_COMPLETE = (
    update(queue_items)
    .where(*_HOLDS, queue_items.c.cancel_requested_at.is_(None))
    .values(
        **_ENDED,
        status="completed",
        completed_at=bindparam("now_"),
        device=bindparam("device_"),
        engine_s=bindparam("engine_s_"),
    )
    .returning(*ITEM_COLUMNS)
)
_FAIL = (
    update(queue_items)
    .where(*_HOLDS)
    .values(
        **_ENDED,
        status="failed",
        completed_at=bindparam("now_"),
        error_type=bindparam("code"),
        error_message=bindparam("message"),
    )
    .returning(*ITEM_COLUMNS)
)
_DEATHS = select(queue_items.c.worker_deaths).where(*_HOLDS).with_for_update()
_AGAIN = (
    update(queue_items)
    .where(*_HOLDS)
    .values(**_ENDED, status="pending", worker_deaths=queue_items.c.worker_deaths + 1, started_at=None, device=None)
    .returning(*ITEM_COLUMNS)
)


def _announce(conn: Connection, item: QueueItem, now: str) -> None:
    tally = Tally()
    tally.move(item, "in_progress", item.status)
    tally.write(conn)
    status_changed(conn, item, now=now)


def _stored(conn: Connection, outputs: Sequence[SavedOutput]) -> bool:
    names = [output.name for output in outputs]
    found = conn.scalars(select(images.c.name).where(images.c.name.in_(names)))
    return bool(names) and set(found) == set(names)
