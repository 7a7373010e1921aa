"""What happened, as told to plugins and clients: written in the transaction that made it true, sent after commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from invoke_host.api.identity import UserId


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `id` grows in commit order and is None for passing ones (progress).

    It goes to the user `audience` and to all who see the board `board_id`; where neither is given, to everybody. Those
    who see the board `except_board_id`, and the user `except_user_id`, do not get it: it tells the others what they
    lost.
    """

    kind: str
    payload: Mapping[str, Any]
    audience: UserId | None
    created_at: datetime
    id: int | None = None
    board_id: str | None = None
    except_board_id: str | None = None
    except_user_id: UserId | None = None
