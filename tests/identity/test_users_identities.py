"""Who an identity of a login provider is here: found, made, linked, and never guessed from a name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event

from invoke_host.api import SYSTEM_USER_ID, BadRequest, Conflict, Identity, NotFound
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.sessions.store import NewSession
from invoke_host.identity.users.values import NotLinked, UserChange, UserDisabled

from .conftest import Log
from .people import GOOD, PROVIDER, ROOT, People

ANN = Identity("ldap", "uid-1", login="ann", display_name="Ann", email="Ann@example.org")


def statements(people: People, seen: list[str]) -> Callable[[], None]:
    """Note every statement from now on; the call that is returned ends it."""

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    engine = people.storage.engine
    event.listen(engine, "before_cursor_execute", note)
    return lambda: event.remove(engine, "before_cursor_execute", note)


async def test_somebody_new_becomes_a_user_of_their_own(people: People) -> None:
    user = await people.service.resolve(ANN, auto_create=True)
    assert (user.email, user.display_name, user.is_admin, user.is_active) == ("ann@example.org", "Ann", False, True)
    assert await people.service.resolve(ANN, auto_create=False) == user
    (identity,) = await people.service.identities(user.id)
    assert (identity.provider, identity.subject, identity.login) == ("ldap", "uid-1", "ann")
    (line,) = people.log()
    assert (line["action"], line["via"], line["actor_id"]) == ("user.create", "host", None)
    assert line["details"] == {"is_admin": False, "provider": "ldap", "subject": "uid-1"}
    assert people.accounts.logins() == {}


@pytest.mark.parametrize("email", [None, "", "no address", "ann@host", "x" * 400])
async def test_without_a_usable_address_a_user_gets_one_that_nobody_has(people: People, email: str | None) -> None:
    user = await people.service.resolve(replace(ANN, email=email), auto_create=True)
    assert user.email == f"{user.id}@ldap.invalid"


async def test_an_address_that_is_taken_joins_nobody(people: People) -> None:
    ann = await people.add("Ann")
    with pytest.raises(NotLinked) as refused:
        await people.service.resolve(ANN, auto_create=True)
    assert refused.value.reason == "email_taken"
    (line,) = people.log("identity.refused")
    assert (line["outcome"], line["target_type"], line["target_name"]) == ("refused", "identity", "ann")
    assert line["details"] == {
        "provider": "ldap",
        "subject": "uid-1",
        "reason": "email_taken",
        "email": "Ann@example.org",
    }
    await people.service.link(ann.id, "ldap", "uid-1", "ann", ROOT)
    assert (await people.service.resolve(ANN, auto_create=True)).id == ann.id


async def test_without_auto_create_a_stranger_stays_one_until_linked(people: People) -> None:
    for _ in range(3):
        with pytest.raises(NotLinked, match=r"^the credential is not accepted$") as refused:
            await people.service.resolve(ANN, auto_create=False)
        assert refused.value.reason == "not_linked"
    assert len(people.log("identity.refused")) == 1  # a header login asks with every request
    people.clock.advance(3601)
    with pytest.raises(NotLinked):
        await people.service.resolve(ANN, auto_create=False)
    assert len(people.log("identity.refused")) == 2


async def test_an_account_of_this_host_that_is_gone_is_not_made_again(people: People) -> None:
    with pytest.raises(NotLinked) as refused:
        await people.service.resolve(Identity(PROVIDER, "gone", login="bob@example.org"), auto_create=True)
    assert refused.value.reason == "unknown_account"


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\0b"])
async def test_a_subject_that_can_not_be_stored_is_nobody(people: People, subject: str) -> None:
    with pytest.raises(NotLinked) as refused:
        await people.service.resolve(replace(ANN, subject=subject, login="x\0y"), auto_create=True)
    assert refused.value.reason == "invalid_subject"
    assert len(people.log("identity.refused")) == 1


async def test_what_the_provider_says_is_followed_and_written_only_when_new(people: People) -> None:
    await people.add("Root", is_admin=True)
    user = await people.service.resolve(ANN, auto_create=True)
    told = replace(ANN, login="ann2", display_name=" Ann\tSmith ", admin=True, email="other@example.org")
    changed = await people.service.resolve(told, auto_create=True)
    assert (changed.id, changed.display_name, changed.is_admin) == (user.id, "AnnSmith", True)
    assert changed.email == "other@example.org"
    assert (await people.service.identities(user.id))[0].login == "ann2"
    assert (await people.service.resolve(replace(told, admin=None), auto_create=True)).is_admin
    assert not (await people.service.resolve(replace(told, admin=False), auto_create=True)).is_admin
    promoted, demoted = people.log("user.change")
    assert promoted["details"] == {
        "is_admin": {"from": False, "to": True},
        "email": {"from": "ann@example.org", "to": "other@example.org"},
        "provider": "ldap",
    }
    assert demoted["details"]["is_admin"] == {"from": True, "to": False}


async def test_where_nothing_is_new_it_is_one_read(people: People) -> None:
    told = replace(ANN, display_name="x" * 300, login="\0ann" + "y" * 400, admin=False)
    user = await people.service.resolve(told, auto_create=True)
    seen: list[str] = []
    stop = statements(people, seen)
    assert await people.service.resolve(told, auto_create=True) == user
    stop()
    assert len([each for each in seen if not each.startswith("SET TRANSACTION")]) == 1, seen


async def test_the_last_administrator_stays_one_whatever_the_provider_says(people: People, log: Log) -> None:
    service = people.a_service(log=log.logger)
    user = await service.resolve(replace(ANN, admin=True), auto_create=True)
    for _ in range(3):
        assert (await service.resolve(replace(ANN, admin=False), auto_create=True)).is_admin
    assert [entry["event"] for entry in log.entries] == ["last_admin_kept"]
    (line,) = people.log("user.change")
    assert (line["outcome"], line["target_id"], line["details"]["reason"]) == ("refused", user.id, "last_admin")

    await people.add("Root", is_admin=True)
    assert not (await service.resolve(replace(ANN, admin=False), auto_create=True)).is_admin


async def test_a_new_name_is_taken_over_even_where_the_role_is_not(people: People, log: Log) -> None:
    service = people.a_service(log=log.logger)
    await service.resolve(replace(ANN, admin=True), auto_create=True)
    user = await service.resolve(replace(ANN, admin=False, display_name="Anna"), auto_create=True)
    assert (user.display_name, user.is_admin) == ("Anna", True)
    assert len(log.entries) == 1


async def test_whoever_is_deactivated_is_told_apart_and_not_updated(people: People) -> None:
    await people.add("Root", is_admin=True)
    user = await people.service.resolve(ANN, auto_create=True)
    await people.service.change(user.id, UserChange(is_active=False), ROOT)
    with pytest.raises(UserDisabled):
        await people.service.resolve(replace(ANN, display_name="New", admin=True), auto_create=True)
    after = await people.service.get(user.id)
    assert (after.display_name, after.is_admin) == ("Ann", False)


async def test_a_first_login_many_times_at_once_makes_one_user(people: People) -> None:
    users = await asyncio.gather(*(people.service.resolve(ANN, auto_create=True) for _ in range(8)))
    assert len({user.id for user in users}) == 1
    assert (await people.service.page()).total == 1


async def test_linking_is_for_identities_that_are_nobody(people: People) -> None:
    ann, bob = await people.add("Ann"), await people.add("Bob")
    await people.service.link(ann.id, "ldap", "uid-1", "ann", ROOT)
    await people.service.link(ann.id, "ldap", "uid-1", "ann", ROOT)
    assert len(people.log("identity.link")) == 1
    with pytest.raises(Conflict, match="is linked to the user"):
        await people.service.link(bob.id, "ldap", "uid-1", "ann", ROOT)
    with pytest.raises(BadRequest, match=r"^The system account can't log in"):
        await people.service.link(SYSTEM_USER_ID, "ldap", "uid-2", "", ROOT)
    with pytest.raises(BadRequest, match="are made with the user"):
        await people.service.link(bob.id, PROVIDER, "x", "", ROOT)
    with pytest.raises(NotFound):
        await people.service.link("nobody", "ldap", "uid-3", "", ROOT)


async def test_unlinking_ends_the_sessions_and_a_password_here(people: People) -> None:
    ann = await people.add("Ann")
    with pytest.raises(BadRequest, match="only way in"):
        await people.service.unlink(ann.id, PROVIDER, ann.id, ROOT)
    assert people.accounts.logins() != {}
    await people.service.link(ann.id, "ldap", "uid-1", "ann", ROOT)

    def begin(conn: Connection) -> None:
        new = NewSession(ann.id, "ldap", "uid-1", False, "::1", "", "2099-01-01 00:00:00.000")
        sessions.create(conn, new, "2026-01-01 12:00:00.000")

    people.storage.run_write(begin)
    await people.service.unlink(ann.id, "ldap", "uid-1", ROOT)
    assert people.storage.run_read(sessions.of_user, ann.id) == []
    assert (await people.service.get(ann.id)).auth_epoch == ann.auth_epoch + 1
    assert people.log("identity.unlink")[0]["details"]["sessions_ended"] == 1
    with pytest.raises(NotLinked):
        await people.service.resolve(replace(ANN, email=None), auto_create=False)
    with pytest.raises(NotFound):
        await people.service.unlink(ann.id, "ldap", "uid-1", ROOT)

    await people.service.link(ann.id, "ldap", "uid-2", "ann", ROOT)
    await people.service.unlink(ann.id, PROVIDER, ann.id, ROOT)
    assert people.accounts.logins() == {}


async def test_the_last_administrators_last_identity_stays(people: People) -> None:
    root = await people.service.resolve(replace(ANN, admin=True), auto_create=True)
    with pytest.raises(BadRequest, match="last administrator"):
        await people.service.unlink(root.id, ANN.provider, ANN.subject, ROOT)
    assert len(await people.service.identities(root.id)) == 1


async def test_a_password_for_somebody_from_a_directory_is_a_second_way_in(people: People) -> None:
    user = await people.service.resolve(ANN, auto_create=True)
    await people.service.change(user.id, UserChange(password=GOOD), ROOT)
    assert await people.accounts.verify(user.id, GOOD)
    assert [each.provider for each in await people.service.identities(user.id)] == ["ldap", PROVIDER]
    assert (await people.service.resolve(Identity(PROVIDER, user.id), auto_create=False)).id == user.id
