"""A user long after their request: who they are by now, for work that goes on without them.

What was permitted when work was asked for may not be any more when it is done. Whoever does it asks for an `ActorLater`
beforehand, because what policies look up about somebody can't be looked up within a transaction, and calls that in the
transaction that acts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from sqlalchemy import Connection

from invoke_host.access.engine import AccessEngine
from invoke_host.api import SYSTEM_USER_ID, Actor
from invoke_host.identity import callers
from invoke_host.identity.none import SYSTEM_ACTOR
from invoke_host.storage import Storage

#: Role, groups and activity as this transaction sees them; None for a user who may not act any more.
ActorLater: TypeAlias = Callable[[Connection], Actor | None]

#: Finds the above for a user's id.
Owners: TypeAlias = Callable[[str], Awaitable[ActorLater]]


def owners(storage: Storage, access: AccessEngine, *, single_user: bool) -> Owners:
    """How slices learn who their users are by now, without knowing about accounts."""

    async def find(user_id: str) -> ActorLater:
        actor = await storage.read(_by_now, user_id, single_user=single_user)
        if actor is None:
            return _nobody
        facts = (await access.prepare(actor)).facts

        def later(conn: Connection) -> Actor | None:
            now = _by_now(conn, user_id, single_user=single_user)
            return None if now is None else replace(now, facts=facts)

        return later

    return find


def _by_now(conn: Connection, user_id: str, *, single_user: bool) -> Actor | None:
    if user_id == SYSTEM_USER_ID:
        return SYSTEM_ACTOR if single_user else replace(SYSTEM_ACTOR, is_admin=False)
    return callers.by_user(conn, user_id)


def _nobody(conn: Connection) -> Actor | None:
    return None
