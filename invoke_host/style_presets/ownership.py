"""Style presets as things that users own: handing them over and removing them (`invoke_host.ownership`).

Default presets are the host's: they stay with the user `system`, also when everything else of it is handed over.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from invoke_host.api import UserId
from invoke_host.blobs import tombstones
from invoke_host.events import store as events
from invoke_host.events.subscription import RESYNC
from invoke_host.publishing import Publishable
from invoke_host.style_presets.store import PUBLISHING
from invoke_host.style_presets.tables import IMAGES, style_presets


class StylePresetOwnership:
    """Implements `Owned` for style presets with their pictures."""

    name = "style_presets"
    tables = frozenset({style_presets.name})

    def count(self, conn: Connection, user_id: str) -> int:
        """Presets that somebody made."""
        return conn.scalar(select(func.count()).select_from(style_presets).where(_of(user_id))) or 0

    def stop(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Presets do not work; 0."""
        return 0

    def transfer(self, conn: Connection, source: str, target: str, *, now: str) -> int:
        """Hand over all of them; private ones stay private, public ones public."""
        moved = conn.execute(update(style_presets).where(_of(source)).values(user_id=target)).rowcount
        if moved:
            for user_id in (source, target):
                events.append(conn, RESYNC, {}, UserId(user_id), now=now)
        return moved

    def purge(self, conn: Connection, user_id: str, *, now: str) -> int:
        """Remove the rows and entomb the pictures, which the sweep removes; who saw public ones is told."""
        columns = (style_presets.c.id, style_presets.c.user_id, style_presets.c.name, style_presets.c.visibility)
        gone = delete(style_presets).where(_of(user_id)).returning(*columns, style_presets.c.image_id)
        rows = conn.execute(gone).all()
        tombstones.entomb(conn, [IMAGES.key(row.id, row.image_id) for row in rows if row.image_id], now=now)
        PUBLISHING.deleted(conn, [Publishable(*row[:4]) for row in rows], now=now)
        return len(rows)


#: The one instance; it holds nothing.
OWNED = StylePresetOwnership()


def _of(user_id: str) -> ColumnElement[bool]:
    return and_(style_presets.c.user_id == user_id, style_presets.c.type == "user")
