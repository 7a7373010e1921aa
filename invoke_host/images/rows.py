"""Reading single images, and turning rows into the objects that clients get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, bindparam, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Gone
from invoke_host.images.access import VIEW
from invoke_host.images.names import is_name
from invoke_host.images.store import unknown
from invoke_host.images.tables import images
from invoke_host.storage import PlainRow, PreparedSelect, quick

#: Where images are served, relative to the host's root so that it works behind a path prefix.
BASE_URL = "api/v1/images/i"

#: The columns that say in which stream of a listing an image is.
KIND_COLUMNS = (images.c.category, images.c.is_intermediate, images.c.starred)

#: The columns of an image that a listing has to read; it knows the kind, as that is what it looks for.
LISTED_COLUMNS = (
    images.c.id,
    images.c.name,
    images.c.origin,
    images.c.width,
    images.c.height,
    images.c.created_at,
    images.c.updated_at,
    images.c.session_id,
    images.c.node_id,
    images.c.has_workflow,
)

#: The columns of an image that `dto` takes, in this order.
DTO_COLUMNS = (*LISTED_COLUMNS, *KIND_COLUMNS)


def dto(row: PlainRow) -> dict[str, Any]:
    """An image as clients get it (schema.ImageDTO), from a row of DTO_COLUMNS. Plain, for it is the hot path."""
    (
        _,
        name,
        origin,
        width,
        height,
        created_at,
        updated_at,
        session_id,
        node_id,
        workflow,
        category,
        temporary,
        starred,
    ) = row
    return {
        "image_name": name,
        "image_url": f"{BASE_URL}/{name}/full",
        "thumbnail_url": f"{BASE_URL}/{name}/thumbnail",
        "image_origin": origin,
        "image_category": category,
        "width": width,
        "height": height,
        "created_at": created_at,
        "updated_at": updated_at,
        "deleted_at": None,
        "is_intermediate": temporary == 1,
        "session_id": session_id,
        "node_id": node_id,
        "starred": starred == 1,
        "has_workflow": workflow == 1,
        "image_subfolder": "",
        "board_id": None,
    }


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What must be true of an image's files. `size_bytes` is that of the picture, None for the thumbnail."""

    name: str
    sha256: str
    size_bytes: int | None

    def gone(self) -> Gone:
        """The error to raise when it is not."""
        return Gone(f"The file of image {self.name} is missing or damaged.")


@quick
def get(conn: Connection, access: AccessEngine, actor: Actor, name: str) -> dict[str, Any]:
    """One image as clients get it. Raises NotFound if there is none or the actor may not see it."""
    return dto(_one(conn, access, actor, name, _DTO))


@quick
def metadata(conn: Connection, access: AccessEngine, actor: Actor, name: str) -> dict[str, Any] | None:
    """What the picture's file says about how it was made, None if it says nothing. Raises NotFound."""
    text = _one(conn, access, actor, name, _METADATA)[0]
    return None if text is None else orjson.loads(text)


@quick
def file_facts(conn: Connection, access: AccessEngine, actor: Actor, name: str, *, thumbnail: bool) -> FileFacts:
    """What the file of a visible image must be like. Raises NotFound."""
    row = _one(conn, access, actor, name, _FILES)
    return FileFacts(name, row[2], None) if thumbnail else FileFacts(name, row[0], row[1])


@quick
def require(conn: Connection, access: AccessEngine, actor: Actor, name: str) -> None:
    """Return if the actor may see the image. Raises NotFound."""
    _one(conn, access, actor, name, _NAME)


def by_names(conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str]) -> list[dict[str, Any]]:
    """Those of the images that exist and are visible, in the order asked for, repeated where asked for repeatedly."""
    wanted = list({name for name in names if is_name(name)})
    if not wanted:
        return []
    query = select(*DTO_COLUMNS).where(access.predicate(actor, VIEW.name), images.c.name.in_(wanted))
    found = {image["image_name"]: image for image in map(dto, conn.execute(query))}
    return [found[name] for name in names if name in found]


_DTO = DTO_COLUMNS
_METADATA = (images.c.metadata,)
_FILES = (images.c.sha256, images.c.size_bytes, images.c.thumbnail_sha256)
_NAME = (images.c.name,)


def _one(
    conn: Connection, access: AccessEngine, actor: Actor, name: str, columns: tuple[ColumnElement[Any], ...]
) -> PlainRow:
    if not is_name(name):
        raise unknown(name)
    row = _one_statement(access.predicate(actor, VIEW.name), columns).first(conn, {"name_": name})
    if row is None:
        raise unknown(name)
    return row


@lru_cache(4096)
def _one_statement(allowed: ColumnElement[bool], columns: tuple[ColumnElement[Any], ...]) -> PreparedSelect:
    return PreparedSelect(select(*columns).where(images.c.name == bindparam("name_"), allowed))
