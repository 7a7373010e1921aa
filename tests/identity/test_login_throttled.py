"""S-E10: guessing over real HTTP: what attackers meet, what the owner meets, and what the log says.

S-E9: nobody gets an account by having its address elsewhere. That other requests stay fast is in bench/login.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from invoke_host.api import Authenticated, Identity, Secret, Unavailable
from invoke_host.config.schema import ThrottleConfig
from invoke_host.identity.users.values import UserChange
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.fakes import FakeProvider
from invoke_host.web.settings import WebSettings
from tests.identity.conftest import Log
from tests.identity.login_host import ALICE, OTHER, TESTS, LoginHost, login_host, value_of

Make = Callable[..., Awaitable[LoginHost]]

NARROW = ThrottleConfig(free_failures=3, longest_wait_s=60, failures_per_address=1_000_000)
PROXIED = WebSettings(single_user=False, version="0.0-test", trusted_proxies=("127.0.0.1",))


@pytest.fixture
async def make_host(storage: Storage, clock: FakeClock, log: Log, tmp_path: Path) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> LoginHost:
            host = await stack.enter_async_context(login_host(storage, clock, log, tmp_path, **options))
            await host.add()
            return host

        yield make


def at(host: LoginHost, address: str) -> LoginHost:
    """The same host, called from another address through its proxy."""
    headers = {**host.client.headers, "X-Forwarded-For": address}
    return replace(host, client=replace(host.client, headers=headers))


@pytest.mark.parametrize("name", [ALICE, "nobody@example.org"])
async def test_unknown_names_wait_exactly_like_known_ones(make_host: Make, clock: FakeClock, name: str) -> None:
    host = await make_host(throttle=NARROW)

    statuses = [(await host.login(name, OTHER)).status for _ in range(4)]
    refused = await host.login(name, OTHER)
    clock.advance(1)
    again = await host.login(name, OTHER)
    twice = await host.login(name, OTHER)

    assert statuses == [401] * 4
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert refused.detail == "Too many failed logins, try again in 1 s"
    assert again.status == 401
    assert (twice.status, twice.headers["Retry-After"]) == (429, "2")
    assert host.failures() == ["bad_credentials"] * 4 + ["throttled", "bad_credentials", "throttled"]


async def test_a_refused_try_does_not_reach_the_provider_or_the_audit_log(
    make_host: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await make_host(throttle=NARROW)
    for _ in range(4):
        await host.login(ALICE, OTHER)
    rows = len(await host.audit("login"))

    async def ask(*args: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(host.local, "from_password", ask)

    assert (await host.login()).status == 429, "the right password, too: a guess that is right is one of many"
    assert len(await host.audit("login")) == rows


async def test_the_owner_s_known_device_gets_in_while_the_account_is_attacked(make_host: Make) -> None:
    host = await make_host(throttle=NARROW)
    device = value_of(await host.login(), "invoke_device")
    for _ in range(100):
        await host.login(ALICE, OTHER)
    assert (await host.login()).status == 429

    answer = await host.login(cookies={"invoke_device": device})

    assert answer.status == 200
    assert (await host.login()).status == 429, "the attacker has gained nothing"
    renewed = value_of(answer, "invoke_device")
    assert (await host.login(cookies={"invoke_device": renewed})).status == 200


async def test_devices_share_one_lane_and_a_new_password_makes_them_strangers(make_host: Make) -> None:
    """Else whoever once had the password could collect devices, and guess with each of them."""
    host = await make_host(throttle=NARROW)
    devices = [value_of(await host.login(), "invoke_device") for _ in range(6)]
    tries = [(await host.login(ALICE, OTHER, cookies={"invoke_device": each})).status for each in devices]
    assert tries == [401] * 4 + [429] * 2
    host.clock.advance(120)
    user = await host.users.find(ALICE)
    assert user is not None
    await host.users.change(user.id, UserChange(password=Secret("another horse battery staple")), TESTS)
    for _ in range(4):
        await host.login(ALICE, OTHER)
    assert (await host.login(ALICE, OTHER, cookies={"invoke_device": devices[0]})).status == 429


async def test_a_known_device_that_guesses_is_slowed_down_too(make_host: Make) -> None:
    host = await make_host(throttle=NARROW)
    device = value_of(await host.login(), "invoke_device")

    statuses = [(await host.login(ALICE, OTHER, cookies={"invoke_device": device})).status for _ in range(5)]

    assert statuses == [401] * 4 + [429]


@pytest.mark.parametrize("forged", ["", "x", "a.b.c", "session"])
async def test_only_a_device_cookie_of_ours_for_this_account_counts(make_host: Make, forged: str) -> None:
    host = await make_host(throttle=NARROW)
    await host.add("bob@example.org")
    bobs = await host.login("bob@example.org")
    cookie = bobs.json()["token"] if forged == "session" else forged or value_of(bobs, "invoke_device")
    for _ in range(4):
        await host.login(ALICE, OTHER)

    assert (await host.login(cookies={"invoke_device": cookie})).status == 429


async def test_a_device_token_opens_nothing(make_host: Make) -> None:
    host = await make_host()
    device = value_of(await host.login(), "invoke_device")
    assert (await host.bearer(device).get("/api/v1/auth/me")).status == 401
    assert (await host.browser(invoke_session=device).get("/api/v1/auth/me")).status == 401


async def test_a_thousand_tries_from_one_address_and_from_two_hundred(make_host: Make) -> None:
    throttle = ThrottleConfig(free_failures=5, longest_wait_s=900, failures_per_address=30)
    host = await make_host(throttle=throttle, web=PROXIED)
    home = at(host, "203.0.113.5")
    device = value_of(await home.login(), "invoke_device")

    one = [await at(host, "198.51.100.1").login(f"user{number}@example.org", OTHER) for number in range(500)]
    many = [await at(host, f"192.0.2.{number % 200}").login(ALICE, OTHER) for number in range(500)]

    assert sum(answer.status == 401 for answer in one) == 30
    assert sum(answer.status == 401 for answer in many) == 6
    assert {answer.status for answer in [*one, *many]} == {401, 429}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in [*one, *many] if answer.status == 429)
    assert (await home.login(cookies={"invoke_device": device})).status == 200
    assert (await at(host, "198.51.100.1").login(cookies={"invoke_device": device})).status == 200


async def test_a_class_behind_one_address_logs_in_together(make_host: Make) -> None:
    """By default: a try is charged before it is judged, and so many are judged at the same time."""
    host = await make_host(throttle=ThrottleConfig())
    names = [f"pupil{number}@example.org" for number in range(50)]
    for name in names:
        await host.add(name)

    answers = await asyncio.gather(*(host.login(name) for name in names))

    assert [answer.status for answer in answers] == [200] * 50


async def test_guesses_sent_at_once_do_not_slip_through(make_host: Make) -> None:
    host = await make_host(throttle=NARROW)
    answers = await asyncio.gather(*(host.login(ALICE, OTHER) for _ in range(40)))
    assert sum(answer.status == 401 for answer in answers) == 4


async def test_an_address_is_what_a_trusted_proxy_says_and_nobody_else(make_host: Make, clock: FakeClock) -> None:
    throttle = ThrottleConfig(free_failures=1000, failures_per_address=2)
    direct = await make_host(throttle=throttle)
    assert [(await at(direct, f"192.0.2.{n}").login(f"a{n}@b.c", "x")).status for n in range(3)] == [401, 401, 429]


async def test_a_success_pays_back_what_it_cost(make_host: Make) -> None:
    host = await make_host(throttle=ThrottleConfig(free_failures=2, longest_wait_s=60, failures_per_address=3))
    for _ in range(10):
        assert (await host.login(ALICE, OTHER)).status == 401
        assert (await host.login()).status == 200
        host.clock.advance(20)


async def test_unavailable_is_503_with_retry_after_and_costs_nothing(make_host: Make) -> None:
    directory = FakeProvider("directory")
    host = await make_host(throttle=NARROW, providers=[directory])
    directory.outcome = Unavailable("connection refused to ldap.internal", retry_after_s=7)

    answers = [await host.login("alice", "secret") for _ in range(20)]

    assert {(answer.status, answer.headers["Retry-After"]) for answer in answers} == {(503, "7")}
    assert "ldap" not in answers[0].text
    assert set(host.failures()) == {"unavailable"}
    assert {row.outcome for row in await host.audit("login")} == {"failed"}
    directory.outcome = None
    assert (await host.login("alice", "secret")).status == 200


async def test_a_right_password_of_a_stranger_is_one_more_failure(make_host: Make) -> None:
    directory = FakeProvider("directory")
    host = await make_host(providers=[directory], auto_create=False)

    answer = await host.login("bob", "geheim")

    assert (answer.status, answer.detail) == (401, "Incorrect email or password")
    assert host.failures() == ["not_linked"]
    (refused,) = await host.audit("identity.refused")
    details = json.loads(refused.details)
    assert (details["provider"], details["subject"]) == ("directory", "bob"), "an administrator can link it"


async def test_an_identity_with_somebody_s_address_does_not_get_their_account(make_host: Make) -> None:
    directory = FakeProvider("directory")
    host = await make_host(providers=[directory])
    directory.outcome = Authenticated(Identity("directory", "s-1", login=ALICE, email=ALICE, display_name="Alice"))

    assert (await host.login(ALICE, "whatever else")).status == 401
    assert host.failures() == ["not_linked"]


async def test_an_identity_seen_for_the_first_time_becomes_a_user(make_host: Make) -> None:
    host = await make_host(providers=[FakeProvider("directory")])

    answer = await host.login("bob", "geheim")

    assert answer.status == 200
    assert answer.json()["user"]["display_name"] == "Bob"
    assert answer.json()["user"]["email"].endswith("@directory.invalid")
    again = await host.login("bob", "geheim")
    assert again.json()["user"]["user_id"] == answer.json()["user"]["user_id"]


async def test_providers_are_asked_in_their_order(make_host: Make) -> None:
    host = await make_host(before=[FakeProvider("directory", {ALICE: "in the directory"})])

    assert (await host.login()).json()["user"]["email"] == ALICE, "what the directory does not say no to"
    assert (await host.login(ALICE, "in the directory")).json()["user"]["email"] != ALICE, "another person"
