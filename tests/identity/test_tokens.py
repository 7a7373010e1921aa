"""API tokens: their table on both databases, and the routes to make, see and revoke them."""

from __future__ import annotations

import re

import pytest

from invoke_host.identity.tokens import store
from tests.identity.credential_host import add_user, bearer, cookie, credential_host

NOW = "2026-01-01 12:00:00.000"
LATER = "2026-01-01 13:00:00.000"


class TestStore:
    @pytest.fixture
    async def storage(self, each_storage):
        for user_id in ("alice", "bob"):
            await each_storage.write(add_user, user_id)
        return each_storage

    @pytest.fixture
    def make(self, storage):
        async def make(user_id="alice", *, now=NOW):
            scopes = frozenset({"read", "admin"})
            return await storage.write(
                store.create, user_id, store.new_text(), name="t", scopes=scopes, expires_at=None, now=now
            )

        return make

    async def test_what_is_made_is_listed_newest_first(self, storage, make):
        old, new = await make(), await make(now=LATER)
        await make("bob")
        assert await storage.read(store.of_user, "alice") == [new, old]
        assert await storage.read(store.count, "alice") == 2

    async def test_revoking_needs_the_owner(self, storage, make):
        made = await make()
        assert await storage.write(store.revoke, "bob", made.id) is None
        assert await storage.write(store.revoke, "alice", made.id) == made
        assert await storage.write(store.revoke, "alice", made.id) is None

    async def test_revoking_all_is_one_users(self, storage, make):
        await make()
        await make()
        bobs = await make("bob")
        assert await storage.write(store.revoke_all, "alice") == 2
        assert await storage.read(store.of_user, "bob") == [bobs]

    async def test_use_moves_forward_only(self, storage, make):
        made = await make()
        await storage.write(store.touch, {made.id: (LATER, "192.0.2.7")})
        await storage.write(store.touch, {made.id: (NOW, "192.0.2.9"), "gone": (NOW, None)})
        await storage.write(store.touch, {})
        (found,) = await storage.read(store.of_user, "alice")
        assert (found.last_used_at, found.last_used_address) == (LATER, "192.0.2.7")

    def test_a_token_has_256_bits_and_says_what_it_is(self):
        texts = {store.new_text() for _ in range(100)}
        assert len(texts) == 100
        assert all(re.fullmatch(r"ivh_[A-Za-z0-9_-]{43}", text) for text in texts)
        assert {len(text) for text in texts} == {store.TOKEN_LENGTH}


OWN = "/api/v1/auth/tokens"
OF_BOB = "/api/v1/auth/users/bob/tokens"


@pytest.fixture
async def host(storage, clock, tmp_path, log):
    async with credential_host(storage, clock, tmp_path, log.logger) as running:
        yield running


@pytest.fixture
async def alice(host):
    return bearer(await host.login())


@pytest.fixture
async def root(host):
    return bearer(await host.login("root"))


def wanted(**changes):
    return {"name": "laptop", "scopes": ["read"], **changes}


async def make(host, headers, **changes):
    answer = await host.client.post(OWN, wanted(**changes), headers=headers)
    assert answer.status == 201, answer.text
    return answer.json()


async def test_a_new_token_is_shown_once_and_stored_as_a_hash(host, alice):
    made = await make(host, alice, scopes=["manage-own", "read", "generate"], expires_in_days=30)
    text = made.pop("token")
    assert made == {
        "token_id": made["token_id"],
        "name": "laptop",
        "scopes": ["read", "generate", "manage-own"],
        "created_at": NOW,
        "expires_at": "2026-01-31 12:00:00.000",
        "last_used_at": None,
        "last_used_address": None,
        "hint": text[:10],
    }
    assert (await host.client.get(OWN, headers=alice)).json() == [made]
    everything = [
        host.rows(f"SELECT * FROM {table}")
        for (table,) in host.rows("SELECT name FROM sqlite_master WHERE type='table'")
    ]
    assert made["hint"] in repr(everything)
    assert text not in repr(everything)
    assert text[11:] not in repr(everything)


