"""Who may see an event: the one place that decides it, for live streams and for what is sent after a reconnect."""

from __future__ import annotations

from invoke_host.api import Actor, Event

#: Kinds that only the user concerned gets, administrators neither.
PRIVATE_KINDS = frozenset({"progress"})


def may_see(actor: Actor, event: Event) -> bool:
    """True if the event goes to this caller's streams. The anonymous caller gets none at all."""
    if actor.is_anonymous:
        return False
    if event.audience is None or event.audience == actor.id:
        return True
    return actor.is_admin and event.kind not in PRIVATE_KINDS
