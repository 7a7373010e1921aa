"""Units of work that several tests use; they run on the host's own table `users`."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select, update

from invoke_host.identity.tables import users

STAMP = "2026-01-01 12:00:00.000"
_NAME = select(users.c.display_name).where(users.c.id == bindparam("user"))


def name_of(connection: Connection, user: str = "system") -> str | None:
    """A point read."""
    return connection.scalar(_NAME, {"user": user})


def rename(connection: Connection, name: str, user: str = "system") -> None:
    """A small write."""
    connection.execute(update(users).where(users.c.id == user).values(display_name=name))


def add_user(connection: Connection, user: str) -> None:
    """A row whose id and e-mail are unique."""
    row = {"id": user, "email": f"{user}@example.org", "created_at": STAMP, "updated_at": STAMP}
    connection.execute(insert(users).values(row))


def ids(connection: Connection) -> list[str]:
    """Everybody but the user `system`."""
    return list(connection.scalars(select(users.c.id).where(users.c.id != "system").order_by(users.c.id)))
