"""Reading boards as clients get them: a page or a single one, each by one statement (`boards.statements`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.boards.names import unknown
from invoke_host.boards.query import Cursor, ListQuery, Order
from invoke_host.boards.statements import Asked, asked_of, count_statement, one_statement, page_statement
from invoke_host.boards.tables import boards
from invoke_host.identity.naming import shown_name
from invoke_host.identity.tables import users
from invoke_host.storage import PlainRow


@dataclass(frozen=True, slots=True)
class Page:
    """Boards as JSON-ready objects, how many there are in all, and where to go on; None at the end."""

    items: list[dict[str, Any]]
    total: int
    next_cursor: str | None


def one(conn: Connection, access: AccessEngine, actor: Actor, board_id: str) -> dict[str, Any]:
    """One board as clients get it. Raises NotFound if there is none or the actor may not see it.

    Quick from the second time on; a caller's first one takes some 10 ms to compile, which are not the event loop's.
    """
    if "\0" not in board_id:
        asked = asked_of(access, actor)
        row = one_statement(asked).first(conn, {"id_": board_id})
        if row is not None:
            return _dto(row, asked, actor)
    raise unknown(board_id)


def page(conn: Connection, access: AccessEngine, actor: Actor, query: ListQuery) -> Page:
    """A page of the boards that the actor may see."""
    asked = asked_of(access, actor)
    parameters: dict[str, Any] = {"limit_": query.limit + 1, "skip": query.offset}
    if query.cursor is not None:
        parameters |= {"skip": 0, "key_": query.cursor.key, "id_": query.cursor.id}
    statement = page_statement(asked, query.order, query.archived, query.cursor is not None)
    rows = statement.all(conn, parameters)
    more = len(rows) > query.limit > 0
    rows = rows[: query.limit]
    return Page(
        [_dto(row, asked, actor) for row in rows],
        count_statement(asked.view, query.archived).all(conn, {})[0][0],
        Cursor(query.order, rows[-1][0], rows[-1][1]).encode() if more else None,
    )


def everything(
    conn: Connection, access: AccessEngine, actor: Actor, order: Order, limit: int, *, archived: bool
) -> list[dict[str, Any]]:
    """The first `limit` boards that the actor may see; for clients that know no pages."""
    asked = asked_of(access, actor)
    statement = page_statement(asked, order, archived, after=False)
    return [_dto(row, asked, actor) for row in statement.all(conn, {"limit_": limit, "skip": 0})]


def owner(conn: Connection, actor: Actor, board_id: str) -> dict[str, Any]:
    """Whose an existing board is, in the words of `one`; asks nobody."""
    row = conn.execute(
        select(users.c.id, users.c.display_name, users.c.email)
        .join(boards, boards.c.user_id == users.c.id)
        .where(boards.c.id == board_id)
    ).one()
    return {
        "user_id": row.id,
        "owner_username": shown_name(row.display_name, row.email, to_admin=actor.is_admin),
    }


def _dto(row: PlainRow, asked: Asked, actor: Actor) -> dict[str, Any]:
    """A board as clients get it (schema.BoardDTO). Plain, for it is the hot path."""
    (
        _,
        board_id,
        name,
        user_id,
        created,
        updated,
        archived,
        visibility,
        display,
        email,
        cover,
        pictures,
        assets,
        *may,
    ) = row
    return {
        "board_id": board_id,
        "board_name": name,
        "user_id": user_id,
        "owner_username": shown_name(display, email, to_admin=actor.is_admin),
        "created_at": created,
        "updated_at": updated,
        "deleted_at": None,
        "cover_image_name": cover,
        "cover_video_name": None,
        "archived": archived == 1,
        "board_visibility": visibility,
        "image_count": int(pictures or 0),
        "asset_count": int(assets or 0),
        "video_count": 0,
        "permissions": asked.permissions(may),
    }
