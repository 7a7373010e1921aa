"""Reading single images, and turning rows into the objects that clients get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, exists, select
from sqlalchemy.sql.elements import True_

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Gone
from invoke_host.boards.access import ABOVE
from invoke_host.boards.access import VIEW as SEE_BOARD
from invoke_host.identity.naming import shown_name
from invoke_host.identity.tables import users
from invoke_host.images.access import VIEW
from invoke_host.images.names import is_name, unknown
from invoke_host.images.tables import image_texts, images
from invoke_host.storage import PlainRow, PreparedSelect, quick

#: Where images are served, relative to the host's root so that it works behind a path prefix.
BASE_URL = "api/v1/images/i"

#: The columns that say in which stream of a listing an image is.
KIND_COLUMNS = (images.c.category, images.c.is_intermediate, images.c.starred)

# The columns of an image that are the same for all who see it.
_PLAIN_COLUMNS = (
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
    images.c.user_id,
)


def listed_columns(access: AccessEngine, actor: Actor) -> tuple[ColumnElement[Any], ...]:
    """What a listing has to read of an image; it knows the kind, as that is what it looks for."""
    return _columns(access.predicate(actor, SEE_BOARD.name, ABOVE))[0]


def dto_columns(access: AccessEngine, actor: Actor) -> tuple[ColumnElement[Any], ...]:
    """The columns that `dto` takes, in this order; the board only where the actor sees it."""
    return _columns(access.predicate(actor, SEE_BOARD.name, ABOVE))[1]


@lru_cache(128)
def _columns(board_seen: ColumnElement[bool]) -> tuple[tuple[ColumnElement[Any], ...], ...]:
    board: ColumnElement[Any] = images.c.board_id
    if not isinstance(board_seen, True_):
        seen = exists().where(ABOVE.id == images.c.board_id, board_seen).correlate(images)
        board = case((seen, images.c.board_id)).label("board_id")
    listed = (*_PLAIN_COLUMNS, board)
    return listed, (*listed, *KIND_COLUMNS)


def dto(row: PlainRow) -> dict[str, Any]:
    """An image as clients get it (schema.ImageDTO), but for its owner's name (`name_owners`). Plain: it is hot."""
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
        user_id,
        board_id,
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
        "board_id": board_id,
        "user_id": user_id,
        "owner_username": None,
    }


def name_owners(conn: Connection, actor: Actor, items: Sequence[dict[str, Any]]) -> None:
    """Fill in who the owners of these images are, as the actor may know them."""
    owners = list({item["user_id"] for item in items})
    few = len(owners) <= 2  # nearly always
    rows = (
        [row for owner in owners for row in _OWNER.all(conn, {"owner_": owner})]
        if few
        else conn.execute(_OWNERS, {"owners_": owners}).all()
    )
    shown = {row[0]: shown_name(row[1], row[2], to_admin=actor.is_admin) for row in rows}
    for item in items:
        item["owner_username"] = shown.get(item["user_id"])


_PEOPLE = select(users.c.id, users.c.display_name, users.c.email)
_OWNER = PreparedSelect(_PEOPLE.where(users.c.id == bindparam("owner_")))
_OWNERS = _PEOPLE.where(users.c.id.in_(bindparam("owners_", expanding=True)))


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
    found = dto(_one(conn, access, actor, name, dto_columns(access, actor)))
    name_owners(conn, actor, [found])
    return found


@quick
def metadata(conn: Connection, access: AccessEngine, actor: Actor, name: str) -> str | None:
    """What the picture's file says about how it was made, as JSON text; None if it says nothing. Raises NotFound."""
    text: str | None = _one(conn, access, actor, name, _METADATA)[0]
    return text


@quick
def workflow(conn: Connection, access: AccessEngine, actor: Actor, name: str) -> tuple[str | None, str | None]:
    """Workflow and graph that the picture's file carries, as JSON text; None for what it does not. Raises NotFound."""
    texts = _one(conn, access, actor, name, _WORKFLOW)
    return texts[0], texts[1]


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
    query = select(*dto_columns(access, actor)).where(access.predicate(actor, VIEW.name), images.c.name.in_(wanted))
    found = {image["image_name"]: image for image in map(dto, conn.execute(query))}
    name_owners(conn, actor, list(found.values()))
    return [found[name] for name in names if name in found]


_METADATA = (image_texts.c.metadata,)
_WORKFLOW = (image_texts.c.workflow, image_texts.c.graph)
_OF_TEXTS = frozenset({_METADATA, _WORKFLOW})
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


@lru_cache(512)
def _one_statement(allowed: ColumnElement[bool], columns: tuple[ColumnElement[Any], ...]) -> PreparedSelect:
    texts = image_texts.c.image_id == images.c.id
    statement = select(*columns).select_from(images.outerjoin(image_texts, texts) if columns in _OF_TEXTS else images)
    return PreparedSelect(statement.where(images.c.name == bindparam("name_"), allowed))
