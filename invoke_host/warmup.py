"""Runs the commonest quick reads once before the host listens.

SQLAlchemy compiles a statement when it first meets it, which takes 3 to 8 ms. On the event loop that would hold up
everybody and be reported as slow; here it costs the start a few hundredths of a second. The results of compiling are
kept with the engine and with the predicates of the actor, who in single-user mode is the same for all requests.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection

from invoke_host.access import AccessEngine
from invoke_host.api import NotFound
from invoke_host.events import store as events
from invoke_host.identity.none import SYSTEM_ACTOR
from invoke_host.images import listing, rows
from invoke_host.queue.store import claim, lease, reads, status

_NO_IMAGE = "00000000-0000-4000-8000-000000000000.png"
_QUEUE = "default"


def warm_up(conn: Connection, access: AccessEngine) -> None:
    """A unit of work that reads what clients and the dispatcher will, and forgets it."""
    listing.warm_up(conn, access, SYSTEM_ACTOR)
    status.overall(conn, access, SYSTEM_ACTOR, _QUEUE)
    reads.current(conn, access, SYSTEM_ACTOR, _QUEUE)
    claim.claimable(conn)
    lease.any_expired(conn)
    events.read_after(conn, 0, 1)
    with suppress(NotFound):
        rows.get(conn, access, SYSTEM_ACTOR, _NO_IMAGE)
    with suppress(NotFound):
        rows.file_facts(conn, access, SYSTEM_ACTOR, _NO_IMAGE, thumbnail=True)
    with suppress(NotFound):
        reads.one(conn, access, SYSTEM_ACTOR, _QUEUE, 0)
