"""Logging in and out over real HTTP, with the real provider `local`.

S-E5 and S-E6: names and passwords of any size are refused cheaply. S-E7: nothing of a password is cut off. D19: who is
disabled has not logged in. D25: one address is one account, however it is spelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from invoke_auth_local import LocalOptions
from sqlalchemy import func, select, update

from invoke_host.api import Secret
from invoke_host.config.schema import ThrottleConfig
from invoke_host.identity.routes import ROUTES
from invoke_host.identity.sessions.tables import sessions
from invoke_host.identity.tables import identities, users
from invoke_host.identity.users.values import UserChange
from invoke_host.storage import Storage
from invoke_host.testing.client import Answer
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.schemas import assert_matches_schema
from invoke_host.web.settings import WebSettings
from tests.identity.conftest import Log
from tests.identity.login_host import (
    ALICE,
    OTHER,
    PASSWORD,
    TESTS,
    LoginHost,
    cookies_of,
    login_host,
    value_of,
)

Make = Callable[..., Awaitable[LoginHost]]

REFUSED = "Incorrect email or password"


@pytest.fixture
async def make_host(storage: Storage, clock: FakeClock, log: Log, tmp_path: Path) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> LoginHost:
            return await stack.enter_async_context(login_host(storage, clock, log, tmp_path, **options))

        yield make


@pytest.fixture
async def host(make_host: Make) -> LoginHost:
    return await make_host()


def declared(method: str, path: str, answer: Answer) -> Any:
    """The answer's content, which its route must have declared."""
    route = next(each for each in ROUTES if (each.method, each.path) == (method, f"/api/v1/auth/{path}"))
    assert answer.status == 200, answer.text
    assert_matches_schema(route, answer.status, answer.json())
    return answer.json()


async def test_a_login_has_the_reference_shape_and_a_cookie(host: LoginHost) -> None:
    user = await host.add()

    answer = await host.login()

    content = declared("POST", "login", answer)
    assert content["expires_in"] == 86_400
    assert content["user"] == {
        "user_id": user.id,
        "email": ALICE,
        "display_name": "alice",
        "is_admin": False,
        "is_active": True,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "last_login_at": "2026-01-01 12:00:00.000",
    }
    assert cookies_of(answer)["invoke_session"] == f"{content['token']}; HttpOnly; Path=/; SameSite=Lax"
    assert (await host.bearer(content["token"]).get("/api/v1/auth/me")).json() == content["user"]
    assert (await host.browser(invoke_session=content["token"]).get("/api/v1/auth/me")).json() == content["user"]


async def test_remember_me_is_a_week_and_a_cookie_that_outlives_the_browser(host: LoginHost) -> None:
    await host.add()

    answer = await host.login(remember_me=True)

    assert answer.json()["expires_in"] == 604_800
    assert "Max-Age=604800" in cookies_of(answer)["invoke_session"]


async def test_behind_tls_cookies_are_for_this_host_and_tls_only(make_host: Make) -> None:
    host = await make_host(web=WebSettings(single_user=False, public_url="https://host.example", version="0"))
    await host.add()

    cookies = cookies_of(await host.login())

    assert set(cookies) == {"__Host-invoke_session", "__Host-invoke_device"}
    assert all("Secure" in each and "Path=/" in each and "Domain" not in each for each in cookies.values())


@pytest.mark.parametrize("email", ["ALICE@EXAMPLE.ORG", "  alice@example.org\n"])
async def test_case_and_blanks_in_the_name_do_not_matter(host: LoginHost, email: str) -> None:
    await host.add()
    assert (await host.login(email)).status == 200


async def test_a_login_notes_when_and_by_which_identity(host: LoginHost, clock: FakeClock) -> None:
    user = await host.add()
    clock.advance(60)
    await host.login()

    times = await host.storage.read(
        lambda conn: [
            conn.scalar(select(users.c.last_login_at).where(users.c.id == user.id)),
            conn.scalar(select(identities.c.last_login_at).where(identities.c.user_id == user.id)),
            conn.scalar(select(sessions.c.created_at).where(sessions.c.user_id == user.id)),
        ]
    )

    assert times == ["2026-01-01 12:01:00.000"] * 3
    (row,) = await host.audit("login")
    assert (row.outcome, row.actor_id, row.address, row.target_id) == ("ok", user.id, "127.0.0.1", user.id)
    assert orjson.loads(row.details)["provider"] == "local"


async def test_unknown_wrong_and_disabled_are_one_answer(host: LoginHost) -> None:
    await host.add()
    gone = await host.add("gone@example.org")
    await host.users.change(gone.id, UserChange(is_active=False), TESTS)

    answers = [
        await host.login("nobody@example.org"),
        await host.login(ALICE, OTHER),
        await host.login("gone@example.org"),
        await host.login("not an address"),
        await host.login("system@system.invokeai"),
    ]

    assert {answer.status for answer in answers} == {401}
    assert {answer.detail for answer in answers} == {REFUSED}
    assert len({frozenset(answer.headers) for answer in answers}) == 1
    assert all("Set-Cookie" not in answer.headers for answer in answers)
    assert host.failures() == ["bad_credentials", "bad_credentials", "disabled", "bad_credentials", "bad_credentials"]


