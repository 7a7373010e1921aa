"""The re-check while the provider gives no answer: nobody is sent away before the grace is over, and nothing waits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from invoke_host.api import Authenticated, AuthOutcome, Identity, Rejected, Unavailable
from invoke_host.clock import timestamp
from invoke_host.identity import callers
from invoke_host.identity.recheck import asking, service
from invoke_host.identity.tables import identities
from invoke_host.identity.tokens.store import digest

from .conftest import Log
from .directory import Directory, Office, Work, events
from .people import People


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def office(people: People, log: Log, work: Work) -> Office:
    return Office(people, log, owned=[work])


async def test_while_there_is_no_answer_sessions_live_until_the_grace_is_over(
    people: People, log: Log, work: Work
) -> None:
    office = Office(people, log, owned=[work], recheck_minutes=15, grace_minutes=60)
    user = await office.come("ann")
    text = office.token(user)
    assert (await office.health()).status == "ok"
    office.directory.up = False
    await office.later()
    since = timestamp(people.clock.now())
    for _ in range(3):
        assert office.sessions(user) == 1
        health = await office.health()
        assert (health.name, health.status) == ("auth:ldap", "degraded")
        assert health.detail == f"no answer since {since} UTC; a session ends 75 minutes after its last good check"
        await office.later(minutes=19.9)
    assert office.sessions(user) == 1
    await office.later(minutes=0.4)  # 75.1 since the login
    assert office.sessions(user) == 0
    assert (work.stopped, office.identity("ann").blocked_at) == ([], None)
    assert await people.storage.read(callers.by_hash, digest(text)) is not None
    (line,) = people.log("session.end")
    assert line["details"] == {"provider": "ldap", "reason": "unavailable", "sessions_ended": 1}
    assert "auth_grace_over" in events(log)

    office.directory.up = True
    await office.later(minutes=1)
    assert (await office.health()).status == "ok"


async def test_a_good_check_begins_the_time_anew(office: Office) -> None:
    user = await office.come("ann")
    await office.later(minutes=70)
    office.directory.up = False
    await office.later(minutes=70)
    assert office.sessions(user) == 1
    await office.later(minutes=6)
    assert office.sessions(user) == 0


async def test_a_silent_provider_is_asked_three_times_and_left_alone_until_the_next_round(office: Office) -> None:
    for number in range(20):
        await office.come(f"p{number}")
    office.directory.up = False
    await office.later()
    assert service.SILENT_AFTER <= len(office.directory.asked) < service.SILENT_AFTER + service.TOGETHER


async def test_an_entry_that_the_provider_can_not_read_keeps_nobody_else_from_being_asked_about(office: Office) -> None:
    async def broken(identity: Identity) -> AuthOutcome:
        return Unavailable("directory_error")

    for number in range(60):
        await office.come(f"p{number:02}")
    for number in range(5):
        office.directory.people[f"uid-p{number:02}"] = broken
    for _ in range(2):  # the first round may take the five for an outage
        await office.later()
    assert len(set(office.directory.asked)) == 60
    assert (await office.health()).status == "ok"
    people = [await office.people.service.find(f"p{number:02}@example.org") for number in range(60)]
    await office.later(minutes=50)
    assert [office.sessions(user) for user in people if user] == [0] * 5 + [1] * 55


@pytest.mark.parametrize("kind", ["raises", "nonsense", "somebody else", "cancels", "no coroutine"])
async def test_a_broken_provider_ends_nobodys_session_before_the_grace_is_over(
    office: Office, log: Log, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    user = await office.come("ann")

    async def refresh(identity: Identity) -> Any:
        if kind == "raises":
            raise ValueError("secret-in-a-message")
        if kind == "cancels":
            raise asyncio.CancelledError
        return "yes" if kind == "nonsense" else Authenticated(replace(identity, subject="uid-root"))

    monkeypatch.setattr(office.directory, "refresh", (lambda identity: None) if kind == "no coroutine" else refresh)
    await office.later()
    assert office.sessions(user) == 1
    assert (await office.health()).status == "degraded"
    assert "auth_provider_failed" in events(log)
    assert "secret-in-a-message" not in str(log.entries)
    await office.later(minutes=61)
    assert office.sessions(user) == 0


async def test_a_provider_that_hangs_and_does_not_even_end_when_canceled_holds_up_nothing(
    people: People, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, fine = Directory("hanging"), Directory("fine")
    monkeypatch.setattr(asking, "ANSWER_S", 0.02)
    over = asyncio.Event()

    async def refresh(identity: Identity) -> AuthOutcome:
        hanging.asked.append(identity.subject)
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue
        return Rejected("too late")

    monkeypatch.setattr(hanging, "refresh", refresh)
    office = Office(people, log, hanging, fine)
    for asker in office.recheck._askers.values():
        monkeypatch.setattr(asker, "_answer_s", 0.02)
    users = [await office.come("ann"), await office.come("bob")]
    other = await office.come("eve", provider="fine")
    for _ in range(4):
        await office.later()
        fine.asked.clear()
    assert sum(map(office.sessions, users)) == 2
    assert len(hanging.asked) <= asking.MOST_STUCK
    await office.later(minutes=20)
    assert (sum(map(office.sessions, users)), fine.asked) == (0, ["uid-eve"])
    assert office.sessions(other) == 1
    over.set()


async def test_a_check_that_was_never_made_ends_nothing(office: Office, people: People) -> None:
    """An administrator linked somebody who has not logged in by it yet."""
    user = await office.come("ann")
    never = update(identities).values(checked_at=None)
    people.storage.run_write(lambda conn: conn.execute(never) and None)
    office.directory.up = False
    await office.later(minutes=1000)
    assert (office.directory.asked, office.sessions(user)) == (["uid-ann"], 1)