async def test_it_says_who_from_where_and_when_it_was_last_used(host, alice, clock):
    made = await make(host, alice)
    found = (await host.who(bearer(made["token"]))).json()
    assert (found["id"], found["carrier"], found["scopes"], found["session_id"]) == ("alice", "bearer", ["read"], None)
    await host.credentials.usage.flush()
    (listed,) = (await host.client.get(OWN, headers=alice)).json()
    assert (listed["last_used_at"], listed["last_used_address"]) == (NOW, "127.0.0.1")


async def test_making_and_revoking_is_in_the_audit_log_without_the_token(host, alice, root):
    made = await make(host, alice)
    other = await make(host, alice, name="other")
    path = f"/api/v1/auth/users/alice/tokens/{other['token_id']}"
    assert (await host.client.delete(f"{OWN}/{made['token_id']}", headers=alice)).status == 204
    assert (await host.client.delete(path, headers=root)).status == 204
    rows = host.rows("SELECT action, actor_id, address, target_type, target_id, target_name, details FROM audit_log")
    assert [row[:6] for row in rows] == [
        ("token.create", "alice", "127.0.0.1", "token", made["token_id"], "laptop"),
        ("token.create", "alice", "127.0.0.1", "token", other["token_id"], "other"),
        ("token.revoke", "alice", "127.0.0.1", "token", made["token_id"], "laptop"),
        ("token.revoke", "root", "127.0.0.1", "token", other["token_id"], "other"),
    ]
    assert '"scopes":["read"]' in rows[0][6]
    assert made["token"] not in repr(rows)


async def test_a_revoked_token_is_refused_at_the_next_request(host, alice):
    made = await make(host, alice)
    assert (await host.who(bearer(made["token"]))).status == 200
    assert (await host.client.delete(f"{OWN}/{made['token_id']}", headers=alice)).status == 204
    answer = await host.who(bearer(made["token"]))
    assert (answer.status, answer.detail) == (401, "Invalid or expired token")
    assert (await host.client.delete(f"{OWN}/{made['token_id']}", headers=alice)).status == 404


async def test_a_token_ends_when_it_said_it_would(host, alice, clock):
    made = await make(host, alice, expires_in_days=1)
    clock.advance(86_400 - 0.001)
    assert (await host.who(bearer(made["token"]))).status == 200
    clock.advance(0.001)
    assert (await host.who(bearer(made["token"]))).status == 401


async def test_a_token_without_an_end_outlives_sessions(host, alice, clock):
    made = await make(host, alice)
    host.sql("DELETE FROM sessions")
    clock.advance(10 * 365 * 86_400)
    assert (await host.who(bearer(made["token"]))).status == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text.upper(),
        lambda text: text.removeprefix("ivh_"),
        lambda text: "ivh_",
        lambda text: "ivh_" + "A" * 43,
        lambda text: "ivh_" + "A" * 9000,
        lambda text: "ivh_" + "é" * 43,
    ],
)
async def test_anything_but_the_whole_token_is_refused(host, alice, change):
    made = await make(host, alice)
    assert (await host.who({"Authorization": f"Bearer {change(made['token'])}"})).status in (400, 401)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["session"]}, "scopes"),
        ({"scopes": ["read", "everything"]}, "scopes"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 3651}, "expires_in_days"),
        ({"user_id": "bob"}, "user_id"),
        ({"token": "ivh_mine"}, "token"),
    ],
)
async def test_wrong_wishes_are_refused_naming_the_field(host, alice, changes, field):
    answer = await host.client.post(OWN, wanted(**changes), headers=alice)
    assert answer.status == 422
    assert answer.detail[0]["loc"][:2] == ["body", field]


async def test_names_are_trimmed_and_need_not_differ(host, alice):
    assert (await make(host, alice, name="  laptop  "))["name"] == "laptop"
    assert (await make(host, alice, name="laptop"))["name"] == "laptop"
    assert (await make(host, alice, name="x" * 128))["name"] == "x" * 128


