"""What no change of users may break: an administrator remains, and `system` stays what it is.

Everything here is asked inside the transaction that changes, after `store.lock_users`: asked before, two changes at
once could each rely on the administrator whom the other one removes.
"""

from __future__ import annotations

from sqlalchemy import Connection

from invoke_host.api import BadRequest
from invoke_host.identity.users import store
from invoke_host.identity.users.model import User
from invoke_host.identity.users.values import UNSET, UserChange, system_refuses, unknown_user

#: What the reference says, too.
LAST_ADMIN = "Cannot remove the last administrator"


def keep_an_admin(conn: Connection, before: User, *, is_admin: bool = False, is_active: bool = False) -> None:
    """Raise BadRequest if nobody could administrate once `before` is as told (by default: gone)."""
    was = before.is_admin and before.is_active and not before.is_system
    if was and not (is_admin and is_active) and store.active_admins(conn) <= 1:
        raise BadRequest(LAST_ADMIN)


def existing(conn: Connection, user_id: str, *, leaving: bool = False) -> User:
    """The user, locked until the transaction ends; if `leaving`, also against new rows of theirs. Raises NotFound."""
    user = store.locked(conn, user_id, whole=leaving)
    if user is None:
        raise unknown_user(user_id)
    return user


def check_system(user: User, change: UserChange) -> None:
    """Raise BadRequest if this would make `system` more or less than the owner of what single-user mode makes."""
    if not user.is_system:
        return
    if change.password is not None:
        raise system_refuses("have a password")
    if change.is_admin:
        raise system_refuses("be made an administrator")
    if change.is_active is False:
        raise system_refuses("be deactivated")
    if change.email is not UNSET and change.email != user.email:
        raise system_refuses("have another e-mail address")
