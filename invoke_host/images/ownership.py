"""Images as things that users own: handing them over and removing them (`invoke_host.ownership`)."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from invoke_host.api import UserId
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.images import counts, tombstones
from invoke_host.images.counts import CountKey
from invoke_host.images.tables import image_counts, images

#: Tombstones written at once.
_CHUNK = 1000


class ImageOwnership:
    """Implements `Owned` for images and their counters."""

    name = "images"
    tables = frozenset({images.name, image_counts.name})

    def count(self, conn: Connection, user_id: str) -> int:
        """Images, intermediate ones included."""
        total = conn.scalar(select(func.sum(image_counts.c.count)).where(image_counts.c.user_id == user_id))
        return int(total or 0)

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Images do not work; 0."""
        return 0

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Hand over all images. Their files lie under the images' names and stay where they are."""
        conn.execute(update(images).where(images.c.user_id == source).values(user_id=target))
        kinds = conn.execute(select(image_counts).where(image_counts.c.user_id == source)).mappings().all()
        conn.execute(delete(image_counts).where(image_counts.c.user_id == source))
        moved = {
            CountKey(target, kind["category"], kind["is_intermediate"], kind["starred"]): int(kind["count"])
            for kind in kinds
        }
        counts.change(conn, moved)
        for user_id in (source, target):
            events.append(conn, RESYNC, {}, UserId(user_id), now=now)
        return sum(moved.values())

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove the rows and entomb the files; the sweep removes these when they are ten minutes old."""
        names = list(conn.scalars(select(images.c.name).where(images.c.user_id == user_id)))
        for at in range(0, len(names), _CHUNK):
            tombstones.entomb(conn, names[at : at + _CHUNK], now=now)
        conn.execute(delete(images).where(images.c.user_id == user_id))
        conn.execute(delete(image_counts).where(image_counts.c.user_id == user_id))
        return len(names)


#: The one instance; it holds nothing.
OWNED = ImageOwnership()
