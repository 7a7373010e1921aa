"""Writing boards: each change with its lock, its event and its line in the audit log, in the caller's transaction.

Rows are locked in one order by everybody, so that no two transactions wait for each other in a circle: users and groups
that are named, the board, its images. A lock by `hold` lets others put images on the board meanwhile, a `whole` one
does not, which is what a deletion needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, FieldProblem, InvalidInput, NotFound
from invoke_host.audit.record import Origin, Target, append
from invoke_host.boards import telling
from invoke_host.boards.access import EDIT, SHARE, VIEW
from invoke_host.boards.names import unknown
from invoke_host.boards.tables import boards
from invoke_host.boards.telling import Board
from invoke_host.images.tables import images
from invoke_host.storage import quick


class Unset:
    """What a patch says about a cover that it does not mention; None takes the choice back."""


UNSET: Final = Unset()


@dataclass(frozen=True, slots=True)
class Patch:
    """What to change; None (for the cover: UNSET) leaves a field as it is."""

    name: str | None = None
    archived: bool | None = None
    visibility: str | None = None
    cover: str | Unset | None = UNSET

    @property
    def needs(self) -> tuple[str, ...]:
        """The actions that it takes."""
        edits = self.name is not None or self.archived is not None or not isinstance(self.cover, Unset)
        shares = self.visibility is not None
        return (*([EDIT.name] if edits or not shares else []), *([SHARE.name] if shares else []))


@quick
def visible_board(conn: Connection, access: AccessEngine, actor: Actor, board_id: str) -> None:
    """Return if the actor sees the board. Raises NotFound."""
    authorize(conn, access, actor, VIEW.name, board_id)


def authorize(conn: Connection, access: AccessEngine, actor: Actor, action: str, board_id: str) -> None:
    """Return if the actor may do this to the board. Raises NotFound or Forbidden."""
    try:
        access.authorize(conn, actor, action, board_id)
    except NotFound:
        raise unknown(board_id) from None


def hold(
    conn: Connection, access: AccessEngine, actor: Actor, board_id: str, *actions: str, whole: bool = False
) -> Board:
    """The board, locked until the end of the transaction, if the actor may do all of this to it.

    With `whole` nobody else can put an image on it or refer to it otherwise. Raises NotFound or Forbidden.
    """
    if "\0" in board_id:
        raise unknown(board_id)
    row = conn.execute(_BOARD.where(boards.c.id == board_id).with_for_update(key_share=not whole)).one_or_none()
    for action in actions or (VIEW.name,):
        authorize(conn, access, actor, action, board_id)
    if row is None:  # it came between the two statements
        raise unknown(board_id)
    return Board(*row)


def create(conn: Connection, owner_id: str, name: str, *, now: str) -> str:
    """A new, private board; its id."""
    board_id = ids.new_id()
    row = {"id": board_id, "name": name, "user_id": owner_id, "visibility": "private"}
    conn.execute(insert(boards).values(**row, archived=False, created_at=now, updated_at=now))
    telling.changed(conn, "added", Board(board_id, name, owner_id, "private"), now=now)
    return board_id


def patch(
    conn: Connection, access: AccessEngine, actor: Actor, board_id: str, change: Patch, origin: Origin, *, now: str
) -> None:
    """Change a board; what says nothing new writes nothing.

    Raises NotFound or Forbidden, and InvalidInput for a cover that is not on the board.
    """
    board = hold(conn, access, actor, board_id, *change.needs)
    if problems := cover_problems(conn, board_id, change.cover):
        raise InvalidInput(problems)
    wanted: dict[str, Any] = {
        column: value
        for column in ("name", "archived", "visibility")
        if (value := getattr(change, column)) is not None and value != getattr(board, column)
    }
    if not isinstance(change.cover, Unset) and change.cover != board.cover_image_name:
        wanted["cover_image_name"] = change.cover
    if not wanted:
        return
    set_columns(conn, board_id, wanted, now=now)
    telling.changed(conn, "updated", board, now=now)
    if change.visibility is not None and change.visibility != board.visibility:
        if change.visibility == "private":
            telling.gone(conn, board_id, [None], now=now)
        details = {"before": board.visibility, "after": change.visibility}
        append(conn, origin, "board.visibility", target(board), details=details, now=now)


def cover_problems(conn: Connection, board_id: str, cover: str | Unset | None) -> list[FieldProblem]:
    """What is wrong with a chosen cover: it is not on the board, or in the trash."""
    if cover is None or isinstance(cover, Unset):
        return []
    on_it = select(images.c.id).where(
        images.c.name == cover, images.c.board_id == board_id, images.c.deleted_at.is_(None)
    )
    if conn.execute(on_it).first() is not None:
        return []
    return [FieldProblem(("body", "cover_image_name"), "not the name of an image on this board", "cover")]


def set_columns(conn: Connection, board_id: str, values: dict[str, Any], *, now: str) -> None:
    """Set columns of a locked row."""
    conn.execute(update(boards).where(boards.c.id == board_id).values(**values, updated_at=now))


def remove(conn: Connection, board: Board, *, now: str) -> None:
    """Delete the row of a board without images, with its grants, and tell all who saw it."""
    telling.deleted(conn, [board], now=now)
    conn.execute(delete(boards).where(boards.c.id == board.id))


def target(board: Board) -> Target:
    """The board as the audit log names it."""
    return Target("board", board.id, board.name)


_BOARD = select(
    boards.c.id, boards.c.name, boards.c.user_id, boards.c.visibility, boards.c.archived, boards.c.cover_image_name
)
