"""What goes in and out of the audit route."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from invoke_host.audit.store import Entry, Filters


class AuditEntryDTO(BaseModel):
    """Who did what to whom, when and from where. `actor_id` is null where nobody was logged in."""

    id: int
    at: str
    action: str
    outcome: Literal["ok", "refused", "failed"]
    actor_id: str | None
    actor_name: str
    via: Literal["api", "cli", "host"]
    address: str | None
    target_type: str | None
    target_id: str | None
    target_name: str | None
    details: dict[str, Any]


class AuditPageDTO(BaseModel):
    """Entries, newest first. With several filters a page may be short or empty: go on until `next_cursor` is null."""

    items: list[AuditEntryDTO]
    next_cursor: str | None


class AuditQuery(BaseModel):
    """Which entries. Times without a zone are UTC."""

    limit: int = Field(100, ge=1, le=1000)
    cursor: str | None = Field(None, pattern=r"^[0-9]{1,18}$", description="`next_cursor` of the page before.")
    action: str | None = Field(None, max_length=64, description="Such as `login`, `user.create`, `token.revoke`.")
    actor_id: str | None = Field(None, max_length=36, description="Who did it.")
    target_id: str | None = Field(None, max_length=255, description="To whom or what.")
    since: datetime | None = Field(None, description="This moment or later.")
    until: datetime | None = Field(None, description="Before this moment.")

    @property
    def filters(self) -> Filters:
        """The same in the store's words."""
        return Filters(self.action, self.actor_id, self.target_id, _utc(self.since), _utc(self.until))

    @property
    def before(self) -> int | None:
        """The id to go on before."""
        return None if self.cursor is None else int(self.cursor)


def entry_dto(entry: Entry) -> dict[str, Any]:
    """The entry as a JSON-ready object."""
    return {
        "id": entry.id,
        "at": entry.at,
        "action": entry.action,
        "outcome": entry.outcome,
        "actor_id": entry.actor_id,
        "actor_name": entry.actor_name,
        "via": entry.via,
        "address": entry.address,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "target_name": entry.target_name,
        "details": orjson.loads(entry.details),
    }


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)
