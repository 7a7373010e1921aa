"""Who may call what, over real HTTP: every Access against every kind of caller."""

from __future__ import annotations

import pytest

from invoke_host.web.settings import WebSettings


@pytest.mark.parametrize(
    ("path", "anonymous", "alice", "bob", "admin"),
    [
        ("/api/v1/public", 200, 200, 200, 200),
        ("/api/v1/me", 401, 200, 200, 200),
        ("/api/v1/admin", 401, 403, 403, 200),
        ("/api/v1/things/i/a", 401, 200, 404, 200),
        ("/api/v1/things/i/b", 401, 404, 200, 200),
        ("/api/v1/things/i/nothing", 401, 404, 404, 404),
    ],
)
async def test_each_access_level_lets_in_exactly_whom_it_names(make_app, path, anonymous, alice, bob, admin):
    client = await make_app()
    found = [(await client.as_caller(who).get(path)).status for who in (None, "alice", "bob", "admin")]
    assert found == [anonymous, alice, bob, admin]


async def test_an_invisible_thing_and_a_missing_one_look_the_same(make_app):
    client = (await make_app()).as_caller("alice")
    foreign = (await client.get("/api/v1/things/i/b")).json()
    missing = (await client.get("/api/v1/things/i/c")).json()
    assert foreign["detail"].replace("'b'", "'c'") == missing["detail"]


async def test_a_rejected_credential_is_401_even_where_others_would_pass(make_app):
    client = (await make_app()).as_caller("mallory")
    assert (await client.get("/api/v1/me")).status == 401


async def test_401_names_the_scheme(make_app):
    answer = await (await make_app()).get("/api/v1/me")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_public_routes_never_ask_who_is_calling(make_app):
    client = (await make_app()).as_caller("mallory")
    assert (await client.get("/api/v1/public")).json() == {"id": None}


async def test_single_user_mode_is_the_local_administrator_without_credentials(make_app):
    client = await make_app(config=WebSettings(single_user=True))
    assert (await client.get("/api/v1/admin")).json() == {"id": "system"}
    assert (await client.delete("/api/v1/things/i/b")).status == 204


async def test_head_is_checked_like_get(make_app):
    client = await make_app()
    assert (await client.head("/api/v1/things/i/b")).status == 401
    answer = await client.as_caller("bob").head("/api/v1/things/i/b")
    assert (answer.status, answer.body) == (200, b"")


async def test_a_body_is_not_read_for_a_caller_who_may_not(make_app):
    answer = await (await make_app()).post("/api/v1/things/", json={"nonsense": 1})
    assert answer.status == 401
