"""Reading and changing single workflows; each change with its events and, of somebody else's, an audit line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden
from invoke_host.audit.record import Origin
from invoke_host.blobs import tombstones
from invoke_host.blobs.files import Attached
from invoke_host.publishing import Publishing, Visibility, lock, name_key, visibility_of
from invoke_host.storage import quick
from invoke_host.workflows import rows
from invoke_host.workflows.access import DELETE, EDIT, PUBLISH, VIEW
from invoke_host.workflows.document import Document
from invoke_host.workflows.schema import MAX_NAME, SHARED_TAG
from invoke_host.workflows.tables import THUMBNAILS, workflow_opens, workflow_tags, workflows

PUBLISHING: Final = Publishing("workflow")

AnyRow: TypeAlias = Row[*tuple[Any, ...]]


@quick
def get(conn: Connection, access: AccessEngine, actor: Actor, workflow_id: str) -> dict[str, Any]:
    """One workflow. Raises NotFound if there is none or the actor may not see it."""
    access.authorize(conn, actor, VIEW.name, workflow_id)
    return _record(conn, actor, workflow_id)


@quick
def thumbnail(conn: Connection, access: AccessEngine, actor: Actor, workflow_id: str) -> Attached | None:
    """The workflow's thumbnail, or None if it has none. Raises NotFound if the actor may not see the workflow."""
    access.authorize(conn, actor, VIEW.name, workflow_id)
    query = select(workflows.c.thumbnail_id, workflows.c.thumbnail_sha256).where(workflows.c.id == workflow_id)
    file_id, sha256 = conn.execute(query).one()
    return (
        None if file_id is None else Attached(THUMBNAILS.key(workflow_id, file_id), sha256, f"workflow {workflow_id}")
    )


@quick
def require_edit(conn: Connection, access: AccessEngine, actor: Actor, workflow_id: str) -> None:
    """Return if the actor may change the workflow. Raises NotFound or Forbidden."""
    access.authorize(conn, actor, EDIT.name, workflow_id)


def add(conn: Connection, actor: Actor, document: Document, visibility: Visibility, *, now: str) -> dict[str, Any]:
    """Keep a new workflow, the actor's."""
    workflow_id = ids.new_id()
    own = _own_tags(document.tags, visibility, published=False)
    values = {**_values(document, own), "user_id": rows.reader_id(actor), "visibility": visibility}
    conn.execute(insert(workflows).values(id=workflow_id, **values, created_at=now, updated_at=now))
    _write_tags(conn, workflow_id, own)
    PUBLISHING.added(conn, [rows.publishable(_row(conn, workflow_id))], now=now)
    return _record(conn, actor, workflow_id)


def change(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    origin: Origin,
    workflow_id: str,
    document: Document,
    *,
    now: str,
) -> dict[str, Any]:
    """Keep another text in its place. Raises NotFound or Forbidden."""
    before = _locked(conn, access, actor, EDIT.name, workflow_id)
    own = _own_tags(document.tags, before.visibility, published=SHARED_TAG in before.tags.split(", "))
    _update(conn, before, origin, "change", {**_values(document, own)}, now=now)
    _write_tags(conn, workflow_id, own)
    return _record(conn, actor, workflow_id)


def publish(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    origin: Origin,
    workflow_id: str,
    *,
    is_public: bool,
    now: str,
) -> dict[str, Any]:
    """Show it to everybody, or to nobody else any more. Raises NotFound or Forbidden."""
    before = _locked(conn, access, actor, PUBLISH.name, workflow_id)
    visibility = visibility_of(is_public=is_public)
    own = _own_tags(before.tags.split(", ") if before.tags else (), visibility, published=is_public)
    _update(conn, before, origin, "publish", {"visibility": visibility, "tags": ", ".join(own)}, now=now)
    _write_tags(conn, workflow_id, own)
    return _record(conn, actor, workflow_id)


def remove(
    conn: Connection, access: AccessEngine, actor: Actor, origin: Origin, workflow_id: str, *, now: str
) -> list[str]:
    """Delete it; returns the keys of the files that are to be buried. Raises NotFound or Forbidden."""
    before = _locked(conn, access, actor, DELETE.name, workflow_id)
    keys = _entomb(conn, before, now=now)
    conn.execute(delete(workflows).where(workflows.c.id == workflow_id))
    PUBLISHING.deleted(conn, [rows.publishable(before)], now=now)
    PUBLISHING.note(conn, origin, "delete", rows.publishable(before), now=now)
    return keys