async def test_a_disabled_user_s_last_login_is_not_moved(host: LoginHost) -> None:
    user = await host.add()
    await host.users.change(user.id, UserChange(is_active=False), TESTS)

    await host.login()

    assert (await host.users.get(user.id)).last_login_at is None


async def test_a_failed_login_is_in_the_audit_log_without_what_was_typed(host: LoginHost) -> None:
    user = await host.add()
    await host.login(ALICE, "hunter2-hunter2")
    await host.login("hunter2-hunter2", "x")

    known, unknown = await host.audit("login")

    assert (known.outcome, known.actor_id, known.actor_name, known.target_id) == ("refused", None, "", user.id)
    assert (unknown.outcome, unknown.target_id, unknown.target_name) == ("refused", None, None)
    assert orjson.loads(unknown.details).keys() == {"login_hash", "reason"}
    assert "hunter2" not in "".join(str(row) for row in await host.audit())
    assert "hunter2" not in str(host.log.entries)


@pytest.mark.parametrize("text", ["", " ", "\t", "\u00a0", "\u00ad", "\u200b"], ids=ascii)
async def test_blank_names_and_passwords_are_refused_before_any_provider_is_asked(
    host: LoginHost, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    await host.add()
    asked: list[str] = []

    async def ask(name: str, *rest: object) -> None:
        asked.append(name)

    monkeypatch.setattr(host.local, "from_password", ask)

    answers = [await host.login(ALICE, text), await host.login(text, PASSWORD)]

    assert [(answer.status, answer.detail) for answer in answers] == [(401, REFUSED)] * 2
    assert host.failures() == ["bad_credentials"] * 2
    assert asked == []


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "secret\\u0000"])
async def test_nul_and_half_a_character_are_no_text(host: LoginHost, text: str) -> None:
    await host.add()
    for body in (f'{{"email": "{ALICE}", "password": "{text}"}}', f'{{"email": "{text}", "password": "x"}}'):
        answer = await host.client.post("/api/v1/auth/login", data=body, headers={"Content-Type": "application/json"})
        assert answer.status == 422
        assert "secret" not in answer.text


async def test_what_can_not_be_a_password_costs_the_address_and_not_the_account(make_host: Make) -> None:
    host = await make_host(throttle=ThrottleConfig(free_failures=1, failures_per_address=4))
    await host.add()
    for _ in range(3):
        assert (await host.login(ALICE, "")).status == 401

    assert (await host.login()).status == 200, "the account has paid for nothing"
    assert (await host.login(ALICE, "")).status == 401
    assert (await host.login(ALICE, "")).status == 429


@pytest.mark.parametrize("name", ["n" * 257, "é" * 129 + "@example.org", "a@b.c\n" * 5_000], ids=["long", "é", "huge"])
async def test_a_huge_name_is_a_failed_login_of_one_short_line(host: LoginHost, name: str) -> None:
    assert (await host.login(name, PASSWORD)).detail == REFUSED

    assert host.failures() == ["bad_credentials"]
    (row,) = await host.audit("login")
    assert len(row.details) < 200


async def test_a_megabyte_of_name_is_refused_unread(host: LoginHost) -> None:
    answer = await host.login("a" * 1_000_000)
    assert answer.status == 413
    assert host.failures() == []


