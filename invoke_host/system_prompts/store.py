"""All SQL about system prompts, with the events of each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.audit.record import Origin
from invoke_host.identity.naming import shown_name
from invoke_host.identity.tables import users
from invoke_host.publishing import Publishable, Publishing, Visibility, lock, name_key
from invoke_host.system_prompts.access import DELETE, EDIT, VIEW
from invoke_host.system_prompts.tables import system_prompts

PUBLISHING: Final = Publishing("system_prompt")


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a prompt; None stays as it is."""

    name: str | None = None
    content: str | None = None
    visibility: Visibility | None = None


def visible(conn: Connection, access: AccessEngine, actor: Actor, *, limit: int, offset: int) -> list[dict[str, Any]]:
    """What the actor may see, by name."""
    order = (system_prompts.c.name_key, system_prompts.c.id)
    query = access.visible(_SELECT, actor, VIEW.name).order_by(*order).limit(limit).offset(offset)
    return [_dto(row, actor) for row in conn.execute(query)]


def get(conn: Connection, access: AccessEngine, actor: Actor, prompt_id: str) -> dict[str, Any]:
    """One prompt. Raises NotFound if there is none or the actor may not see it."""
    access.authorize(conn, actor, VIEW.name, prompt_id)
    return _dto(_row(conn, prompt_id), actor)


def add(conn: Connection, actor: Actor, user_id: str, new: Change, *, now: str) -> dict[str, Any]:
    """Make a prompt of a new id; `new` leaves nothing open."""
    prompt_id = ids.new_id()
    values = {"id": prompt_id, "user_id": user_id, **_values(new)}
    conn.execute(insert(system_prompts).values(**values, created_at=now, updated_at=now))
    row = _row(conn, prompt_id)
    PUBLISHING.added(conn, [_publishable(row)], now=now)
    return _dto(row, actor)


def change(
    conn: Connection, access: AccessEngine, actor: Actor, origin: Origin, prompt_id: str, new: Change, *, now: str
) -> dict[str, Any]:
    """Change what is not None. Raises NotFound or Forbidden."""
    lock(conn, access, actor, EDIT.name, prompt_id)
    before = _publishable(_row(conn, prompt_id))
    changed = {**_values(new), "updated_at": now}
    conn.execute(update(system_prompts).where(system_prompts.c.id == prompt_id).values(**changed))
    row = _row(conn, prompt_id)
    PUBLISHING.updated(conn, before, _publishable(row), now=now)
    PUBLISHING.note(conn, origin, "change", before, now=now)
    return _dto(row, actor)


def remove(conn: Connection, access: AccessEngine, actor: Actor, origin: Origin, prompt_id: str, *, now: str) -> None:
    """Delete a prompt. Raises NotFound or Forbidden."""
    lock(conn, access, actor, DELETE.name, prompt_id)
    before = _publishable(_row(conn, prompt_id))
    conn.execute(delete(system_prompts).where(system_prompts.c.id == prompt_id))
    PUBLISHING.deleted(conn, [before], now=now)
    PUBLISHING.note(conn, origin, "delete", before, now=now)


_SELECT = select(
    system_prompts.c.id,
    system_prompts.c.name,
    system_prompts.c.content,
    system_prompts.c.user_id,
    system_prompts.c.visibility,
    system_prompts.c.created_at,
    system_prompts.c.updated_at,
    users.c.display_name,
    users.c.email,
).join(users, users.c.id == system_prompts.c.user_id)


def _row(conn: Connection, prompt_id: str) -> Row[*tuple[Any, ...]]:
    return conn.execute(_SELECT.where(system_prompts.c.id == prompt_id)).one()


def _values(change: Change) -> dict[str, str]:
    values: dict[str, str] = {}
    if change.name is not None:
        values |= {"name": change.name, "name_key": name_key(change.name)}
    if change.content is not None:
        values["content"] = change.content
    if change.visibility is not None:
        values["visibility"] = change.visibility
    return values


def _publishable(row: Row[*tuple[Any, ...]]) -> Publishable:
    return Publishable(row.id, row.user_id, row.name, row.visibility)


def _dto(row: Row[*tuple[Any, ...]], reader: Actor) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "content": row.content,
        "user_id": row.user_id,
        "owner_username": shown_name(row.display_name, row.email, to_admin=reader.is_admin),
        "is_public": row.visibility == "public",
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
