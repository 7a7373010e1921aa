"""The board that a generated picture goes on, judged when the picture is stored, by what its owner may do then.

A picture whose board is gone or closed by then is stored all the same, on no board: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from invoke_host.access.engine import AccessEngine
from invoke_host.api import HookFailed
from invoke_host.identity.afresh import Owners
from invoke_host.images import moves

#: Called in the transaction that stores the picture: its board, or None. Holds the board until the commit.
Placement: TypeAlias = Callable[[Connection], str | None]

#: Prepares the above, for the owner's id and the board that was asked for; may raise StorageError.
Placements: TypeAlias = Callable[[str, str], Awaitable[Placement]]


def placements(access: AccessEngine, owners: Owners, log: FilteringBoundLogger) -> Placements:
    """Asks the access rules. A policy that fails means "on no board"."""

    async def prepare(owner_id: str, board_id: str) -> Placement:
        try:
            later = await owners(owner_id)
        except HookFailed as error:
            log.warning("a picture is stored on no board", owner_id=owner_id, error=str(error))
            return on_no_board

        def board(conn: Connection) -> str | None:
            try:
                owner = later(conn)
                may = owner is not None and moves.may_add(conn, access, owner, board_id)
            except HookFailed as error:
                log.warning("a picture is stored on no board", owner_id=owner_id, error=str(error))
                return None
            return board_id if may else None

        return board

    return prepare


def on_no_board(conn: Connection) -> str | None:
    """The placement of pictures that were not asked for on a board."""
    return None


async def nowhere(owner_id: str, board_id: str) -> Placement:
    """The placements of a host that knows no boards."""
    return on_no_board