def note_opened(conn: Connection, access: AccessEngine, actor: Actor, workflow_id: str, *, now: str) -> None:
    """Note that the actor opened it, for the actor alone. Raises NotFound."""
    lock(conn, access, actor, VIEW.name, workflow_id)
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = make(workflow_opens).values(user_id=rows.reader_id(actor), workflow_id=workflow_id, opened_at=now)
    key = [workflow_opens.c.user_id, workflow_opens.c.workflow_id]
    conn.execute(row.on_conflict_do_update(index_elements=key, set_={"opened_at": now}))


def set_thumbnail(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    origin: Origin,
    workflow_id: str,
    file: tuple[str, str] | None,
    *,
    now: str,
) -> list[str]:
    """Give it a thumbnail (id and SHA-256 of its file) or take it away; returns the keys of files to be buried.

    Raises NotFound or Forbidden.
    """
    before = _locked(conn, access, actor, EDIT.name, workflow_id)
    if file is None and before.thumbnail_id is None:
        return []
    keys = _entomb(conn, before, now=now)
    file_id, sha256 = file or (None, None)
    _update(conn, before, origin, "thumbnail", {"thumbnail_id": file_id, "thumbnail_sha256": sha256}, now=now)
    return keys


def _locked(conn: Connection, access: AccessEngine, actor: Actor, action: str, workflow_id: str) -> AnyRow:
    lock(conn, access, actor, action, workflow_id)
    row = _row(conn, workflow_id)
    if row.category == "default":
        raise Forbidden("this workflow comes with the host and can't be changed; save a copy instead")
    return row


def _update(conn: Connection, before: AnyRow, origin: Origin, action: str, values: dict[str, Any], *, now: str) -> None:
    conn.execute(update(workflows).where(workflows.c.id == before.id).values(**values, updated_at=now))
    after = rows.publishable(_row(conn, before.id))
    PUBLISHING.updated(conn, rows.publishable(before), after, now=now)
    PUBLISHING.note(conn, origin, action, rows.publishable(before), now=now)


def _entomb(conn: Connection, row: AnyRow, *, now: str) -> list[str]:
    keys = [] if row.thumbnail_id is None else [THUMBNAILS.key(row.id, row.thumbnail_id)]
    tombstones.entomb(conn, keys, now=now)
    return keys


def _values(document: Document, own_tags: tuple[str, ...]) -> dict[str, Any]:
    return {
        "category": document.category,
        "name": document.name,
        "name_key": name_key(document.name)[:MAX_NAME],
        "description": document.description,
        "tags": ", ".join(own_tags),
        "size_bytes": document.size_bytes,
        "workflow": document.text,
    }


def _own_tags(named: Iterable[str], visibility: str, *, published: bool) -> tuple[str, ...]:
    """The tags that lists show: those named, and `shared` on what is published. Never that on what is private."""
    kept = [tag for tag in named if visibility == "public" or tag != SHARED_TAG]
    if published and visibility == "public":
        kept.append(SHARED_TAG)
    return tuple(dict.fromkeys(kept))


def _write_tags(conn: Connection, workflow_id: str, named: Iterable[str]) -> None:
    conn.execute(delete(workflow_tags).where(workflow_tags.c.workflow_id == workflow_id))
    if lines := [{"workflow_id": workflow_id, "tag": tag} for tag in named]:
        conn.execute(insert(workflow_tags), lines)


_ROW = select(
    workflows.c.id,
    workflows.c.user_id,
    workflows.c.visibility,
    workflows.c.category,
    workflows.c.name,
    workflows.c.tags,
    workflows.c.thumbnail_id,
)


def _row(conn: Connection, workflow_id: str) -> AnyRow:
    return conn.execute(_ROW.where(workflows.c.id == workflow_id)).one()


def _record(conn: Connection, actor: Actor, workflow_id: str) -> dict[str, Any]:
    return rows.record(conn.execute(rows.whole(actor).where(workflows.c.id == workflow_id)).one(), actor)
