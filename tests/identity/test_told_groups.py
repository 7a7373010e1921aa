"""Groups that a login provider puts its people in, beside those of administrators."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from invoke_host.api import BadRequest, Identity, StorageConflict
from invoke_host.identity.groups import told
from invoke_host.identity.groups.service import GroupService
from invoke_host.identity.users.values import UserChange

from .conftest import Log
from .directory import Directory, Office
from .people import GOOD, ROOT, People

ANN = Identity("ldap", "uid-ann", "ann", email="ann@example.org", host_groups=frozenset({"Painters", "Editors"}))


@pytest.fixture
def office(people: People, log: Log) -> Office:
    return Office(people, log)


@pytest.fixture
def groups(people: People) -> GroupService:
    return GroupService(people.storage, people.clock)


async def test_groups_that_do_not_exist_are_made_and_noted(office: Office, people: People) -> None:
    user = await office.log_in(ANN)
    assert office.groups(user) == {"Painters": "ldap", "Editors": "ldap"}
    made = people.log("group.create")
    assert [(line["target_name"], line["details"]) for line in made] == [
        ("Editors", {"provider": "ldap"}),
        ("Painters", {"provider": "ldap"}),
    ]
    (first, _) = people.log("group.member.add")
    assert first["details"] == {"user_id": user.id, "email": "ann@example.org", "provider": "ldap"}


async def test_a_group_is_the_same_in_any_spelling(office: Office, groups: GroupService) -> None:
    made = await groups.create("The  PAINTERS", "", ROOT)
    user = await office.log_in(replace(ANN, host_groups=frozenset({"the painters"})))
    assert [each.id for each in await groups.of_user(user.id)] == [made.id]
    await office.log_in(replace(ANN, host_groups=frozenset({"The Painters"})))
    assert office.groups(user) == {"The  PAINTERS": "ldap"}


async def test_what_the_provider_takes_back_is_gone_and_what_an_administrator_did_stays(
    office: Office, people: People, groups: GroupService
) -> None:
    user = await office.log_in(ANN)
    own = await groups.create("Own", "", ROOT)
    await groups.add_member(own.id, user.id, ROOT)
    await office.log_in(replace(ANN, host_groups=frozenset()))
    assert office.groups(user) == {"Own": None}
    assert [line["target_name"] for line in people.log("group.member.remove")] == ["Editors", "Painters"]
    await office.log_in(replace(ANN, host_groups=frozenset({"own"})))
    await office.log_in(replace(ANN, host_groups=frozenset()))
    assert office.groups(user) == {"Own": None}


async def test_an_administrator_who_puts_somebody_in_keeps_them_in(
    office: Office, people: People, groups: GroupService
) -> None:
    user = await office.log_in(replace(ANN, host_groups=frozenset({"Painters"})))
    (group,) = await groups.of_user(user.id)
    (member,) = await groups.members(group.id, after="", limit=10)
    assert member.provider == "ldap"
    for _ in range(2):
        await groups.add_member(group.id, user.id, ROOT)
    assert [line["actor_id"] for line in people.log("group.member.add")] == [None, ROOT.actor_id]
    await office.log_in(replace(ANN, host_groups=frozenset()))
    assert office.groups(user) == {"Painters": None}


async def test_no_opinion_leaves_everything_as_it_is(office: Office) -> None:
    user = await office.log_in(ANN)
    await office.log_in(replace(ANN, host_groups=None))
    assert len(office.groups(user)) == 2


async def test_two_providers_decide_each_about_its_own(people: People, log: Log) -> None:
    office = Office(people, log, Directory("ldap"), Directory("second"))
    user = await office.log_in(ANN)
    await people.service.link(user.id, "second", "x", "ann", ROOT)
    await office.log_in(Identity("second", "x", "ann", host_groups=frozenset({"Painters", "Second"})))
    assert office.groups(user) == {"Painters": "ldap", "Editors": "ldap", "Second": "second"}
    await office.log_in(Identity("second", "x", "ann", host_groups=frozenset()))
    assert office.groups(user) == {"Painters": "ldap", "Editors": "ldap"}


async def test_a_group_that_an_administrator_deletes_comes_back_empty_of_everything_but_its_members(
    office: Office, groups: GroupService
) -> None:
    user = await office.log_in(replace(ANN, host_groups=frozenset({"Painters"})))
    (before,) = await groups.of_user(user.id)
    await groups.delete(before.id, ROOT)
    assert office.groups(user) == {}
    await office.log_in(replace(ANN, host_groups=frozenset({"Painters"})))
    (after,) = await groups.of_user(user.id)
    assert after.id != before.id  # what was granted to the old one is granted to nobody


async def test_what_is_no_name_of_a_group_is_left_out_and_never_cut_to_another_groups_name() -> None:
    names = ["", " \t ", "a" * 129, "b" * 128, "ß" * 100, " Pain\x00ters\n", "ok"]
    assert told.by_key(names) == {"b" * 128: "b" * 128, "painters": "Painters", "ok": "ok"}


async def test_groups_of_a_provider_that_is_asked_no_more_are_gone_after_the_next_start(
    people: People, log: Log, groups: GroupService
) -> None:
    office = Office(people, log, Directory("old"))
    user = await office.log_in(replace(ANN, provider="old"))
    own = await groups.create("Own", "", ROOT)
    await groups.add_member(own.id, user.id, ROOT)
    later = Office(people, log, Directory("ldap"))
    await later.recheck.run()
    assert later.groups(user) == {"Own": None}
    (line,) = people.log("group.member.remove")
    assert (line["target_id"], line["details"]) == ("old", {"members": 2, "reason": "not_configured"})
    await later.recheck.run()
    assert len(people.log("group.member.remove")) == 1


async def test_many_first_logins_at_once_make_each_group_once(people: People, office: Office) -> None:
    def named(number: int) -> Identity:
        return replace(ANN, subject=f"uid-{number}", email=f"p{number}@example.org")

    users = await asyncio.gather(*(people.service.resolve(named(n), auto_create=True) for n in range(12)))
    assert all(len(office.groups(user)) == 2 for user in users)
    assert len(people.log("group.create")) == 2


async def test_a_group_that_an_administrator_makes_in_the_same_moment_fails_no_login(
    people: People, office: Office, groups: GroupService
) -> None:
    names = [f"Group {number}" for number in range(20)]

    async def log_in(name: str, number: int) -> None:
        told_so = replace(ANN, subject=f"uid-{number}", email=f"p{number}@example.org", host_groups=frozenset({name}))
        await people.service.resolve(told_so, auto_create=True)

    async def make(name: str) -> None:
        with suppress(BadRequest, StorageConflict):  # who comes second is told so
            await groups.create(name, "", ROOT)

    await asyncio.gather(*(work for n, name in enumerate(names) for work in (log_in(name, n), make(name))))
    assert (await groups.page(search="", after="", limit=100))[1] == 20


async def test_a_header_login_writes_and_reads_nothing_more_while_nothing_changes(people: People) -> None:
    """It repeats itself with every request: one read, which is a quick one."""
    identity = replace(ANN, display_name="Ann", admin=False)
    user = await people.service.resolve(identity, auto_create=True)
    await people.service.change(user.id, UserChange(password=GOOD), ROOT)  # they keep their address now
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if not statement.startswith("SET TRANSACTION"):
            seen.append(statement.split()[0])

    event.listen(people.storage.engine, "before_cursor_execute", note)
    for told_address, statements in (("ann@example.org", 2), ("other@example.org", 3)):
        seen.clear()
        assert (await people.service.resolve(replace(identity, email=told_address), auto_create=True)).id == user.id
        assert seen == ["SELECT"] * statements
    event.remove(people.storage.engine, "before_cursor_execute", note)


async def test_an_address_that_is_somebody_elses_by_now_is_noted_once_an_hour(people: People) -> None:
    user = await people.service.resolve(ANN, auto_create=True)
    await people.add("Bob")
    moved = replace(ANN, email="bob@example.org")
    for _ in range(5):
        assert (await people.service.resolve(moved, auto_create=True)).email == "ann@example.org"
    (line,) = people.log("user.change")
    assert (line["outcome"], line["target_id"]) == ("refused", user.id)
    assert line["details"] == {"provider": "ldap", "reason": "email_taken", "email": "bob@example.org"}


async def test_an_account_without_an_address_gets_one_when_the_provider_has_it(people: People) -> None:
    user = await people.service.resolve(replace(ANN, email=None), auto_create=True)
    assert user.email.endswith("@ldap.invalid")
    assert (await people.service.resolve(ANN, auto_create=True)).email == "ann@example.org"
    assert (await people.service.resolve(replace(ANN, email=None), auto_create=True)).email == "ann@example.org"