async def test_only_administrators_make_tokens_for_administration(host, alice, root):
    answer = await host.client.post(OWN, wanted(scopes=["admin"]), headers=alice)
    assert (answer.status, answer.detail) == (403, "only administrators can make tokens with the scope 'admin'")
    made = await make(host, root, scopes=["admin", "read"])
    assert (await host.who(bearer(made["token"]))).json()["is_admin"] is True


async def test_a_token_for_administration_is_worth_what_its_owner_is_now(host, root):
    made = await make(host, root, scopes=["admin", "read"])
    host.sql("UPDATE users SET is_admin = 0 WHERE id = 'root'")
    assert (await host.who(bearer(made["token"]))).json()["is_admin"] is False
    answer = await host.who(bearer(made["token"]), method="DELETE")
    assert (answer.status, answer.detail) == (403, "Admin privileges required")


async def test_the_hundred_and_first_token_is_refused(host, alice):
    for _ in range(100):
        await host.api_token()
    answer = await host.client.post(OWN, wanted(), headers=alice)
    assert (answer.status, answer.detail) == (409, "there are 100 tokens already; revoke one first")
    bob = bearer(await host.login("bob"))
    await make(host, bob)


async def test_an_account_that_was_deactivated_meanwhile_gets_none(host, storage):
    from invoke_host.api import Forbidden
    from invoke_host.audit.record import Origin
    from invoke_host.identity.tokens.service import TokenService

    service, origin = TokenService(storage, host.clock), Origin("alice", "", "api")
    host.sql("UPDATE users SET is_active = 0 WHERE id = 'alice'")
    for user_id in ("alice", "system", "nobody"):
        with pytest.raises(Forbidden, match="can't have API tokens"):
            await service.create(user_id, name="t", scopes=frozenset({"read"}), expires_in_days=None, origin=origin)
    assert host.rows("SELECT count(*) FROM api_tokens") == [(0,)]
    assert host.rows("SELECT count(*) FROM audit_log") == [(0,)]


async def test_foreign_tokens_look_like_missing_ones(host, alice):
    bobs = await make(host, bearer(await host.login("bob")))
    foreign = await host.client.delete(f"{OWN}/{bobs['token_id']}", headers=alice)
    missing = await host.client.delete(f"{OWN}/nothing", headers=alice)
    assert (foreign.status, foreign.body) == (404, missing.body)
    assert (await host.client.get(OWN, headers=alice)).json() == []
    assert (await host.who(bearer(bobs["token"]))).status == 200


async def test_administrators_see_and_revoke_everybodys_and_users_do_not(host, alice, root):
    bobs = await make(host, bearer(await host.login("bob")))
    text = bobs.pop("token")
    assert (await host.client.get(OF_BOB, headers=alice)).status == 403
    assert (await host.client.delete(f"{OF_BOB}/{bobs['token_id']}", headers=alice)).status == 403
    assert (await host.client.get(OF_BOB, headers=root)).json() == [bobs]
    other = f"/api/v1/auth/users/alice/tokens/{bobs['token_id']}"
    assert (await host.client.delete(other, headers=root)).status == 404
    assert (await host.client.delete(f"{OF_BOB}/{bobs['token_id']}", headers=root)).status == 204
    assert (await host.who(bearer(text))).status == 401


async def test_no_token_makes_sees_or_revokes_tokens_of_its_own_user(host, root):
    made = await make(host, root, scopes=["read", "generate", "manage-own", "admin"])
    for method, path, body in (
        ("GET", OWN, None),
        ("POST", OWN, wanted()),
        ("DELETE", f"{OWN}/{made['token_id']}", None),
    ):
        answer = await host.client.request(method, path, headers=bearer(made["token"]), json=body)
        assert (answer.status, answer.detail) == (403, "log in for this: no API token may do it")


async def test_a_cookie_makes_tokens_only_for_its_own_pages(host):
    headers = cookie(await host.login())
    foreign = {**headers, "Origin": "https://evil.example"}
    assert (await host.client.post(OWN, wanted(), headers=foreign)).status == 403
    assert (await host.client.post(OWN, wanted(), headers={**headers, "Origin": host.client.url})).status == 201
