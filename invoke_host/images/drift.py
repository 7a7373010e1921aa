"""Whether all that is kept about images beside their rows agrees with the rows; for `doctor` and tests."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from invoke_host.boards.tables import boards
from invoke_host.images import counts
from invoke_host.images.search import index
from invoke_host.images.tables import image_texts, images


def drift(conn: Connection) -> list[str]:
    """What is not as it must be, one sentence each. Reads every image, so not for a busy host."""
    return [*counts.drift(conn), *_lost(conn), *index.drift(conn)]


def _lost(conn: Connection) -> Iterator[str]:
    known = select(boards.c.id)
    for name, board_id in conn.execute(
        select(images.c.name, images.c.board_id).where(images.c.board_id.is_not(None), images.c.board_id.not_in(known))
    ):
        yield f"image {name} is on board {board_id}, which does not exist"
    for image_id in conn.scalars(
        select(image_texts.c.image_id).where(image_texts.c.image_id.not_in(select(images.c.id)))
    ):
        yield f"there are texts of image {image_id}, which does not exist"
