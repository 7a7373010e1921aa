"""The reads behind every credential, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import event, insert, update

from invoke_host.api import Actor, UserId
from invoke_host.identity import callers
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.sessions import store
from invoke_host.identity.sessions.store import NewSession
from invoke_host.identity.tables import users
from invoke_host.identity.tokens import store as token_store
from tests.identity.credential_host import add_user

NOW = "2026-01-01 12:00:00.000"
END = "2026-01-02 12:00:00.000"


@pytest.fixture
async def storage(each_storage):
    def fill(conn):
        add_user(conn, "alice", name="Alice", is_admin=True)
        add_user(conn, "bob")
        for name in ("g1", "g2", "g3"):
            values = {"id": name, "name": name, "name_key": name, "description": "", "created_at": "", "updated_at": ""}
            conn.execute(insert(groups).values(values))
        for name, user_id in (("g1", "alice"), ("g3", "alice"), ("g2", "bob")):
            conn.execute(insert(group_members).values(group_id=name, user_id=user_id, added_at=NOW))

    await each_storage.write(fill)
    return each_storage


@pytest.fixture
def session(storage):
    async def make(user_id, *, remember=False):
        new = NewSession(user_id, "local", "1", remember, "", "", END)
        return (await storage.write(store.create, new, NOW)).id

    return make


@pytest.fixture
def token(storage):
    async def make(user_id, *scopes, expires_at=None):
        text = token_store.new_text()
        made = await storage.write(
            token_store.create, user_id, text, name="t", scopes=frozenset(scopes), expires_at=expires_at, now=NOW
        )
        return made.id, token_store.digest(text)

    return make


def alice(**more):
    return Actor(UserId("alice"), "user", "Alice", is_admin=True, groups=frozenset({"g1", "g3"}), **more)


async def deactivate(storage, user_id="alice"):
    await storage.write(
        lambda conn: conn.execute(update(users).where(users.c.id == user_id).values(is_active=False)).rowcount
    )


async def test_a_session_is_read_with_its_user_and_groups_in_one_go(storage, session):
    session_id = await session("alice", remember=True)
    row = await storage.read(callers.by_session, session_id)
    assert row.actor() == alice(provider="local", session_id=session_id)
    assert (row.remember, row.last_seen_at, row.ends_at, row.user_id) == (True, NOW, END, "alice")
    assert await storage.read(callers.by_session, "nothing") is None


async def test_a_user_without_name_and_groups_is_called_by_their_e_mail(storage, session):
    await storage.write(lambda conn: conn.execute(group_members.delete()).rowcount)
    row = await storage.read(callers.by_session, await session("bob"))
    assert (row.remember, row.actor().display_name, row.actor().groups) == (False, "bob@example.org", frozenset())
    assert row.actor().is_admin is False


async def test_a_token_is_found_by_hash_and_by_id(storage, token):
    token_id, digest = await token("alice", "read", "manage-own", expires_at=END)
    for row in (await storage.read(callers.by_hash, digest), await storage.read(callers.by_token_id, token_id)):
        assert (row.id, row.expires_at, row.last_used_at) == (token_id, END, None)
        assert row.scopes == {"read", "manage-own"}
    assert await storage.read(callers.by_hash, digest.upper()) is None


@pytest.mark.parametrize(
    ("user_id", "scopes", "is_admin"),
    [("alice", ("read",), False), ("alice", ("admin",), True), ("bob", ("admin",), False), ("bob", ("read",), False)],
)
async def test_a_token_makes_administrators_only_of_administrators_and_only_when_it_says_so(
    storage, token, user_id, scopes, is_admin
):
    token_id, digest = await token(user_id, *scopes)
    actor = (await storage.read(callers.by_hash, digest)).actor()
    assert (actor.is_admin, actor.token_id, actor.token_scopes) == (is_admin, token_id, frozenset(scopes))
    assert actor.session_id is None


async def test_inactive_users_and_the_internal_one_are_nobody(storage, session, token):
    session_id, (token_id, digest) = await session("alice"), await token("alice", "read")
    assert await storage.read(callers.by_user, "alice", "proxy") == alice(provider="proxy")
    await deactivate(storage)
    assert await storage.read(callers.by_session, session_id) is None
    assert await storage.read(callers.by_hash, digest) is None
    assert await storage.read(callers.by_token_id, token_id) is None
    assert await storage.read(callers.by_user, "alice") is None
    assert await storage.read(callers.by_session, await session("system")) is None
    assert await storage.read(callers.by_hash, (await token("system", "admin"))[1]) is None
    assert await storage.read(callers.by_user, "system") is None


async def test_every_one_of_these_reads_is_prepared_and_goes_past_sqlalchemys_machinery(storage, session, token):
    session_id, (token_id, digest) = await session("alice"), await token("alice", "read")
    slow = []

    def note(conn, statement, *rest):
        slow.append(statement)

    event.listen(storage.engine, "before_execute", note)
    try:
        assert await storage.read(callers.by_session, session_id)
        assert await storage.read(callers.by_hash, digest)
        assert await storage.read(callers.by_token_id, token_id)
        assert await storage.read(callers.by_user, "alice")
    finally:
        event.remove(storage.engine, "before_execute", note)
    assert slow == []
