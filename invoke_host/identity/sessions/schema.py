"""What clients see of sessions."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from invoke_host.identity.sessions.store import Session


class SessionDTO(BaseModel):
    """One login that lasts. `current`: the one that asks; `expires_at`: no renewal goes beyond."""

    session_id: str
    created_at: str
    last_seen_at: str
    expires_at: str
    address: str
    user_agent: str
    remember_me: bool
    current: bool


class EndedCount(BaseModel):
    """How many sessions were ended."""

    ended: int


def session_dto(session: Session, *, current: str | None = None) -> dict[str, Any]:
    """A session as clients get it; `current` is the id of the one that asks."""
    return {
        "session_id": session.id,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "expires_at": session.ends_at,
        "address": session.address,
        "user_agent": session.user_agent,
        "remember_me": session.remember,
        "current": session.id == current,
    }