async def test_a_huge_password_is_refused_without_hashing_it(host: LoginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    await host.add()

    def hashed(*args: object, **kwargs: object) -> None:
        raise AssertionError("hashed")

    monkeypatch.setattr(host.local, "from_password", hashed)

    assert (await host.login(ALICE, "p" * 1025)).detail == REFUSED


async def test_passwords_that_differ_behind_the_72nd_byte_are_different(host: LoginHost) -> None:
    start = "correct horse battery staple " * 3
    await host.add(password=start[:72] + "a")

    assert (await host.login(password=start[:72] + "a")).status == 200
    for wrong in (start[:72], start[:72] + "b", start[:71] + "aa", start[:72] + "aa"):
        assert (await host.login(password=wrong)).status == 401


async def test_ten_logins_at_once_hold_nobody_else_up(make_host: Make) -> None:
    host = await make_host(options=LocalOptions(bcrypt_cost=10, hash_threads=1))
    await host.add()

    logins = [asyncio.create_task(host.login(ALICE, OTHER)) for _ in range(10)]
    answered = 0
    while not all(login.done() for login in logins):
        assert (await host.client.get("/api/v1/auth/status")).status == 200
        answered += 1

    assert [(await login).status for login in logins] == [401] * 10
    assert answered > 10, "others were answered all the while"


async def test_a_wrong_shape_is_422_and_quotes_no_password(host: LoginHost) -> None:
    answer = await host.client.post("/api/v1/auth/login", json={"email": 5, "password": ["hunter2-hunter2"]})
    assert answer.status == 422
    assert "hunter2" not in answer.text


async def test_logout_ends_the_session_so_that_a_copied_token_is_dead(host: LoginHost) -> None:
    user = await host.add()
    token, other = await host.token(), await host.token()

    answer = await host.bearer(token).post("/api/v1/auth/logout")

    assert declared("POST", "logout", answer) == {"success": True}
    assert "X-Refreshed-Token" not in answer.headers
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert "Max-Age=0" in cookies_of(answer)["invoke_session"]
    assert (await host.bearer(token).get("/api/v1/auth/me")).status == 401
    assert (await host.browser(invoke_session=token).get("/api/v1/auth/me")).status == 401
    assert (await host.bearer(other).get("/api/v1/auth/me")).status == 200, "one session, not all"
    assert (await host.bearer(token).post("/api/v1/auth/logout")).status == 401
    (row,) = await host.audit("logout")
    assert row.actor_id == user.id


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "logout"), ("POST", "media-cookie"), ("GET", "me"), ("PATCH", "me"), ("GET", "generate-password")],
)
async def test_without_a_credential_it_is_401(host: LoginHost, method: str, path: str) -> None:
    assert (await host.client.request(method, f"/api/v1/auth/{path}", json={})).status == 401


async def test_the_media_cookie_is_a_token_of_the_same_session(host: LoginHost, clock: FakeClock) -> None:
    await host.add()
    token = await host.token()
    clock.advance(100)

    answer = await host.bearer(token).post("/api/v1/auth/media-cookie")

    assert declared("POST", "media-cookie", answer) == {"success": True}
    cookie = value_of(answer, "invoke_session")
    assert cookie != token, "a fresh one"
    assert "X-Refreshed-Token" not in answer.headers
    await host.bearer(token).post("/api/v1/auth/logout")
    assert (await host.browser(invoke_session=cookie).get("/api/v1/auth/me")).status == 401, "it ends with the session"


async def test_a_password_change_while_the_old_one_is_checked_makes_no_session(
    host: LoginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await host.add()
    check = host.local.from_password

    async def check_slowly(*args: Any) -> Any:
        outcome = await check(*args)
        await host.users.change(user.id, UserChange(password=Secret(OTHER)), TESTS)
        return outcome

    monkeypatch.setattr(host.local, "from_password", check_slowly)

    assert (await host.login()).detail == REFUSED

    assert host.failures() == ["refused"]
    assert await host.storage.read(lambda conn: conn.scalar(select(func.count()).select_from(sessions))) == 0


async def test_a_row_that_sql_deactivates_while_the_password_is_checked_makes_no_session(
    host: LoginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await host.add()
    resolve = host.users.resolve

    async def resolve_slowly(*args: Any, **kwargs: Any) -> Any:
        found = await resolve(*args, **kwargs)
        await host.storage.write(
            lambda conn: conn.execute(update(users).where(users.c.id == user.id).values(is_active=False)) and None
        )
        return found

    monkeypatch.setattr(host.users, "resolve", resolve_slowly)

    assert (await host.login()).detail == REFUSED
    assert host.failures() == ["refused"]


async def test_single_user_mode_has_no_login_and_knows_who_everybody_is(make_host: Make) -> None:
    host = await make_host(single_user=True)

    status = declared("GET", "status", await host.client.get("/api/v1/auth/status"))
    login = await host.login()
    setup = await host.client.post("/api/v1/auth/setup", json={"email": ALICE, "password": PASSWORD})
    password = await host.client.get("/api/v1/auth/generate-password")
    own = await host.client.patch("/api/v1/auth/me", json={"new_password": OTHER, "current_password": PASSWORD})

    assert status == {
        "setup_required": False,
        "multiuser_enabled": False,
        "strict_password_checking": False,
        "admin_email": None,
    }
    assert {each.status for each in (login, setup, password, own)} == {403}
    assert login.detail == "Multiuser mode is disabled. Authentication is not required in single-user mode."
    me = declared("GET", "me", await host.client.get("/api/v1/auth/me"))
    assert me["user_id"] == "system"
    for path in ("logout", "media-cookie"):
        answer = await host.client.post(f"/api/v1/auth/{path}")
        assert declared("POST", path, answer) == {"success": True}
        assert "Set-Cookie" not in answer.headers


async def test_a_generated_password_is_good_enough_here(host: LoginHost) -> None:
    await host.add()
    answer = await host.bearer(await host.token()).get("/api/v1/auth/generate-password")
    password = declared("GET", "generate-password", answer)["password"]
    await host.add("new@example.org", password)
    assert (await host.login("new@example.org", password)).status == 200
