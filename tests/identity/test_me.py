"""What people see of and change about their own account, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invoke_host.api import Secret
from invoke_host.config.schema import SessionsConfig, ThrottleConfig
from invoke_host.identity.routes import ROUTES
from invoke_host.identity.users.values import UserChange
from invoke_host.storage import Storage
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.fakes import FakeProvider
from invoke_host.testing.schemas import assert_matches_schema
from tests.identity.conftest import Log
from tests.identity.login_host import ALICE, OTHER, PASSWORD, TESTS, LoginHost, cookies_of, login_host, value_of

Make = Callable[..., Awaitable[LoginHost]]

ME = "/api/v1/auth/me"


@pytest.fixture
async def make_host(storage: Storage, clock: FakeClock, log: Log, tmp_path: Path) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> LoginHost:
            host = await stack.enter_async_context(login_host(storage, clock, log, tmp_path, **options))
            await host.add()
            return host

        yield make


@pytest.fixture
async def host(make_host: Make) -> LoginHost:
    return await make_host()


async def change(client: ApiClient, current: str | None = PASSWORD, new: str = OTHER, **more: Any) -> Answer:
    body = {"new_password": new, **more} | ({} if current is None else {"current_password": current})
    return await client.patch(ME, json=body)


async def test_me_is_a_user_as_administrators_see_it(host: LoginHost) -> None:
    answer = await host.bearer(await host.token()).get(ME)
    assert_matches_schema(next(each for each in ROUTES if each.path == ME and each.method == "GET"), 200, answer.json())
    assert answer.json()["email"] == ALICE


@pytest.mark.parametrize(("sent", "shown"), [("  Alice A.  ", "Alice A."), ("é" * 255, "é" * 255), (None, "alice")])
async def test_the_name_that_is_shown_can_be_changed(host: LoginHost, sent: str | None, shown: str) -> None:
    client = host.bearer(await host.token())

    answer = await client.patch(ME, json={"display_name": sent})

    assert answer.status == 200, answer.text
    assert answer.json()["display_name"] == shown
    assert (await client.get(ME)).json() == answer.json()


@pytest.mark.parametrize("name", ["", "   ", "x" * 256, "a\nb", "a\u202eb"], ids=ascii)
async def test_a_name_that_can_not_be_shown_is_422(host: LoginHost, name: str) -> None:
    client = host.bearer(await host.token())
    assert (await client.patch(ME, json={"display_name": name})).status == 422
    assert (await client.get(ME)).json()["display_name"] == "alice"


async def test_nobody_changes_role_activity_or_address_of_their_own(host: LoginHost) -> None:
    client = host.bearer(await host.token())
    before = (await client.get(ME)).json()

    await client.patch(ME, json={"is_admin": True, "is_active": False, "email": "x@example.org", "user_id": "system"})

    assert (await client.get(ME)).json() == before


async def test_a_new_password_ends_all_sessions_and_begins_one(host: LoginHost) -> None:
    here, there, cookie = await host.token(), await host.token(), value_of(await host.login(), "invoke_session")

    answer = await change(host.bearer(here), display_name="Alice A.")

    assert answer.status == 200, answer.text
    assert answer.json()["display_name"] == "Alice A."
    token = answer.headers["X-Refreshed-Token"]
    assert value_of(answer, "invoke_session") == token
    for dead in (here, there, cookie):
        assert (await host.bearer(dead).get(ME)).status == 401
        assert (await host.browser(invoke_session=dead).get(ME)).status == 401
    assert (await host.bearer(token).get(ME)).status == 200
    assert (await host.login(ALICE, PASSWORD)).status == 401
    assert (await host.login(ALICE, OTHER)).status == 200
    (row,) = await host.audit("user.password")
    assert (row.outcome, row.address) == ("ok", "127.0.0.1")
    assert row.actor_id == answer.json()["user_id"]


async def test_the_new_session_is_remembered_like_the_old_one(make_host: Make, clock: FakeClock) -> None:
    host = await make_host(sessions=SessionsConfig(remembered_lifetime_s=604_800, idle_s=60))
    answer = await change(host.bearer(await host.token(remember_me=True)))
    assert "Max-Age=604800" in cookies_of(answer)["invoke_session"]
    clock.advance(3600)
    assert (await host.bearer(answer.headers["X-Refreshed-Token"]).get(ME)).status == 200


async def test_a_browser_gets_the_new_session_as_cookie(host: LoginHost) -> None:
    cookie = value_of(await host.login(), "invoke_session")

    answer = await change(host.browser(invoke_session=cookie))

    assert answer.status == 200
    assert (await host.browser(invoke_session=cookie).get(ME)).status == 401
    assert (await host.browser(invoke_session=value_of(answer, "invoke_session")).get(ME)).status == 200


@pytest.mark.parametrize("current", [None, "", "wrong", PASSWORD + " ", PASSWORD.upper(), "x" * 2000])
async def test_without_the_current_password_there_is_no_new_one(host: LoginHost, current: str | None) -> None:
    token = await host.token()

    answer = await change(host.bearer(token), current, display_name="Mallory")

    assert answer.status == 400
    assert answer.detail == (
        "Current password is required to set a new password" if current is None else "Current password is incorrect"
    )
    assert (await host.bearer(token).get(ME)).json()["display_name"] == "alice", "all or nothing"
    assert (await host.login()).status == 200


@pytest.mark.parametrize("new", ["", "short", "12345678", "alice@example.org", "x" * 2000])
async def test_a_weak_password_is_400_in_sentences_and_changes_nothing(host: LoginHost, new: str) -> None:
    token = await host.token()

    answer = await change(host.bearer(token), new=new)

    assert answer.status == 400
    assert answer.detail.endswith(".")
    assert new == "" or new not in answer.detail
    assert (await host.bearer(token).get(ME)).status == 200
    assert (await host.login()).status == 200


async def test_guessing_the_current_password_is_slowed_down_but_not_by_others(make_host: Make) -> None:
    host = await make_host(throttle=ThrottleConfig(free_failures=3, longest_wait_s=60, failures_per_address=5))
    stolen, mine = host.bearer(await host.token()), host.bearer(await host.token())
    for _ in range(9):
        await host.login(ALICE, "wrong")

    guesses = [await change(stolen, "wrong") for _ in range(5)]
    assert [answer.status for answer in guesses] == [400] * 4 + [429]
    assert guesses[-1].headers["Retry-After"] == "1"
    assert (await change(stolen)).status == 429, "the right one, too"
    assert (await change(mine)).status == 200, "the owner is not locked out"
    refused = [row for row in await host.audit("user.password") if row.outcome == "refused"]
    assert len(refused) == 4


async def test_guesses_of_the_current_password_sent_at_once_do_not_slip_through(make_host: Make) -> None:
    host = await make_host(throttle=ThrottleConfig(free_failures=3, longest_wait_s=60))
    client = host.bearer(await host.token())
    answers = await asyncio.gather(*(change(client, "wrong") for _ in range(20)))
    assert sum(answer.status == 400 for answer in answers) == 4


async def test_an_administrator_s_reset_wins_over_a_change_that_is_under_way(
    host: LoginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await host.users.find(ALICE)
    assert user is not None
    token = await host.token()
    verify = type(host.local.accounts).verify
    reset = "reset-by-an-administrator-47"

    async def verify_slowly(self: Any, *args: Any) -> bool:
        good = await verify(self, *args)
        await host.users.change(user.id, UserChange(password=Secret(reset)), TESTS)
        return good

    monkeypatch.setattr(type(host.local.accounts), "verify", verify_slowly)

    assert (await change(host.bearer(token))).status == 401

    assert (await host.login(ALICE, reset)).status == 200
    assert (await host.login(ALICE, OTHER)).status == 401


async def test_two_changes_at_once_leave_one_password(host: LoginHost) -> None:
    first, second = await host.token(), await host.token()
    third = "yet-another-four-words-81"

    answers = await asyncio.gather(change(host.bearer(first), new=OTHER), change(host.bearer(second), new=third))

    assert sorted(answer.status for answer in answers) == [200, 401]
    good = OTHER if answers[0].status == 200 else third
    assert (await host.login(ALICE, good)).status == 200


async def test_a_password_that_a_directory_keeps_is_changed_there(make_host: Make) -> None:
    host = await make_host(before=[FakeProvider("directory")])
    token = await host.token("bob", "geheim")

    answer = await change(host.bearer(token), "geheim")

    assert (answer.status, answer.detail) == (400, "Your password is kept by 'directory'; change it there")
    assert (await host.bearer(token).patch(ME, json={"display_name": "Bobby"})).status == 200


async def test_somebody_whom_a_proxy_vouches_for_has_no_session_to_end_or_keep(make_host: Make) -> None:
    host = await make_host(before=[FakeProvider("proxy")])
    bob = replace(host.client, headers={"X-User": "bob"})

    assert (await bob.get(ME)).json()["display_name"] == "Bob"
    logout = await bob.post("/api/v1/auth/logout")
    assert (logout.status, "there is no session here to end" in logout.detail) == (400, True)
    kept = await bob.post("/api/v1/auth/media-cookie")
    assert (kept.status, "Set-Cookie" in kept.headers) == (200, False)
    assert (await change(bob)).detail == "Your password is kept by 'proxy'; change it there"
    assert (await bob.patch(ME, json={"display_name": "Bobby"})).status == 200
