"""Looking into the trash, newest deletion first."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, FieldProblem, InvalidInput
from invoke_host.boards.access import CURATE
from invoke_host.boards.tables import boards
from invoke_host.images.access import VIEW_TRASHED
from invoke_host.images.names import is_name, unknown
from invoke_host.images.rows import FileFacts, dto, dto_columns, name_owners
from invoke_host.images.tables import images

#: Where images in the trash are served, relative to the host's root.
BASE_URL = "api/v1/images/trash/i"


@dataclass(frozen=True, slots=True)
class TrashCursor:
    """The last image of a page: its place in the order, which outlives the image itself."""

    deleted_at: str
    id: int

    def encode(self) -> str:
        """Text for clients, who only hand it back."""
        return base64.urlsafe_b64encode(f"{self.deleted_at}/{self.id}".encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class TrashPage:
    """Images as JSON-ready objects, and where to go on; None at the end."""

    items: list[dict[str, Any]]
    next_cursor: str | None


def page(conn: Connection, access: AccessEngine, actor: Actor, *, limit: int, cursor: TrashCursor | None) -> TrashPage:
    """Those of the images in the trash that the actor may see there: their own, and those of boards they may curate."""
    columns = (images.c.deleted_at, images.c.id, *dto_columns(access, actor))
    found: list[Any] = []
    for where, deleted_at in _places(access, actor):
        query = (
            select(*columns)
            .where(where, access.predicate(actor, VIEW_TRASHED.name))
            .order_by(deleted_at.desc(), images.c.id.desc())
            .limit(limit + 1)
        )
        if cursor is not None:
            same = and_(deleted_at == cursor.deleted_at, images.c.id < cursor.id)
            query = query.where(or_(deleted_at < cursor.deleted_at, same))
        found += conn.execute(query).all()
    found.sort(key=lambda row: (row[0], row[1]), reverse=True)
    shown = found[:limit]
    more = len(found) > limit > 0
    items = [_trashed(row[0], dto(tuple(row[2:]))) for row in shown]
    name_owners(conn, actor, items)
    return TrashPage(
        items,
        TrashCursor(shown[-1][0], shown[-1][1]).encode() if more else None,
    )


def _places(access: AccessEngine, actor: Actor) -> list[tuple[ColumnElement[bool], ColumnElement[str]]]:
    """Where there can be something for the actor, one place after another, and what each is sorted by.

    Not all at once, for then SQLite goes through everybody's trash.
    """
    allows = access.allows(actor, VIEW_TRASHED.name)
    if not all(allow.compare(images.c.user_id == actor.id) for allow in allows):
        return [(true(), images.c.deleted_at)]  # an administrator, or a policy that opens more than the usual ones
    curated = images.c.board_id.in_(select(boards.c.id).where(access.predicate(actor, CURATE.name)))
    # `|| ''` for the same reason: what lies in the trash of a few boards is soon sorted.
    return [
        (images.c.user_id == actor.id, images.c.deleted_at),
        (and_(curated, images.c.user_id != actor.id), images.c.deleted_at.concat("")),
    ]


def file_facts(conn: Connection, access: AccessEngine, actor: Actor, name: str, *, thumbnail: bool) -> FileFacts:
    """What the file of an image in the trash must be like. Raises NotFound if the actor may not see it there."""
    columns = (images.c.sha256, images.c.size_bytes, images.c.thumbnail_sha256)
    allowed = access.predicate(actor, VIEW_TRASHED.name)
    row = conn.execute(select(*columns).where(images.c.name == name, allowed)).first() if is_name(name) else None
    if row is None:
        raise unknown(name)
    return FileFacts(name, row[2], None) if thumbnail else FileFacts(name, row[0], row[1])


_PLAIN = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]{12})/([0-9]{1,18})", re.ASCII)


def decode_cursor(text: str) -> TrashCursor:
    """The cursor of an earlier page. Raises InvalidInput if it is none."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        plain = ""
    match = _PLAIN.fullmatch(plain)
    if match is None:
        message = "not a cursor of the trash; take next_cursor from an earlier page, or leave it out"
        raise InvalidInput([FieldProblem(("query", "cursor"), message, "cursor")])
    return TrashCursor(match[1], int(match[2]))


def _trashed(deleted_at: str, image: dict[str, Any]) -> dict[str, Any]:
    name = image["image_name"]
    image["deleted_at"] = deleted_at
    image["image_url"] = f"{BASE_URL}/{name}/full"
    image["thumbnail_url"] = f"{BASE_URL}/{name}/thumbnail"
    return image
