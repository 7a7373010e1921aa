"""What happened, as told to plugins and clients: written in the transaction that made it true, sent after commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from invoke_host.api.identity import UserId


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `id` grows in commit order and is None for passing ones (progress); `audience` None = everybody."""

    kind: str
    payload: Mapping[str, Any]
    audience: UserId | None
    created_at: datetime
    id: int | None = None
