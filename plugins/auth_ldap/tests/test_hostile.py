"""Thousands of hostile logins at a real directory: nobody gets in, and nothing breaks."""

from __future__ import annotations

import asyncio
import collections
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hostile import tries
from slapd import BASE, READER_DN, READER_PASSWORD, Slapd

from conftest import login, plain
from invoke_host.api import Authenticated, AuthOutcome, Rejected, Unavailable

PEOPLE = {
    "alice": "Wren-41-saffron",
    "bob": "(Bobolink*17)",
    "zoë": "Straße\\2a,cn=x",
    "c.d-e_f": "  blanks inside and at the end ",
    "o'hara": "x" * 72 + "A",
}
ANYBODY = READER_PASSWORD


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """It says yes to a bind without password, as Active Directory does."""
    folder = tmp_path_factory.mktemp("hostile") / "slapd"
    server = Slapd(folder, schema="allow bind_anon_dn bind_anon_cred\n", log_level="none").start()
    try:
        for name, password in PEOPLE.items():
            server.person(name, password.encode(), mail="x@example.org")
        yield server
    finally:
        server.stop()


async def many(provider: Any, count: int, seed: int) -> collections.Counter[type]:
    """Try; what came out, by kind. Fails with the first that got in as somebody whose password it was not."""
    seen: collections.Counter[type] = collections.Counter()
    queue = tries(PEOPLE, count, seed)

    async def worker() -> None:
        for name, password in queue:
            outcome: AuthOutcome | None = await login(provider, name, password, 30)
            assert outcome is None or isinstance(outcome, (Rejected, Unavailable)), (
                f"{name!a} {password!a}: {outcome!r}"
            )
            seen[type(outcome)] += 1

    await asyncio.gather(*(worker() for _ in range(4)))
    return seen


TEMPLATE = {"bind": "template", "bind_templates": [f"uid={{login}},ou=people,{BASE}"], "groups": "none"}
ANONYMOUS = {"service_dn": None, "service_password": None, "recheck": False}


@pytest.mark.parametrize(
    ("count", "seed"), [(1500, 1), pytest.param(5000, 2, marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
)
async def test_no_hostile_login_gets_in(server: Slapd, open_provider: Any, count: int, seed: int) -> None:
    provider = await open_provider(plain(server))
    seen = await many(provider, count, seed)
    assert sum(seen.values()) == count
    assert seen[Unavailable] == 0, "somebody could make the directory look broken"
    assert seen[Rejected] > count / 10
    assert seen[type(None)] > count / 10
    await everybody_still_gets_in(provider)


@pytest.mark.parametrize("mode", [TEMPLATE, {**TEMPLATE, **ANONYMOUS}], ids=["with a service account", "without"])
async def test_no_hostile_login_gets_in_by_template(server: Slapd, open_provider: Any, mode: dict[str, Any]) -> None:
    provider = await open_provider(plain(server, **mode))
    seen = await many(provider, 300, 3)
    assert seen[Unavailable] == 0
    await everybody_still_gets_in(provider)


async def everybody_still_gets_in(provider: Any) -> None:
    for name, password in PEOPLE.items():
        outcome = await login(provider, name, password)
        assert isinstance(outcome, Authenticated), name
        assert outcome.identity.login == name


def test_the_tries_are_what_they_should_be() -> None:
    some = list(tries(PEOPLE, 2000, 1))
    names = {name for name, _ in some}
    assert len(names) > 800
    assert all(PEOPLE.get(name.strip().casefold()) != password for name, password in some)
    for letter in "*()\\,\0\u202e":
        assert sum(letter in name for name in names) > 10
    assert sum(name in PEOPLE for name, _ in some) > 100, "passwords are attacked, too"
    assert sum(not unicodedata.is_normalized("NFKC", name) for name in names if "\ud800" not in name) > 50


async def test_the_service_account_is_nobody_who_logs_in(server: Slapd, open_provider: Any) -> None:
    provider = await open_provider(plain(server))
    for name in ("reader", READER_DN, f"cn=reader,ou=services,{BASE}", "admin"):
        assert await login(provider, name, ANYBODY) is None
