"""A batch as its owner and administrators see it. It is bounded, so how far it is, is counted row by row."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, NotFound
from invoke_host.queue.access import BATCH, VIEW
from invoke_host.queue.store.status import counts
from invoke_host.queue.tables import batches, queue_items
from invoke_host.queue.template import Template

#: What a batch says of its pictures, in the order of the answer (batch_schema.BatchRequest).
_REQUEST: Final = (
    "model",
    "model_hash",
    "positive_prompt",
    "negative_prompt",
    "width",
    "height",
    "steps",
    "cfg_scale",
    "seed",
    "scheduler",
    "board_id",
    "is_intermediate",
)


def status(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, batch_id: str) -> dict[str, Any]:
    """How far a batch is (batch_schema.BatchStatus). Raises NotFound, also for one of another queue or user."""
    return _status(conn, _found(conn, access, actor, queue_id, batch_id))


def one(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, batch_id: str) -> dict[str, Any]:
    """The same with what was asked for (batch_schema.BatchDetails)."""
    batch = _found(conn, access, actor, queue_id, batch_id)
    common = Template.of(batch.request).common
    return {
        **_status(conn, batch),
        "priority": batch.priority,
        "requested": batch.requested,
        "enqueued": batch.enqueued,
        "created_at": batch.created_at,
        "user_id": batch.user_id,
        "request": {**dict.fromkeys(_REQUEST), "is_intermediate": False, **common},
        "varying": [name for name in _REQUEST if name not in common and name not in _YOUNGER],
    }


def _found(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, batch_id: str) -> Row[Any]:
    place = {"queue_id_": queue_id, "batch_id_": batch_id}
    found = conn.execute(_batch(access.predicate(actor, VIEW.name, BATCH)), place).first()
    if found is None:
        raise NotFound(f"There is no batch {batch_id[:64]!r} in queue {queue_id[:64]!r}.")
    return found


def _status(conn: Connection, batch: Row[Any]) -> dict[str, Any]:
    return {
        "queue_id": batch.queue_id,
        "batch_id": batch.id,
        "origin": batch.origin,
        "destination": batch.destination,
        **counts((row[0], row[1]) for row in conn.execute(_IN_BATCH, {"batch_id_": batch.id})),
    }


#: Fields that are null where they are not said: they never differ from picture to picture.
_YOUNGER: Final = frozenset({"board_id", "is_intermediate"})

_IN_BATCH = (
    select(queue_items.c.status, func.count())
    .where(queue_items.c.batch_id == bindparam("batch_id_"))
    .group_by(queue_items.c.status)
)


@lru_cache(2048)
def _batch(allowed: ColumnElement[bool]) -> Select[Any]:
    place = (batches.c.id == bindparam("batch_id_"), batches.c.queue_id == bindparam("queue_id_"))
    return select(batches).where(*place, allowed)
