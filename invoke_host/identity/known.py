"""Is there such a user? For what is empty for users who have nothing, and an error for ids that nobody has."""

from __future__ import annotations

from sqlalchemy import Connection, select

from invoke_host.api import NotFound
from invoke_host.identity.tables import users


def require_user(conn: Connection, user_id: str) -> None:
    """Raise NotFound if nobody has this id."""
    if conn.scalar(select(users.c.id).where(users.c.id == user_id)) is None:
        raise NotFound(f"there is no user {user_id[:64]!r}")
