"""Workflows as their readers get them: the columns that are read, and what is made of a row."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlalchemy import Row, Select, and_, select

from invoke_host.api import SYSTEM_USER_ID, Actor
from invoke_host.identity.naming import shown_name
from invoke_host.identity.tables import users
from invoke_host.publishing import Publishable
from invoke_host.workflows.tables import workflow_opens, workflows

#: What the host says of every workflow: it keeps them for user interfaces, and runs none inside another.
_NOT_CALLABLE: Final = {
    "is_callable": False,
    "reason": "not_supported",
    "message": "This host keeps workflows and does not run them.",
}

_BASE = (
    workflows.c.id,
    workflows.c.user_id,
    workflows.c.visibility,
    workflows.c.category,
    workflows.c.name,
    workflows.c.thumbnail_id,
    workflows.c.thumbnail_sha256,
    workflows.c.created_at,
    workflows.c.updated_at,
    users.c.display_name,
    users.c.email,
    workflow_opens.c.opened_at,
)


def reader_id(actor: Actor) -> str:
    """Whose notes of having opened a workflow count."""
    return actor.id or SYSTEM_USER_ID


def listed(actor: Actor) -> Select[Any]:
    """All workflows, without their texts, as `item` takes them."""
    more = (workflows.c.description, workflows.c.tags, workflows.c.name_key)
    return _joined(select(*_BASE, *more), actor)


def whole(actor: Actor) -> Select[Any]:
    """All workflows with their texts, as `record` takes them."""
    return _joined(select(*_BASE, workflows.c.workflow), actor)


def item(row: Row[*tuple[Any, ...]], reader: Actor) -> dict[str, Any]:
    """A line of a list (schema.WorkflowListItem)."""
    return {**_base(row, reader), "description": row.description, "category": row.category, "tags": row.tags}


def record(row: Row[*tuple[Any, ...]], reader: Actor) -> dict[str, Any]:
    """One workflow (schema.WorkflowRecord); its text goes into the answer as it was stored, to the byte."""
    return {**_base(row, reader), "workflow": orjson.Fragment(row.workflow)}


def publishable(row: Row[*tuple[Any, ...]]) -> Publishable:
    """What events and the audit log need of it."""
    return Publishable(row.id, row.user_id, row.name, row.visibility)


def _joined(statement: Select[Any], actor: Actor) -> Select[Any]:
    opened = and_(workflow_opens.c.workflow_id == workflows.c.id, workflow_opens.c.user_id == reader_id(actor))
    return statement.join(users, users.c.id == workflows.c.user_id).outerjoin(workflow_opens, opened)


def _base(row: Row[*tuple[Any, ...]], reader: Actor) -> dict[str, Any]:
    return {
        "workflow_id": row.id,
        "name": row.name,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "opened_at": row.opened_at,
        "user_id": row.user_id,
        "owner_username": shown_name(row.display_name, row.email, to_admin=reader.is_admin),
        "is_public": row.visibility == "public",
        "thumbnail_url": _thumbnail_url(row),
        "call_saved_workflow_compatibility": _NOT_CALLABLE,
    }


def _thumbnail_url(row: Row[*tuple[Any, ...]]) -> str | None:
    # Relative to the host's root, as for images; another picture is another URL, so that pages show it at once.
    file_id = row.thumbnail_id
    return None if file_id is None else f"api/v1/workflows/i/{row.id}/thumbnail?v={file_id[:8]}"
