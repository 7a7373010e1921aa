"""The re-check of everybody who is here: who is asked about when, and what follows from the provider's answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from invoke_host.api import Authenticated, AuthOutcome, Identity, Rejected
from invoke_host.clock import timestamp
from invoke_host.identity import callers
from invoke_host.identity.recheck import service
from invoke_host.identity.tokens.store import digest
from invoke_host.identity.users import store as users_store
from invoke_host.identity.users.values import UserChange

from .conftest import Log
from .directory import Directory, Office, Work, events
from .people import GOOD, ROOT, People


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def office(people: People, log: Log, work: Work) -> Office:
    return Office(people, log, owned=[work])


# Who is asked about --------------------------------------------------------------------------------------------------


async def test_whoever_is_here_is_asked_about_within_the_interval_and_then_not_again(office: Office) -> None:
    await office.come("ann")
    await office.later(minutes=13)
    assert office.directory.asked == []
    await office.later(minutes=1)  # a round before the time is over, or it would be over before the next one
    assert office.directory.asked == ["uid-ann"]
    assert office.identity("ann").checked_at == timestamp(office.people.clock.now())
    await office.later(minutes=13)
    assert office.directory.asked == []


async def test_whoever_has_nothing_to_lose_is_not_asked_about(office: Office, people: People) -> None:
    ann = Identity("ldap", "uid-ann", "ann", email="ann@example.org")
    user = await people.service.resolve(ann, auto_create=True)
    await people.add("Bob")
    await office.later()
    assert office.directory.asked == []
    office.token(user)
    await office.later()
    assert office.directory.asked == ["uid-ann"]


async def test_work_that_goes_on_is_something_to_lose(people: People, log: Log) -> None:
    office = Office(people, log)
    await people.service.resolve(Identity("ldap", "uid-ann", "ann"), auto_create=True)
    await office.later()
    assert office.directory.asked == []
    office.recheck._working = users_store.users.c.id.is_not(None)
    await office.later()
    assert office.directory.asked == ["uid-ann"]


async def test_whoever_is_deactivated_is_not_asked_about(office: Office, people: People) -> None:
    await people.add("Root", is_admin=True)
    user = await office.come("ann")
    await people.service.change(user.id, UserChange(is_active=False), ROOT)
    await office.later()
    assert office.directory.asked == []


async def test_a_check_in_the_future_is_none_for_the_clock_was_set_back(office: Office) -> None:
    await office.come("ann")
    office.people.clock.jump(-86_400)
    await office.later(minutes=0)
    assert office.directory.asked == ["uid-ann"]


async def test_many_are_asked_about_two_at_a_time_with_few_statements_for_each(office: Office, people: People) -> None:
    now, most = [0], [0]

    async def answer(identity: Identity) -> AuthOutcome:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0)
        now[0] -= 1
        return Authenticated(replace(identity, admin=False, host_groups=frozenset()))

    for number in range(120):
        await office.come(f"p{number:03}")
        office.directory.people[f"uid-p{number:03}"] = answer
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(people.storage.engine, "before_cursor_execute", note)
    await office.later()
    event.remove(people.storage.engine, "before_cursor_execute", note)
    assert (len(set(office.directory.asked)), len(office.directory.asked), most[0]) == (120, 120, service.TOGETHER)
    assert len([each for each in seen if each.startswith("UPDATE")]) == 3  # one for each fifty
    assert len([each for each in seen if not each.startswith("SET TRANSACTION")]) <= 2 * 120 + 12


async def test_the_schedule_is_a_part_of_the_interval_and_at_least_once_a_minute(people: People, log: Log) -> None:
    assert Office(people, log).recheck.task().interval_s == 60
    assert Office(people, log, recheck_minutes=1).recheck.task().interval_s == 4
    assert Office(people, log, recheck_minutes=600).recheck.task().interval_s == 60


# Good answers --------------------------------------------------------------------------------------------------------


async def test_what_the_provider_tells_is_followed_without_a_login(office: Office, people: People) -> None:
    await people.add("Root", is_admin=True)
    user = await office.come("ann", admin=True, host_groups=frozenset({"Painters"}))
    assert (user.is_admin, office.groups(user)) == (True, {"Painters": "ldap"})
    office.change("ann", admin=False, host_groups=frozenset({"Editors"}), display_name="Ann S.", email="as@example.org")
    await office.later()
    after = await people.service.get(user.id)
    assert (after.is_admin, after.display_name, after.email) == (False, "Ann S.", "as@example.org")
    assert office.groups(user) == {"Editors": "ldap"}
    assert office.sessions(user) == 1
    office.change("ann", admin=True)
    await office.later()
    assert (await people.service.get(user.id)).is_admin


async def test_the_last_administrator_keeps_the_role(office: Office, people: People) -> None:
    user = await office.come("ann", admin=True)
    office.change("ann", admin=False)
    for _ in range(3):
        await office.later()
    assert (await people.service.get(user.id)).is_admin
    assert [line["details"]["reason"] for line in people.log("user.change")] == ["last_admin"]


async def test_somebody_who_is_unlinked_meanwhile_is_let_alone(office: Office, people: People) -> None:
    user = await office.come("ann")
    office.token(user)

    async def answer(identity: Identity) -> AuthOutcome:
        await people.service.unlink(user.id, "ldap", "uid-ann", ROOT)
        return Authenticated(identity)

    office.directory.people["uid-ann"] = answer
    await office.later()
    assert await people.service.identities(user.id) == []
    assert (await people.service.page()).total == 1  # nobody was made anew


# No ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["disabled", "gone", "required_group"])
async def test_whoever_may_not_be_here_any_more_loses_sessions_tokens_and_work(
    office: Office, people: People, work: Work, log: Log, code: str
) -> None:
    user, other = await office.come("ann"), await office.come("bob")
    text = office.token(user)
    assert await people.storage.read(callers.by_hash, digest(text)) is not None
    office.directory.says_no("uid-ann", code)
    await office.later()
    assert (office.sessions(user), office.sessions(other)) == (0, 1)
    assert await people.storage.read(callers.by_hash, digest(text)) is None
    assert work.stopped == [user.id]
    assert office.identity("ann").blocked_at == timestamp(people.clock.now())
    (line,) = people.log("identity.block")
    assert (line["target_id"], line["via"], line["actor_id"]) == (user.id, "host", None)
    assert line["details"] == {
        "provider": "ldap",
        "subject": "uid-ann",
        "reason": code,
        "sessions_ended": 1,
        "stopped": {"work": 1},
    }
    assert [entry["code"] for entry in log.entries if entry["event"] == "auth_revoked"] == [code]
    assert (await people.service.identities(user.id))[0].blocked_at is not None
    # They have a token, so they are asked about again; it is told once.
    await office.later()
    assert office.directory.asked == ["uid-ann", "uid-bob"] or office.directory.asked == ["uid-bob", "uid-ann"]
    assert len(people.log("identity.block")) == 1
    assert events(log).count("auth_revoked") == 1


async def test_another_way_in_stays_open_with_its_sessions_tokens_and_work(
    people: People, log: Log, work: Work
) -> None:
    office = Office(people, log, Directory("ldap"), Directory("second"), owned=[work])
    user = await office.come("ann")
    await people.service.link(user.id, "second", "uid-ann", "ann", ROOT)
    second = Identity("second", "uid-ann", "ann")
    office.directories[1].knows(second)
    await office.log_in(second)
    text = office.token(user)
    assert office.sessions(user) == 2
    office.directory.says_no("uid-ann")
    await office.later()
    assert office.sessions(user) == 1
    assert await people.storage.read(callers.by_hash, digest(text)) is not None
    assert work.stopped == []
    assert "stopped" not in people.log("identity.block")[0]["details"]
    office.directories[1].says_no("uid-ann")
    await office.later()
    assert (office.sessions(user), set(work.stopped)) == (0, {user.id})
    assert await people.storage.read(callers.by_hash, digest(text)) is None


async def test_a_password_here_is_another_way_in(office: Office, people: People, work: Work) -> None:
    user = await office.come("ann")
    await people.service.change(user.id, UserChange(password=GOOD), ROOT)
    text = office.token(user)
    office.directory.says_no("uid-ann")
    await office.later()
    assert await people.storage.read(callers.by_hash, digest(text)) is not None
    assert work.stopped == []


async def test_a_good_login_lets_them_in_again_with_their_tokens(office: Office, people: People) -> None:
    user = await office.come("ann")
    text = office.token(user)
    office.directory.says_no("uid-ann")
    await office.later()
    again = await office.come("ann")
    assert again.id == user.id
    assert (office.identity("ann").blocked_at, office.sessions(user)) == (None, 1)
    assert await people.storage.read(callers.by_hash, digest(text)) is not None
    assert [line["target_id"] for line in people.log("identity.unblock")] == [user.id]


async def test_so_does_a_re_check_where_they_still_have_a_token(office: Office, people: People) -> None:
    user = await office.come("ann")
    text = office.token(user)
    outcome = office.directory.people["uid-ann"]
    office.directory.says_no("uid-ann")
    await office.later()
    office.directory.people["uid-ann"] = outcome
    await office.later()
    assert (office.identity("ann").blocked_at, office.sessions(user)) == (None, 0)
    assert await people.storage.read(callers.by_hash, digest(text)) is not None


async def test_a_login_while_the_provider_is_asked_is_not_undone_by_the_older_answer(
    office: Office, people: People
) -> None:
    user = await office.come("ann")
    known = office.directory.people["uid-ann"]
    assert isinstance(known, Authenticated)

    async def answer(identity: Identity) -> AuthOutcome:
        people.clock.advance(1)
        await office.log_in(known.identity)  # they were let in again a moment ago
        return Rejected("disabled")

    office.directory.people["uid-ann"] = answer
    await office.later()
    assert (office.sessions(user), office.identity("ann").blocked_at) == (2, None)


async def test_what_began_before_the_block_makes_no_session_after_it(office: Office, people: People) -> None:
    user = await office.come("ann")
    office.directory.says_no("uid-ann")
    await office.later()
    assert (await people.service.get(user.id)).auth_epoch == user.auth_epoch + 1


async def test_the_setup_does_not_open_again_when_the_only_administrator_is_blocked(
    office: Office, people: People
) -> None:
    await office.come("ann", admin=True)
    office.directory.says_no("uid-ann")
    await office.later()
    assert not await people.service.setup_required()


async def test_an_open_stream_of_somebody_whom_a_header_named_ends_with_the_block(
    office: Office, people: People
) -> None:
    user = await office.come("ann")
    assert people.storage.run_read(lambda conn: callers.is_linked(conn, user.id, "ldap"))
    office.directory.says_no("uid-ann")
    await office.later()
    assert not people.storage.run_read(lambda conn: callers.is_linked(conn, user.id, "ldap"))
