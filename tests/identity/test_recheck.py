"""Asking again about callers whose request is still open: who they are by now, or that they are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event

from invoke_host.api import ANONYMOUS, RequestView
from invoke_host.clock import timestamp
from invoke_host.identity import callers
from invoke_host.identity.none import SYSTEM_ACTOR
from tests.identity.credential_host import bearer, credential_host


@pytest.fixture
async def host(storage, clock, tmp_path, log):
    async with credential_host(storage, clock, tmp_path, log.logger) as running:
        yield running


@pytest.fixture
def actor_for(host):
    async def find(credential):
        headers = {name.lower(): value for name, value in bearer(credential).items()}
        return (await host.credentials.caller(RequestView("GET", "/", headers, None, secure=False))).actor

    return find


async def test_who_is_still_good_comes_back_as_they_are(host, actor_for):
    actors = [
        await actor_for(await host.login()),
        await actor_for(await host.api_token("read")),
        SYSTEM_ACTOR,
        ANONYMOUS,
    ]
    assert await host.credentials.recheck(actors) == actors
    assert await host.credentials.recheck([]) == []


async def test_each_way_of_losing_a_credential_is_seen(host, actor_for, clock):
    ended = await host.login()
    gone = [
        await actor_for(ended),
        await actor_for(await host.login("bob")),
        await actor_for(await host.api_token("read", user_id="bob")),
        await actor_for(revoked := await host.api_token("generate")),
        await actor_for(await host.api_token("admin", expires_at=timestamp(clock.now()).replace("12:00", "12:05"))),
    ]
    kept = await actor_for(await host.login(remember=True))
    host.sql("DELETE FROM sessions WHERE id = ?", ended.session.id)
    host.sql("UPDATE users SET is_active = 0 WHERE id = 'bob'")
    host.sql("DELETE FROM api_tokens WHERE scopes = 'generate'")
    assert revoked
    clock.advance(300)
    assert await host.credentials.recheck([*gone, kept, *gone]) == [None] * 5 + [kept] + [None] * 5


async def test_role_groups_and_name_are_those_of_now(host, actor_for):
    actors = [await actor_for(await host.login()), await actor_for(await host.api_token("read"))]
    host.sql("UPDATE users SET is_admin = 1, display_name = 'A' WHERE id = 'alice'")
    host.sql("INSERT INTO groups VALUES ('g', 'g', 'g', '', '', '')")
    host.sql("INSERT INTO group_members (group_id, user_id, added_at) VALUES ('g', 'alice', '')")
    session, token = await host.credentials.recheck(actors)
    assert (session.is_admin, session.groups, session.display_name) == (True, {"g"}, "A")
    assert (token.is_admin, token.groups, token.token_scopes) == (False, {"g"}, {"read"})


async def test_somebody_whom_a_provider_recognised_is_looked_up_as_a_user(host, storage):
    actor = await storage.read(callers.by_user, "alice", "proxy")
    assert await host.credentials.recheck([actor]) == [None], "the proxy knows nobody of that account"
    host.sql(
        "INSERT INTO identities (provider, subject, user_id, login, created_at)"
        " VALUES ('proxy', 'al', 'alice', 'al', '')"
    )
    assert await host.credentials.recheck([actor]) == [actor]
    host.sql("UPDATE users SET is_admin = 1 WHERE id = 'alice'")
    assert await host.credentials.recheck([actor]) == [replace(actor, is_admin=True)]
    host.sql("UPDATE users SET is_active = 0 WHERE id = 'alice'")
    assert await host.credentials.recheck([actor]) == [None]
    host.sql("UPDATE users SET is_active = 1 WHERE id = 'alice'")
    host.sql("DELETE FROM identities WHERE provider = 'proxy'")
    assert await host.credentials.recheck([actor]) == [None]


async def test_a_session_whose_last_token_has_ended_is_refused_although_its_row_is_there(host, actor_for, clock):
    issued = await host.login()
    actor = await actor_for(issued)
    for _ in range(3):
        clock.advance(1100)
        await actor_for(issued)
    assert await host.credentials.recheck([actor]) == [actor]
    clock.advance(300)
    assert await host.credentials.recheck([actor]) == [None]


async def test_a_renewed_token_keeps_it(host, actor_for, clock):
    issued = await host.login()
    actor = await actor_for(issued)
    for _ in range(3):
        clock.advance(1100)
        await actor_for(issued)
    await actor_for(host.sessions.issue(issued.session))
    clock.advance(1000)
    assert await host.credentials.recheck([actor]) == [actor]


async def test_being_asked_about_is_no_use_of_a_session(host, actor_for, clock):
    actor = await actor_for(await host.login())
    clock.advance(1199)
    assert await host.credentials.recheck([actor]) == [actor]
    clock.advance(1)
    assert await host.credentials.recheck([actor]) == [None]


async def test_however_many_are_asked_about_it_is_one_unit_of_work_and_one_statement_each(host, actor_for, storage):
    actors = [await actor_for(await host.login()) for _ in range(3)] * 5
    seen = []

    def note(*args):
        seen.append(args[2])

    event.listen(storage.engine, "before_cursor_execute", note)
    try:
        await host.credentials.recheck(actors)
    finally:
        event.remove(storage.engine, "before_cursor_execute", note)
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 3
    assert len([statement for statement in seen if statement.startswith("BEGIN")]) <= 1
