"""The first administrator over real HTTP: once, and only for who has the code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from invoke_host.api import Secret
from invoke_host.config.schema import ThrottleConfig
from invoke_host.identity.routes import ROUTES
from invoke_host.identity.users.values import UserChange
from invoke_host.storage import Storage
from invoke_host.testing.client import Answer
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.fakes import FakeProvider
from invoke_host.testing.schemas import assert_matches_schema
from tests.identity.conftest import Log
from tests.identity.login_host import PASSWORD, TESTS, LoginHost, login_host

Make = Callable[..., Awaitable[LoginHost]]

ROOT = "root@example.org"


@pytest.fixture
async def make_host(storage: Storage, clock: FakeClock, log: Log, tmp_path: Path) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> LoginHost:
            return await stack.enter_async_context(login_host(storage, clock, log, tmp_path, **options))

        yield make


@pytest.fixture
async def host(make_host: Make) -> LoginHost:
    return await make_host()


async def setup(host: LoginHost, **changes: Any) -> Answer:
    body = {"email": ROOT, "display_name": "Root", "password": PASSWORD, "setup_code": host.setup_code.text, **changes}
    return await host.client.post("/api/v1/auth/setup", json=body)


async def required(host: LoginHost) -> bool:
    status = (await host.client.get("/api/v1/auth/status")).json()
    assert status["multiuser_enabled"] is True
    assert status["admin_email"] is None
    return bool(status["setup_required"])


async def test_the_code_makes_an_administrator_who_can_log_in(host: LoginHost) -> None:
    assert await required(host)

    answer = await setup(host)

    assert answer.status == 200, answer.text
    route = next(each for each in ROUTES if each.path == "/api/v1/auth/setup")
    assert_matches_schema(route, 200, answer.json())
    assert answer.json()["success"] is True
    assert answer.json()["user"]["is_admin"] is True
    assert "Set-Cookie" not in answer.headers, "no session yet"
    assert not await required(host)
    assert (await host.login(ROOT)).json()["user"]["is_admin"] is True
    (row,) = await host.audit("setup")
    assert (row.outcome, row.actor_id, row.address) == ("ok", None, "127.0.0.1")


async def test_setup_works_once(host: LoginHost) -> None:
    code = host.setup_code.text
    await setup(host)

    again = await setup(host, email="second@example.org", setup_code=code)

    assert (again.status, again.detail) == (400, "Administrator account already configured")
    assert host.setup_code.text is None


async def test_a_spent_code_makes_nobody_administrator_even_without_one(host: LoginHost) -> None:
    code = host.setup_code.text
    user = (await setup(host)).json()["user"]
    await _demote(host, user["user_id"])

    assert await required(host)
    assert (await setup(host, email="second@example.org", setup_code=code)).status == 403


async def test_two_calls_at_once_make_one_administrator(host: LoginHost) -> None:
    answers = await asyncio.gather(*(setup(host, email=f"root{number}@example.org") for number in range(8)))

    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    page = await host.users.page()
    assert page.total == 1


@pytest.mark.parametrize("code", ["", "aaaa-bbbb-cccc-dddd", "\u202e", None])
async def test_without_the_code_nobody_becomes_administrator(host: LoginHost, code: str | None) -> None:
    body = {"email": ROOT, "password": PASSWORD} | ({} if code is None else {"setup_code": code})

    answer = await host.client.post("/api/v1/auth/setup", json=body)

    assert (answer.status, answer.detail) == (403, "wrong setup code; it is printed in the server's log at start")
    assert await required(host)
    (row,) = await host.audit("setup")
    assert row.outcome == "refused"


async def test_guessing_the_code_is_slowed_down_by_address(make_host: Make) -> None:
    host = await make_host(throttle=ThrottleConfig(failures_per_address=5))
    guesses = [await setup(host, setup_code="wrong") for _ in range(6)]
    assert [answer.status for answer in guesses] == [403] * 5 + [429]
    assert (await setup(host)).status == 429, "the right code, too: it could be a guess"
    host.clock.advance(60)
    assert (await setup(host)).status == 200


async def test_a_weak_password_is_400_with_all_reasons_and_can_be_tried_again(make_host: Make) -> None:
    host = await make_host(throttle=ThrottleConfig(failures_per_address=2))

    for _ in range(5):
        answer = await setup(host, password="pass")
        assert answer.status == 400
        assert "8 characters" in answer.detail

    assert (await setup(host)).status == 200, "the code is not used up, the address has paid nothing"


@pytest.mark.parametrize("email", ["", "root", "root@127.0.0.1", "a b@example.org"])
async def test_an_address_that_is_none_is_422(host: LoginHost, email: str) -> None:
    assert (await setup(host, email=email)).status == 422
    assert await required(host)


async def test_an_address_that_is_taken_is_400(host: LoginHost) -> None:
    await host.add(ROOT)
    assert (await setup(host, email="ROOT@Example.org")).status == 400


async def test_where_no_provider_keeps_passwords_there_is_nothing_to_set_up(make_host: Make, storage: Storage) -> None:
    host = await make_host(providers=[FakeProvider("directory")])
    host.users.accounts = None  # as where only a directory is configured

    assert not await required(host)
    assert (await setup(host)).status == 409


async def _demote(host: LoginHost, user_id: str) -> None:
    """What only SQL can do: leave the host without an administrator."""
    from sqlalchemy import update

    from invoke_host.identity.tables import users

    def demote(conn: Any) -> None:
        conn.execute(update(users).where(users.c.id == user_id).values(is_admin=False))

    await host.storage.write(demote)


async def test_an_administrator_made_elsewhere_ends_the_setup_at_once(host: LoginHost) -> None:
    user = await host.add(ROOT)
    assert await required(host)
    await host.users.change(user.id, UserChange(is_admin=True, password=Secret(PASSWORD)), TESTS)
    assert not await required(host)
    assert (await setup(host, email="second@example.org")).status == 400
