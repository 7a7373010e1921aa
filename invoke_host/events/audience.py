"""Who may see an event: the one place that decides it, for live streams and for what is sent after a reconnect."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from invoke_host.api import Actor, Event

#: Kinds that only the user concerned gets, administrators neither.
PRIVATE_KINDS = frozenset({"progress", "bulk_download_started", "bulk_download_complete", "bulk_download_error"})

#: Whether the caller in question sees that board now; None where it can't be told.
Sees: TypeAlias = Callable[[str], bool | None]


def unknown(board_id: str) -> None:
    """Nothing is known of any board."""


def may_see(actor: Actor, event: Event, sees: Sees = unknown) -> bool | None:
    """True if the event goes to this caller's streams; None if it hangs on a board of which `sees` can't tell.

    The anonymous caller gets none at all. Administrators never get what tells others that they lost something: they
    see it still.
    """
    if actor.is_anonymous or actor.id == event.except_user_id:
        return False
    takes_back = event.except_board_id is not None or event.except_user_id is not None
    if takes_back and actor.is_admin:
        return False
    concerned = _concerned(actor, event, sees)
    if concerned is False or event.except_board_id is None:
        return concerned
    still = sees(event.except_board_id)
    if still is None:
        return None
    return False if still else concerned


def _concerned(actor: Actor, event: Event, sees: Sees) -> bool | None:
    if event.audience == actor.id or (event.audience is None and event.board_id is None):
        return True
    if actor.is_admin and event.kind not in PRIVATE_KINDS:
        return True
    return False if event.board_id is None else sees(event.board_id)
