"""Administrators who set their own password as if it were somebody else's: all sessions end, and a new one follows."""

from __future__ import annotations

from sqlalchemy import Connection

from invoke_host.audit.record import Origin
from invoke_host.identity.sessions import store as session_store
from invoke_host.identity.sessions.service import IssuedToken, SessionService
from invoke_host.identity.sessions.store import Session
from invoke_host.identity.users.model import User
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import UserChange


async def change_and_go_on(
    users: UserService,
    sessions: SessionService,
    session_id: str,
    user_id: str,
    change: UserChange,
    origin: Origin,
    *,
    user_agent: str,
) -> tuple[User, IssuedToken | None]:
    """As `UserService.change`; and a token for the new session, None if the user can't have one any more."""
    old = await users.storage.read(session_store.find, session_id)
    begun: list[Session] = []

    def also(conn: Connection, user: User) -> None:
        if old is not None and old.user_id == user.id and user.is_active:
            begun.append(
                sessions.begin(
                    conn,
                    user.id,
                    old.provider,
                    old.subject,
                    remember=old.remember,
                    address=origin.address or "",
                    user_agent=user_agent,
                    epoch=user.auth_epoch,
                    now=users.clock.now(),
                )
            )

    changed = await users.change(user_id, change, origin, also=also)
    return changed, sessions.issue(begun[0]) if begun else None
