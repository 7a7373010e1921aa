"""Turning rows into the objects that clients get: whole for those who may view an item, redacted for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from invoke_host.queue.store.items import QueueItem
from invoke_host.queue.template import NOTHING, Template

#: What everybody may know of an item: that it is there, where it stands, and when (the reference's section 2.9).
PUBLIC_FIELDS = frozenset(
    {
        "item_id",
        "queue_id",
        "status",
        "status_sequence",
        "device",
        "position",
        "estimated_start_at",
        "created_at",
        "updated_at",
        "started_at",
        "completed_at",
    }
)

_SUMMARY = (
    "item_id",
    "queue_id",
    "status",
    "status_sequence",
    "priority",
    "batch_id",
    "session_id",
    "origin",
    "destination",
    "device",
    "error_type",
    "error_message",
    "position",
    "estimated_start_at",
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "field_values",
    "retried_from_item_id",
    "retried_as_item_id",
    "workflow_call_id",
    "parent_item_id",
    "parent_session_id",
    "root_item_id",
    "workflow_call_depth",
    "user_id",
    "user_display_name",
    "user_email",
    "attempt",
)


def item_dto(
    item: QueueItem, template: Template, *, display_name: str | None, email: str | None, images: Sequence[str]
) -> dict[str, Any]:
    """An item as its owner and administrators get it (schema.QueueItemDTO)."""
    request = {**_YOUNGER, **template.request(item.request)}
    return {
        "item_id": item.id,
        "queue_id": item.queue_id,
        "status": item.status,
        "status_sequence": item.status_sequence,
        "priority": item.priority,
        "batch_id": item.batch_id,
        "session_id": item.session_id,
        "origin": item.origin,
        "destination": item.destination,
        "device": item.device,
        "error_type": item.error_type,
        "error_message": item.error_message,
        "error_traceback": None,
        "position": None,
        "estimated_start_at": None,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "started_at": item.started_at,
        "completed_at": item.completed_at,
        "field_values": template.field_values(request),
        "retried_from_item_id": item.retried_from_item_id,
        "retried_as_item_id": item.retried_as_item_id,
        "workflow_call_id": None,
        "parent_item_id": None,
        "parent_session_id": None,
        "root_item_id": None,
        "workflow_call_depth": None,
        "workflow": None,
        "session": template.session(item.session_id, request, images),
        "user_id": item.user_id,
        "user_display_name": display_name,
        "user_email": email,
        "attempt": item.attempt,
        "request": request,
        "image_names": list(images),
    }


def redacted(item: Mapping[str, Any]) -> dict[str, Any]:
    """The same item for somebody who may not view it: its content is blanked, no key is missing."""
    return {key: value if key in PUBLIC_FIELDS else _BLANKS.get(key) for key, value in item.items()}


def summary(item: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an item that lists show (schema.QueueItemSummary)."""
    return {key: item[key] for key in _SUMMARY}


#: Fields of requests that items written by earlier versions lack.
_YOUNGER: dict[str, Any] = {"board_id": None, "is_intermediate": False}

_BLANKS: dict[str, Any] = {
    "user_id": "redacted",
    "batch_id": "redacted",
    "session_id": "redacted",
    "priority": 0,
    "attempt": 0,
    "image_names": [],
    "session": NOTHING.session("redacted", {}, ()),
}
