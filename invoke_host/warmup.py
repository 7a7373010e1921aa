"""Runs the commonest quick reads once before the host listens.

SQLAlchemy compiles a statement when it first meets it, which takes 3 to 8 ms. On the event loop that would hold up
everybody and be reported as slow; here it costs the start a few hundredths of a second. The results of compiling are
kept with the engine and with the predicates of the actor, who in single-user mode is the same for all requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection

from invoke_host.access import AccessEngine
from invoke_host.api import Actor, NotFound, UserId
from invoke_host.events import store as events
from invoke_host.identity import callers
from invoke_host.identity.none import SYSTEM_ACTOR
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.users import identities
from invoke_host.identity.users import store as users
from invoke_host.images import listing, rows
from invoke_host.queue.store import claim, lease, rates, reads, status
from invoke_host.queue.store.templates import template_of

_NOBODY = "00000000-0000-4000-8000-000000000000"
_NO_IMAGE = f"{_NOBODY}.png"
_QUEUE = "default"

#: Who calls in single-user mode.
ALONE: Final = (SYSTEM_ACTOR,)

#: One caller of each role there is with a login.
MANY: Final = (
    Actor(UserId(_NOBODY), "user", is_admin=True),
    Actor(UserId(_NOBODY), "user"),
)


def warm_up(conn: Connection, access: AccessEngine, actors: Sequence[Actor]) -> None:
    """A unit of work that reads what clients and the dispatcher will, and forgets it."""
    claim.claimable(conn)
    lease.held(conn, [_NOBODY])
    lease.any_expired(conn)
    rates.us_per_work(conn, None)
    template_of(conn, _NOBODY)
    events.read_after(conn, 0, 1)
    for actor in actors:
        _content(conn, access, actor)
    if actors != ALONE:
        _credentials(conn)


def _content(conn: Connection, access: AccessEngine, actor: Actor) -> None:
    listing.warm_up(conn, access, actor)
    status.overall(conn, access, actor, _QUEUE)
    reads.current(conn, access, actor, _QUEUE)
    with suppress(NotFound):
        rows.get(conn, access, actor, _NO_IMAGE)
    with suppress(NotFound):
        rows.file_facts(conn, access, actor, _NO_IMAGE, thumbnail=True)
    with suppress(NotFound):
        reads.one(conn, access, actor, _QUEUE, 0)


def _credentials(conn: Connection) -> None:
    callers.by_session(conn, _NOBODY)
    callers.by_hash(conn, _NOBODY)
    callers.by_token_id(conn, _NOBODY)
    callers.by_user(conn, _NOBODY)
    sessions.find(conn, _NOBODY)
    users.by_id(conn, _NOBODY)
    users.by_email(conn, _NOBODY)
    users.any_active_admin(conn)
    identities.known(conn, _NOBODY, _NOBODY)
