"""Who gets which event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

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
        (ADMIN, "progress", "alice", True),
        (BOB, "progress", "alice", False),
        (ANONYMOUS, "progress", "alice", False),
        (BOB, "progress", None, False),
        (ADMIN, "progress", None, True),
        (ALICE, "bulk_download_complete", "alice", True),
        (ADMIN, "bulk_download_complete", "alice", False),
        (BOB, "bulk_download_complete", None, False),
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


def sees(*boards: str) -> Callable[[str], bool]:
    return lambda board_id: board_id in boards


def about(kind: str = "images_changed", **columns: Any) -> Event:
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    return Event(kind=kind, payload={}, created_at=moment, id=1, **{"audience": None, **columns})


ON_A = about(audience=ALICE.id, board_id="a")
#: Alice's image has gone from board a to board b.
MOVED = about("images_gone", board_id="a", except_board_id="b", except_user_id=ALICE.id)
#: Bob's grant on board a has ended.
REVOKED = about("boards_gone", audience=BOB.id, except_board_id="a")
#: Board a was shown to everybody.
CLOSED = about("boards_gone", except_board_id="a")
#: A workflow of Alice is published no more.
WITHDRAWN = about("workflows_gone", except_user_id=ALICE.id)


@pytest.mark.parametrize(
    ("actor", "event", "boards", "expected"),
    [
        (ALICE, ON_A, (), True),
        (BOB, ON_A, (), False),
        (BOB, ON_A, ("a",), True),
        (BOB, ON_A, ("b",), False),
        (ADMIN, ON_A, (), True),
        (ANONYMOUS, ON_A, ("a",), False),
        (BOB, about(board_id="a"), (), False),
        (BOB, about(board_id="a"), ("a",), True),
        (ALICE, MOVED, ("a",), False),
        (BOB, MOVED, ("a",), True),
        (BOB, MOVED, ("a", "b"), False),
        (BOB, MOVED, ("b",), False),
        (BOB, MOVED, (), False),
        (ADMIN, MOVED, ("a",), False),
        (BOB, REVOKED, (), True),
        (BOB, REVOKED, ("a",), False),
        (ALICE, REVOKED, (), False),
        (ADMIN, REVOKED, (), False),
        (replace(ADMIN, id=BOB.id), REVOKED, (), False),
        (BOB, CLOSED, (), True),
        (BOB, CLOSED, ("a",), False),
        (ADMIN, CLOSED, (), False),
        (ANONYMOUS, CLOSED, (), False),
        (BOB, WITHDRAWN, (), True),
        (ALICE, WITHDRAWN, (), False),
        (ADMIN, WITHDRAWN, (), False),
    ],
)
def test_what_is_about_a_board_goes_to_who_sees_it_and_that_it_is_gone_to_who_does_not(
    actor: Actor, event: Event, boards: tuple[str, ...], expected: bool
) -> None:
    assert may_see(actor, event, sees(*boards)) is expected


@pytest.mark.parametrize("event", [ON_A, MOVED, REVOKED, CLOSED])
def test_what_hangs_on_a_board_that_nothing_is_known_of_is_neither_yes_nor_no(event: Event) -> None:
    assert may_see(BOB, event) is None
    assert may_see(ANONYMOUS, event) is False
    assert may_see(ADMIN, event) is not None


def test_who_gets_it_anyway_is_asked_about_no_board() -> None:
    def refuse(board_id: str) -> bool:
        raise AssertionError(board_id)

    for actor, event in ((ALICE, ON_A), (ADMIN, ON_A), (ALICE, MOVED), (ALICE, REVOKED), (ADMIN, CLOSED)):
        may_see(actor, event, refuse)
