"""Who gets which event."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from invoke_host.api import ANONYMOUS, SYSTEM_USER_ID, Actor, Event, UserId
from invoke_host.events.audience import may_see

ALICE = Actor(id=UserId("alice"), kind="user")
BOB = Actor(id=UserId("bob"), kind="user")
ADMIN = Actor(id=UserId("root"), kind="user", is_admin=True)
SYSTEM = Actor(id=SYSTEM_USER_ID, kind="system", is_admin=True)


@pytest.mark.parametrize(
    ("actor", "kind", "audience", "sees"),
    [
        (ALICE, "images_changed", "alice", True),
        (BOB, "images_changed", "alice", False),
        (ADMIN, "images_changed", "alice", True),
        (ANONYMOUS, "images_changed", "alice", False),
        (ALICE, "progress", "alice", True),
        (ADMIN, "progress", "alice", False),
        (SYSTEM, "progress", "system", True),
        (ALICE, "queue_paused", None, True),
        (BOB, "queue_paused", None, True),
        (ANONYMOUS, "queue_paused", None, False),
    ],
)
def test_an_event_goes_to_whom_it_concerns(actor: Actor, kind: str, audience: str | None, sees: bool) -> None:
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    user = None if audience is None else UserId(audience)

    assert may_see(actor, Event(kind=kind, payload={}, audience=user, created_at=moment, id=1)) is sees
