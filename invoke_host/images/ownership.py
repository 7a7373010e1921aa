"""Images as things that users own: handing them over and removing them (`invoke_host.ownership`)."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, select, update

from invoke_host.api import UserId
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.images import changes, tombstones
from invoke_host.images.changes import CountedRow
from invoke_host.images.search import index
from invoke_host.images.tables import image_counts, images


class ImageOwnership:
    """Implements `Owned` for images, those in the trash too, and their counters."""

    name = "images"
    tables = frozenset({images.name, image_counts.name})

    def count(self, conn: Connection, user_id: str) -> int:
        """Images, intermediate ones and those in the trash included."""
        return conn.scalar(select(func.count()).where(images.c.user_id == user_id)) or 0

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Images do not work; 0."""
        return 0

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Hand over all images, on whatever boards they are and where they lie in the trash.

        Their files lie under the images' names and stay where they are.
        """
        rows = _all_of(conn, source)
        conn.execute(update(images).where(images.c.user_id == source).values(user_id=target))
        live = [row for row in rows if row.deleted_at is None]
        changes.recount(
            conn, gone=map(changes.key_of, live), come=(changes.key_of(row, user_id=target) for row in live)
        )
        conn.execute(delete(image_counts).where(image_counts.c.user_id == source))
        index.rescope(conn, [row.id for row in live])
        for user_id in (source, target):
            events.append(conn, RESYNC, {}, UserId(user_id), now=now)
        _resync_boards(conn, live, now=now)
        return len(rows)

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove the rows and entomb the files; the sweep removes these when they are ten minutes old."""
        rows = _all_of(conn, user_id)
        for some in changes.chunks(rows):
            tombstones.entomb(conn, [row.name for row in some], now=now)
        index.remove(conn, [row.id for row in rows])
        conn.execute(delete(images).where(images.c.user_id == user_id))
        changes.recount(conn, gone=(changes.key_of(row) for row in rows if row.deleted_at is None))
        conn.execute(delete(image_counts).where(image_counts.c.user_id == user_id))
        _resync_boards(conn, rows, now=now)
        return len(rows)


def _all_of(conn: Connection, user_id: str) -> list[CountedRow]:
    names = conn.scalars(select(images.c.name).where(images.c.user_id == user_id)).all()
    return changes.locked(conn, names, images.c.user_id == user_id)


def _resync_boards(conn: Connection, rows: Iterable[CountedRow], *, now: str) -> None:
    """Tell all who see the boards on which these images are to read everything afresh."""
    for board_id in sorted({row.board_id for row in rows if row.board_id is not None}):
        events.append(conn, RESYNC, {}, None, now=now, board_id=board_id)


#: The one instance; it holds nothing.
OWNED = ImageOwnership()
