"""Boards as things that users own: handing them over and removing them (`invoke_host.ownership`).

Grants are nothing that one owns: those to a user go with that user, those on a board with the board.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from invoke_host.api import UserId
from invoke_host.boards import telling
from invoke_host.boards.tables import board_grants, boards
from invoke_host.boards.telling import Board
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.images import moves

#: Images that one statement takes off a board.
_STEP = 2000


class BoardOwnership:
    """Implements `Owned` for boards."""

    name = "boards"
    tables = frozenset({boards.name})

    def count(self, conn: Connection, user_id: str) -> int:
        """Boards, archived ones included."""
        return conn.scalar(select(func.count()).select_from(boards).where(boards.c.user_id == user_id)) or 0

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Boards do not work; 0."""
        return 0

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Hand over all boards with what is on them and whom they are shared with. Images stay whose they are."""
        theirs = select(boards.c.id).where(boards.c.user_id == source)
        conn.execute(delete(board_grants).where(board_grants.c.user_id == target, board_grants.c.board_id.in_(theirs)))
        moved = conn.execute(update(boards).where(boards.c.user_id == source).values(user_id=target, updated_at=now))
        for user_id in (source, target):
            events.append(conn, RESYNC, {}, UserId(user_id), now=now)
        return moved.rowcount

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove the boards. What others have put on them stays theirs, on no board."""
        query = select(boards.c.id, boards.c.name, boards.c.user_id, boards.c.visibility)
        of_user = query.where(boards.c.user_id == user_id).order_by(boards.c.id)
        found = [Board(*row) for row in conn.execute(of_user.with_for_update())]
        telling.deleted(conn, found, now=now)
        for board in found:
            while moves.clear_board(conn, board.id, now=now, limit=_STEP) == _STEP:
                pass
        conn.execute(delete(boards).where(boards.c.user_id == user_id))
        return len(found)


#: The one instance; it holds nothing.
OWNED = BoardOwnership()
