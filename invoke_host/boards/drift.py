"""What must always be true of boards and is not enforced by the database; for `doctor` and for tests."""

from __future__ import annotations

from sqlalchemy import Connection, select

from invoke_host.boards.tables import board_grants, boards
from invoke_host.images.tables import NO_BOARD, image_counts, images


def drift(conn: Connection) -> list[str]:
    """Everything that is wrong, one sentence each."""
    known = select(boards.c.id)
    counted = conn.execute(
        select(image_counts.c.board_id)
        .where(image_counts.c.board_id != NO_BOARD, image_counts.c.board_id.not_in(known), image_counts.c.count != 0)
        .distinct()
    ).scalars()
    lost = conn.scalars(select(images.c.name).where(images.c.board_id.is_not(None), images.c.board_id.not_in(known)))
    left = conn.scalars(select(board_grants.c.id).where(board_grants.c.board_id.not_in(known)))
    own = conn.scalars(
        select(board_grants.c.id)
        .join(boards, boards.c.id == board_grants.c.board_id)
        .where(boards.c.user_id == board_grants.c.user_id)
    )
    return [
        *(f"image_counts counts images on the board {board_id}, which does not exist" for board_id in counted),
        *(f"image {name} is on a board that does not exist" for name in lost),
        *(f"grant {grant_id} is on a board that does not exist" for grant_id in left),
        *(f"grant {grant_id} is to the owner of its board" for grant_id in own),
    ]
