"""A user as the host knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from invoke_host.api import SYSTEM_USER_ID
from invoke_host.identity.tables import users

#: What `user_of` reads, in its order.
USER_COLUMNS = (
    users.c.id,
    users.c.email,
    users.c.display_name,
    users.c.is_admin,
    users.c.is_active,
    users.c.created_at,
    users.c.updated_at,
    users.c.last_login_at,
    users.c.auth_epoch,
)


@dataclass(frozen=True, slots=True)
class User:
    """One row of `users`. `auth_epoch` is for the host alone and never leaves it."""

    id: str
    email: str
    display_name: str | None
    is_admin: bool
    is_active: bool
    created_at: str
    updated_at: str
    last_login_at: str | None
    auth_epoch: int

    @property
    def name(self) -> str:
        """What people call them."""
        return self.display_name or self.email

    @property
    def is_system(self) -> bool:
        """The internal user that owns what single-user mode makes: can't log in, change or go."""
        return self.id == SYSTEM_USER_ID


def user_of(row: Sequence[Any]) -> User:
    """The user of a row that begins with USER_COLUMNS, as SQLAlchemy or the driver (booleans as 0 and 1) made it."""
    user_id, email, name, is_admin, is_active, *rest = row[: len(USER_COLUMNS)]
    return User(user_id, email, name, is_admin == 1, is_active == 1, *rest)
