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
from invoke_host.queue.store import rates
from invoke_host.queue.store.announce import status_changed
from invoke_host.queue.store.items import ITEM_COLUMNS, has_status, queue_item
from invoke_host.queue.store.settle import settle
from invoke_host.queue.tables import queue_items
from invoke_host.storage import PreparedWrite

#: `error_type` of an item that is not tried again by itself, because too many workers or hosts ended over it.
QUARANTINED = "quarantined"


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
    row = _COMPLETE.first(conn, values)
    if row is None:
        return "completed" if _stored(conn, outputs) else "lost"
    item = queue_item(row)
    board_id = placement(conn)
    names = [
        image_store.insert_generated(conn, item=item, output=output, board_id=board_id, now=now) for output in outputs
    ]
    settle(conn, [item], now=now, engine_s=engine_s)
    rates.learn(conn, item, round(engine_s * 1e6))
    status_changed(conn, item, now=now, image_names=names)
    failpoint("save.before_commit")
    return "completed"


def fail(conn: Connection, token: str, *, code: str, message: str, now: str) -> bool:
    """End an item with a reason that its owner can read; False if the lease was lost."""
    row = _FAIL.first(conn, {"token_": token, "code": code, "message": message, "now_": now})
    if row is None:
        return False
    item = queue_item(row)
    settle(conn, [item], now=now)
    status_changed(conn, item, now=now)
    return True


def worker_died(conn: Connection, token: str, *, most_deaths: int, code: str, message: str, now: str) -> bool:
    """Count a worker's death on an item: back into the queue, or quarantined at the death that makes it `most_deaths`.

    Quarantined is failed with the reason; nothing but a person tries it again. False if the lease was lost.
    """
    deaths = conn.execute(_DIED, {"token_": token}).scalar()
    if deaths is None:
        return False
    if deaths >= most_deaths:
        return fail(conn, token, code=QUARANTINED, message=f"{message} {_quarantine(deaths)}", now=now)
    item = queue_item(conn.execute(_AGAIN, {"token_": token, "now_": now}).one())
    settle(conn, [item], now=now)
    status_changed(conn, item, now=now)
    return True


_HOLDS = (has_status("in_progress"), queue_items.c.lease_token == bindparam("token_"))
_ENDED = {
    "status_sequence": queue_items.c.status_sequence + 1,
    "lease_token": None,
    "lease_until": None,
    "updated_at": bindparam("now_"),
}
_COMPLETE = PreparedWrite(
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
_FAIL = PreparedWrite(
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
_DIED = (
    update(queue_items)
    .where(*_HOLDS)
    .values(worker_deaths=queue_items.c.worker_deaths + 1)
    .returning(queue_items.c.worker_deaths)
)
_AGAIN = (
    update(queue_items)
    .where(*_HOLDS)
    .values(**_ENDED, status="pending", started_at=None, device=None)
    .returning(*ITEM_COLUMNS)
)


def _quarantine(deaths: int) -> str:
    times = f"{deaths} workers have ended over this picture" if deaths > 1 else "A worker has ended over this picture"
    return (
        f"{times}, so it is quarantined: the others go on, and it is not tried again by itself. "
        "Ask for a smaller picture, fewer steps or another model, or retry it once the host's log has told the cause."
    )


def _stored(conn: Connection, outputs: Sequence[SavedOutput]) -> bool:
    names = [output.name for output in outputs]
    found = conn.scalars(select(images.c.name).where(images.c.name.in_(names)))
    return bool(names) and set(found) == set(names)
