"""The queue's events, written in the transaction that makes them true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import Connection

from invoke_host.api import UserId
from invoke_host.events import store as events
from invoke_host.queue.store.items import QueueItem


def status_changed(conn: Connection, item: QueueItem, *, now: str, image_names: Sequence[str] = ()) -> None:
    """One item is in another status now, or again in the one it had before."""
    payload = {
        "queue_id": item.queue_id,
        "item_id": item.id,
        "batch_id": item.batch_id,
        "status": item.status,
        "status_sequence": item.status_sequence,
        "attempt": item.attempt,
        "device": item.device,
        "error_type": item.error_type,
        "error_message": item.error_message,
        "image_names": list(image_names),
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "started_at": item.started_at,
        "completed_at": item.completed_at,
        "user_id": item.user_id,
        "origin": item.origin,
        "destination": item.destination,
    }
    events.append(conn, "queue_item_status_changed", payload, UserId(item.user_id), now=now)


class Owned(Protocol):
    """What is asked of items of which many change at once."""

    @property
    def id(self) -> int: ...
    @property
    def user_id(self) -> str: ...
    @property
    def queue_id(self) -> str: ...


def items_changed(conn: Connection, items: Iterable[Owned], change: str, *, now: str) -> None:
    """Many items at once were `canceled`, `deleted` or `retried`: one event for each owner and queue."""
    groups: dict[tuple[str, str], list[int]] = {}
    for item in items:
        groups.setdefault((item.user_id, item.queue_id), []).append(item.id)
    for (user_id, queue_id), item_ids in sorted(groups.items()):
        payload = {"queue_id": queue_id, "change": change, "item_ids": item_ids, "user_id": user_id}
        events.append(conn, "queue_items_changed", payload, UserId(user_id), now=now)
