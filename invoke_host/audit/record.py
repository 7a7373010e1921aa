"""Writing the audit log: one call inside the transaction that does what is logged, so that both are there or neither.

`details` hold ids, names and numbers. Passwords, tokens and codes never get here; a test searches the table for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, insert

from invoke_host.api import Actor
from invoke_host.audit.tables import audit_log
from invoke_host.masking import masked, one_line

Outcome = Literal["ok", "refused", "failed"]

#: Longest name that is kept; names come from outside.
_NAME = 320


@dataclass(frozen=True, slots=True)
class Origin:
    """Who does something, and from where. `actor_id` None: nobody is logged in (a login, the first setup)."""

    actor_id: str | None
    actor_name: str
    via: Literal["api", "cli", "host"]
    address: str | None = None

    @classmethod
    def of(cls, actor: Actor, address: str | None) -> Origin:
        """The caller of a request."""
        return cls(actor.id, actor.display_name or actor.id or "", "api", address)


#: Nobody in particular: what the host does by itself, or because a login provider says so.
HOST = Origin(None, "", "host")


@dataclass(frozen=True, slots=True)
class Target:
    """What something was done to."""

    type: str
    id: str | None
    name: str | None = None


def append(
    conn: Connection,
    origin: Origin,
    action: str,
    target: Target | None = None,
    *,
    outcome: Outcome = "ok",
    details: Mapping[str, Any] | None = None,
    now: str,
) -> None:
    """Add a row; `action` is a stable word such as `user.create`."""
    conn.execute(
        insert(audit_log).values(
            at=now,
            action=action,
            outcome=outcome,
            actor_id=origin.actor_id,
            actor_name=one_line(origin.actor_name, longest=_NAME - 40)[:_NAME],
            via=origin.via,
            address=None if origin.address is None else origin.address[:64],
            target_type=None if target is None else target.type,
            target_id=None if target is None or target.id is None else one_line(target.id)[:255],
            target_name=None if target is None or target.name is None else one_line(target.name)[:_NAME],
            details=orjson.dumps(masked(dict(details or {}))).decode(),
        )
    )
