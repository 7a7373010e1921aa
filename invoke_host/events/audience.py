"""Who may see an event, and how much of it: the one place that decides it, for live streams and after a reconnect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from invoke_host.api import Actor, Event, UserId

#: Kinds that only the user concerned gets, administrators neither.
PRIVATE_KINDS: Final = frozenset({"bulk_download_started", "bulk_download_complete", "bulk_download_error"})

#: Of these kinds, administrators get all but these keys of the payload; the user concerned gets it whole.
OWNERS_KEYS: Final = {"progress": frozenset({"image"})}

_NOBODY: Final = UserId("")

#: Kinds that are somebody's own whatever they say of their audience: without one they go to nobody but administrators.
_PERSONAL: Final = PRIVATE_KINDS | OWNERS_KEYS.keys()

#: Whether the caller in question sees that board now; None where it can't be told.
Sees: TypeAlias = Callable[[str], bool | None]


def unknown(board_id: str) -> None:
    """Nothing is known of any board."""


def reach(event: Event) -> UserId | None:
    """The one user who may see this event beside administrators; None if it may be anybody. For sorting out quickly."""
    if event.kind not in _PERSONAL and (event.board_id is not None or event.audience is None):
        return None
    return event.audience or _NOBODY


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


def whole(actor: Actor, event: Event) -> bool:
    """Whether a caller who may see the event gets all of it; if not, they get `without_owners_part` of it."""
    return event.kind not in OWNERS_KEYS or event.audience == actor.id


def without_owners_part(event: Event) -> Event:
    """The event as those get it whom it does not concern."""
    hidden = OWNERS_KEYS.get(event.kind, frozenset())
    return replace(event, payload={key: value for key, value in event.payload.items() if key not in hidden})


def _concerned(actor: Actor, event: Event, sees: Sees) -> bool | None:
    if event.kind in _PERSONAL:
        return event.audience == actor.id or (actor.is_admin and event.kind not in PRIVATE_KINDS)
    if event.audience == actor.id or (event.audience is None and event.board_id is None):
        return True
    if actor.is_admin:
        return True
    return False if event.board_id is None else sees(event.board_id)
