"""Reading items: one, some, the newest, the running one and the next one. Nothing here looks at all of history."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, NotFound
from invoke_host.identity.tables import users
from invoke_host.images.access import VIEW as VIEW_IMAGE
from invoke_host.images.tables import images
from invoke_host.queue.access import VIEW
from invoke_host.queue.rows import item_dto, redacted
from invoke_host.queue.store import forecast
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, has_status, queue_item, unindexed
from invoke_host.queue.store.lanes import Order
from invoke_host.queue.tables import batches, queue_items, queue_totals
from invoke_host.queue.template import Template
from invoke_host.storage import quick


def unknown_item(queue_id: str, item_id: int) -> NotFound:
    """The answer for an item that does not exist, and for one of another queue."""
    return NotFound(f"There is no item {item_id} in queue {queue_id[:64]!r}.")


@quick
def one(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_id: int) -> dict[str, Any]:
    """An item as clients get it. Raises NotFound, also when it is in another queue."""
    statement = _by_id(access.predicate(actor, VIEW.name))
    found = dtos(conn, access, actor, conn.execute(statement, {"id_": item_id, "queue_id_": queue_id}).all())
    if not found:
        raise unknown_item(queue_id, item_id)
    return found[0]


def by_ids(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Those of the items that exist in this queue, in the order asked for."""
    statement = shown(access.predicate(actor, VIEW.name)).where(
        queue_items.c.id.in_(set(item_ids)), unindexed(queue_items.c.queue_id) == queue_id
    )
    found = {dto["item_id"]: dto for dto in dtos(conn, access, actor, conn.execute(statement).all())}
    return [found[item_id] for item_id in item_ids if item_id in found]


def own_line(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, *, limit: int
) -> list[dict[str, Any]]:
    """The actor's own items that wait, in the order in which they are begun: their lane's."""
    columns = queue_items.c
    own = (columns.user_id == str(actor.id), has_status("pending"), unindexed(columns.queue_id) == queue_id)
    statement = shown(access.predicate(actor, VIEW.name)).where(*own)
    return dtos(
        conn, access, actor, conn.execute(statement.order_by(columns.priority.desc(), columns.id).limit(limit)).all()
    )


def item_ids(conn: Connection, queue_id: str, *, descending: bool, start: int | None, limit: int) -> dict[str, Any]:
    """Ids in order, after `start` in that order, and how many items there are (schema.ItemIdsPage)."""
    column = queue_items.c.id
    statement = select(column).where(queue_items.c.queue_id == queue_id)
    if start is not None:
        statement = statement.where(column < start if descending else column > start)
    statement = statement.order_by(column.desc() if descending else column).limit(limit)
    total = conn.execute(_TOTAL, {"queue_id_": queue_id}).scalar() or 0
    return {"item_ids": list(conn.scalars(statement)), "total_count": total}


@quick
def current(conn: Connection, access: AccessEngine, actor: Actor, queue_id: str) -> dict[str, Any] | None:
    """The item that was begun first of those that run now, or None."""
    statement = _current(access.predicate(actor, VIEW.name))
    found = dtos(conn, access, actor, conn.execute(statement, {"queue_id_": queue_id}).all())
    return found[0] if found else None


def upcoming(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, *, order: Order = "fair", now: str
) -> dict[str, Any] | None:
    """The item of this queue that is taken first, by the claim's own words; None if none may be taken."""
    item_id = forecast.next_of(conn, queue_id, order, now)
    return None if item_id is None else one(conn, access, actor, queue_id, item_id)


_TOTAL = select(func.sum(queue_totals.c.count)).where(queue_totals.c.queue_id == bindparam("queue_id_"))

_COLUMNS = len(ITEM_COLUMNS)


@lru_cache(128)
def shown(allowed: ColumnElement[bool]) -> Select[Any]:
    """Items with all that `dtos` shows of them; `allowed` says of which everything may be shown."""
    names = (users.c.display_name, users.c.email, allowed.label("may_view"))
    # A batch outlives its items; if one were missing, they would be shown as far as their own rows say.
    return (
        select(*ITEM_COLUMNS, *names, batches.c.request.label("common"), batches.c.graph)
        .join(users, users.c.id == queue_items.c.user_id)
        .outerjoin(batches, batches.c.id == queue_items.c.batch_id)
    )


@lru_cache(128)
def _by_id(allowed: ColumnElement[bool]) -> Select[Any]:
    return shown(allowed).where(
        queue_items.c.id == bindparam("id_"), unindexed(queue_items.c.queue_id) == bindparam("queue_id_")
    )


@lru_cache(128)
def _current(allowed: ColumnElement[bool]) -> Select[Any]:
    running = (has_status("in_progress"), unindexed(queue_items.c.queue_id) == bindparam("queue_id_"))
    return shown(allowed).where(*running).order_by(queue_items.c.started_at, queue_items.c.id).limit(1)


@lru_cache(128)
def _names(allowed: ColumnElement[bool]) -> Select[Any]:
    return (
        select(images.c.queue_item_id, images.c.name)
        .where(images.c.queue_item_id.in_(bindparam("item_ids", expanding=True)), allowed)
        .order_by(images.c.queue_item_id, images.c.output_index)
    )


def dtos(conn: Connection, access: AccessEngine, actor: Actor, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Rows of `shown` as clients get them."""
    items = [queue_item(row) for row in rows]
    names = _image_names(conn, access, actor, items)
    templates: dict[str, Template] = {}
    answers = []
    for item, row in zip(items, rows, strict=True):
        display_name, email, may_view, common, graph = row[_COLUMNS:]
        template = templates.get(item.batch_id)
        if template is None:
            template = templates[item.batch_id] = Template.of(common, graph)
        dto = item_dto(item, template, display_name=display_name, email=email, images=names.get(item.id, ()))
        answers.append(dto if may_view else redacted(dto))
    return answers


def _image_names(
    conn: Connection, access: AccessEngine, actor: Actor, items: Sequence[QueueItem]
) -> dict[int, list[str]]:
    done = [item.id for item in items if item.status == "completed"]
    names: dict[int, list[str]] = {}
    if done:
        for item_id, name in conn.execute(_names(access.predicate(actor, VIEW_IMAGE.name)), {"item_ids": done}):
            names.setdefault(item_id, []).append(name)
    return names
