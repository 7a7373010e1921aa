"""Who somebody is comes from the credential alone, what they may from the database alone.

S-D8: a credential is worth the same however it is carried. S-D9: whoever has a part of an administrator's rights gets
no further with it. S-D10: no header names a user. S-F6: no credential in a URL.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from .accounts import AUTH, PASSWORD, Bearer, Team, add, api_token
from .client import QUEUE, Client
from .table import ROUTES, concrete

IMAGES = "/api/v1/images/"


def me(client: Client, **options: Any) -> str | None:
    """Whom the host takes it for; None = nobody."""
    answer = client.get(f"{AUTH}/me", **options)
    assert answer.status in (200, 401), answer.text
    return answer.json()["user_id"] if answer.status == 200 else None


# S-D8 ------------------------------------------------------------------------------------------------------------


def may(client: Client) -> dict[str, int]:
    """What it may do, by one route of each scope and level."""
    return {
        "read": client.get(IMAGES).status,
        "events": client.get("/api/v1/queue/default/status").status,
        "generate": client.post(f"{QUEUE}/generate", {"positive_prompt": "a pear"}).status,
        "manage-own": client.put(f"{QUEUE}/prune").status,
        "admin": client.get(f"{AUTH}/users").status,
        "session": client.get(f"{AUTH}/tokens").status,
    }


def test_s_d8_a_session_may_the_same_as_bearer_and_as_cookie(team: Team):
    for person in (add(team.admin), add(team.admin, is_admin=True)):
        expected = 200 if person.client.get(f"{AUTH}/me").json()["is_admin"] else 403
        scopes = {"read": 200, "events": 200, "generate": 201, "manage-own": 200, "admin": expected, "session": 200}
        assert may(person.client) == scopes
        assert may(person.browser()) == scopes
        assert may(Client(team.url, {"Authorization": f"bearer   {person.client.token}"})) == scopes


SCOPES = ("read", "generate", "manage-own", "admin")


@pytest.mark.parametrize("scope", SCOPES)
def test_s_d8_an_api_token_may_what_its_scopes_say_and_nothing_by_any_other_carrier(team: Team, scope: str):
    admin = add(team.admin, is_admin=True)
    token = api_token(admin, scope)
    allowed = may(token)
    good = {"read", "events"} if scope == "read" else {scope}
    assert {name for name, status in allowed.items() if status < 300} == good
    assert {status for name, status in allowed.items() if name not in good} == {403}
    text = token.token
    nothing = dict.fromkeys(allowed, 401)
    assert may(Client(team.url, {"Cookie": f"invoke_session={text}"})) == nothing
    for headers in (
        {"Authorization": f"Basic {b64encode(f'{admin.email}:{text}'.encode()).decode()}"},
        {"Authorization": text},
        {"Authorization": f"Token {text}"},
        {"X-Api-Key": text},
        {"X-Auth-Token": text},
        {"Proxy-Authorization": f"Bearer {text}"},
    ):
        assert may(Client(team.url, headers)) == nothing, headers


def test_s_d8_a_bearer_decides_alone(team: Team):
    alice, bob = add(team.admin), add(team.admin)
    cookie = bob.browser().with_cookies().headers
    both = Client(team.url, {**cookie, **alice.client.headers})
    assert me(both) == alice.id
    assert me(Client(team.url, {**cookie, "Authorization": "Bearer nonsense"})) is None
    assert me(Client(team.url, {**cookie, "Authorization": "Bearer "})) is None
    # A proxy's own credential is none of ours: the cookie counts.
    assert me(Client(team.url, {**cookie, "Authorization": "Basic cHJveHk6cHJveHk="})) == bob.id
    reader = api_token(alice, "read")
    assert may(Client(team.url, {**cookie, **reader.headers})) == may(reader)


def test_s_f6_no_credential_is_read_from_a_url(team: Team):
    person = add(team.admin)
    token = api_token(person, "read", "generate", "manage-own").token
    names = ("token", "access_token", "api_key", "key", "auth", "session", "invoke_session", "Authorization", "bearer")
    for text in (person.client.token, token):
        for path in (f"{AUTH}/me", IMAGES, f"{IMAGES}i/a.png/full", f"{IMAGES}i/a.png/thumbnail", "/api/v1/events"):
            for name in names:
                assert team.anybody().get(f"{path}?{name}={text}").status == 401, (path, name)
    user = f"{person.email.replace('@', '%40')}:{text}@"
    assert team.anybody().get(f"{AUTH}/me#{user}").status == 401


# S-D9 ------------------------------------------------------------------------------------------------------------

ADMIN_ROUTES = [row for row in ROUTES if row.route.access.level == "admin"]


def test_s_d9_an_administrators_token_without_the_scope_reaches_no_administrators_route(team: Team):
    admin = add(team.admin, is_admin=True)
    token = api_token(admin, "read", "generate", "manage-own")
    for row in ADMIN_ROUTES:
        body = {} if row.route.body is not None else None
        answer = token.request(row.route.method, concrete(row.route.path), body)
        assert (answer.status, "'admin'" in answer.detail) == (403, True), row.line
    other = add(team.admin, "other")
    [item_id] = other.client.generate()["item_ids"]
    assert token.put(f"{QUEUE}/i/{item_id}/cancel").status == 403  # as any user, not as administrator
    assert token.get(f"{QUEUE}/i/{item_id}").json()["request"] is None


@pytest.mark.parametrize("scopes", [("admin",), SCOPES], ids=["admin only", "all"])
def test_s_d9_no_token_can_get_itself_more_or_outlive_itself(team: Team, scopes: tuple[str, ...]):
    admin = add(team.admin, is_admin=True)
    token = api_token(admin, *scopes)
    for method, path, body in (
        ("POST", f"{AUTH}/tokens", {"name": "more", "scopes": list(SCOPES)}),
        ("GET", f"{AUTH}/tokens", None),
        ("GET", f"{AUTH}/sessions", None),
        ("POST", f"{AUTH}/media-cookie", None),
        ("PATCH", f"{AUTH}/me", {"current_password": PASSWORD, "new_password": PASSWORD + "!"}),
        ("PATCH", f"{AUTH}/users/{admin.id}", {"password": PASSWORD + "!"}),
    ):
        answer = token.request(method, path, body)
        assert answer.status == 403, (method, path, answer.text)
        assert not getattr(answer.headers, "cookies", [])
        assert "x-refreshed-token" not in answer.headers
    assert admin.again().id == admin.id  # the password is the old one


def test_s_d9_nobody_makes_themselves_administrator(team: Team):
    person = add(team.admin)
    for body in (
        {"is_admin": True},
        {"display_name": "x", "is_admin": True},
        {"display_name": "x", "user_id": team.admin.id},
        {"display_name": "x", "email": team.admin.email},
        {"display_name": "x", "is_active": False},
    ):
        assert person.client.patch(f"{AUTH}/me", body).status in (200, 422)
    assert person.client.patch(f"{AUTH}/users/{person.id}", {"is_admin": True}).status == 403
    assert person.client.post(f"{AUTH}/users", {"email": "a@example.org", "password": PASSWORD}).status == 403
    assert person.client.post(f"{AUTH}/tokens", {"name": "x", "scopes": ["admin"]}).status == 403
    left = person.client.get(f"{AUTH}/me").json()
    expected = (person.id, person.email, False, True)
    assert (left["user_id"], left["email"], left["is_admin"], left["is_active"]) == expected


def test_s_d9_an_administrators_token_goes_down_with_its_owner(team: Team):
    admin = add(team.admin, is_admin=True)
    token = api_token(admin, *SCOPES)
    assert token.get(f"{AUTH}/users").status == 200
    assert team.admin.client.patch(f"{AUTH}/users/{admin.id}", {"is_admin": False}).status == 200
    assert token.get(f"{AUTH}/users").status == 403
    assert token.get(IMAGES).status == 200


# S-D10 -----------------------------------------------------------------------------------------------------------


def test_s_d10_no_header_of_the_client_names_anybody(team: Team):
    admin = team.admin
    names = (
        *("X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-Forwarded-Groups"),
        *("X-User-Id", "X-User", "X-Username", "X-Auth-User", "X-Remote-User", "Remote-User", "Remote_User"),
        *("X-Authenticated-User", "X-Webauth-User", "X-Email", "From", "comfy-user", "X-Test-Caller", "X-Admin"),
        *("Forwarded", "X-Original-User", "Cf-Access-Authenticated-User-Email", "X-Goog-Authenticated-User-Email"),
    )  # fmt: skip
    person = add(team.admin)
    for value in (admin.id, admin.email, "system", "Root", "admin", "true"):
        headers = dict.fromkeys(names, value)
        assert me(Client(team.url, headers)) is None
        assert me(Bearer(team.url, "x"), headers=headers) is None
        assert me(person.client, headers=headers) == person.id
        assert person.client.get(f"{AUTH}/users", headers=headers).status == 403


def test_s_d10_no_address_is_trusted_for_being_this_machine(team: Team):
    for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}, {"Host": "localhost"}):
        assert me(team.anybody(), headers=headers) is None
