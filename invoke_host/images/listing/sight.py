"""What the access engine says about one actor and images, asked once for each unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select
from sqlalchemy.sql.elements import True_

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.boards.access import RESOURCE as BOARD
from invoke_host.boards.access import VIEW as SEE_BOARD
from invoke_host.boards.names import unknown as unknown_board
from invoke_host.boards.tables import boards
from invoke_host.images.access import COUNTED, COUNTED_ON_BOARD, ON_BOARD, VIEW
from invoke_host.images.kept import kept
from invoke_host.images.rows import dto_columns, listed_columns
from invoke_host.images.tables import images
from invoke_host.storage import PreparedSelect


def sees_everything(access: AccessEngine, actor: Actor) -> bool:
    """True if a policy allows every image to the actor, as to administrators; others may still deny some."""
    return any(isinstance(allow, True_) for allow in access.allows(actor, VIEW.name))


@dataclass(frozen=True, slots=True)
class Sight:
    """Predicates on images, their counters and boards. Those `_on_board` hold for boards that the actor sees.

    `by_places`: only what is theirs and what is on boards they see can be visible, so that one may look there instead
    of everywhere. `everything`: nobody knows anything that they would not see.
    """

    actor: Actor
    images: ColumnElement[bool]
    images_on_board: ColumnElement[bool]
    counts: ColumnElement[bool]
    counts_on_board: ColumnElement[bool]
    boards: ColumnElement[bool]
    by_places: bool
    everything: bool
    columns: tuple[ColumnElement[Any], ...]
    listed: tuple[ColumnElement[Any], ...]

    @classmethod
    def of(cls, access: AccessEngine, actor: Actor) -> Sight:
        """How that actor sees images."""
        allows = access.allows(actor, VIEW.name)
        everything = sees_everything(access, actor)
        return cls(
            actor,
            access.predicate(actor, VIEW.name),
            access.predicate(actor, VIEW.name, ON_BOARD),
            access.predicate(actor, VIEW.name, COUNTED),
            access.predicate(actor, VIEW.name, COUNTED_ON_BOARD),
            access.predicate(actor, SEE_BOARD.name, BOARD),
            not everything and all(allow.compare(images.c.user_id == actor.id) for allow in allows),
            everything,
            dto_columns(access, actor),
            listed_columns(access, actor),
        )

    def require_board(self, conn: Connection, board_id: str) -> None:
        """Return if the actor sees the board. Raises NotFound."""
        if "\0" in board_id or _board_statement(self.boards).first(conn, {"board_": board_id}) is None:
            raise unknown_board(board_id)


@kept
def _board_statement(seen: ColumnElement[bool]) -> PreparedSelect:
    return PreparedSelect(select(boards.c.id).where(boards.c.id == bindparam("board_"), seen))
