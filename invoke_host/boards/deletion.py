"""Deleting a board: its images first, in steps short enough that other writers get their turn, its own row last.

Each step leaves a valid board with fewer images. Nearly always there is one step, and the deletion one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.audit.record import Origin, append
from invoke_host.boards import store
from invoke_host.boards.access import DELETE
from invoke_host.images import moves, trash
from invoke_host.images.tables import images

#: Images that leave the board in one transaction.
STEP = 2000


@dataclass(frozen=True, slots=True)
class Deletion:
    """What has become of a board: the names of images that came off it, and whether it is gone itself."""

    images: list[str] = field(default_factory=list)
    done: bool = False


def step(
    conn: Connection,
    access: AccessEngine,
    actor: Actor,
    board_id: str,
    so_far: Deletion,
    origin: Origin,
    *,
    include_images: bool,
    keep: bool,
    now: str,
) -> Deletion:
    """Go on deleting a board. Raises NotFound or Forbidden.

    With `include_images` they go into the trash (not `keep`: for good), whoever made them; else they are on no board
    from then on.
    """
    board = store.hold(conn, access, actor, board_id, DELETE.name, whole=True)
    names = _first_live(conn, board_id)
    if include_images:
        cleared = trash.trash_board(conn, access, actor, board_id, now=now, limit=STEP, keep=keep)
    else:
        cleared = moves.clear_board(conn, board_id, now=now, limit=STEP)
    after = Deletion([*so_far.images, *names], done=cleared < STEP)
    if after.done:
        store.remove(conn, board, now=now)
        details = {"owner": board.user_id, "images": len(after.images), "include_images": include_images}
        append(conn, origin, "board.delete", store.target(board), details=details, now=now)
    return after


def _first_live(conn: Connection, board_id: str) -> list[str]:
    """The names of those that the step is about; images in the trash leave the board without a word."""
    first = select(images.c.name, images.c.deleted_at).where(images.c.board_id == board_id)
    return [name for name, deleted in conn.execute(first.order_by(images.c.name).limit(STEP)) if deleted is None]
