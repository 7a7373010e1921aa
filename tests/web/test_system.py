"""Version, liveness, readiness, and the mode for clients."""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.api import Health, HealthCheck
from invoke_host.testing.schemas import assert_matches_schema
from invoke_host.web.app import ENDPOINTS
from invoke_host.web.settings import WebSettings

SINGLE = WebSettings(single_user=True, version="1.2.3")


def check(name: str, status: str, detail: str = "") -> HealthCheck:
    async def run() -> Health:
        return Health(name, status, detail)

    return HealthCheck(name, run)


async def never() -> Health:
    await asyncio.Event().wait()
    raise AssertionError("not reached")


async def broken() -> Health:
    raise RuntimeError("secret path /srv")


async def test_the_version_is_public(make_app):
    client = await make_app(config=WebSettings(single_user=False, version="1.2.3"))
    assert (await client.get("/api/v1/app/version")).json() == {"version": "1.2.3"}


@pytest.mark.parametrize(
    ("states", "status", "word"),
    [
        ([], 200, "ok"),
        (["ok", "ok"], 200, "ok"),
        (["ok", "degraded"], 200, "degraded"),
        (["failed", "ok"], 503, "failed"),
    ],
)
async def test_readiness_is_the_worst_of_the_checks(make_app, states, status, word):
    checks = [check(f"c{index}", state) for index, state in enumerate(states)]
    answer = await (await make_app(config=SINGLE, health=checks)).get("/readyz")
    assert (answer.status, answer.json()["status"]) == (status, word)
    assert [each["status"] for each in answer.json()["checks"]] == states


async def test_a_check_that_hangs_or_breaks_counts_as_failed(make_app):
    checks = [HealthCheck("hangs", never), HealthCheck("breaks", broken)]
    answer = await (await make_app(config=SINGLE, health=checks)).get("/readyz")
    assert answer.status == 503
    hangs, breaks = answer.json()["checks"]
    assert "200 ms" in hangs["detail"]
    assert "RuntimeError" in breaks["detail"]
    assert "/srv" not in answer.text


async def test_strangers_learn_no_details(make_app):
    client = await make_app(health=[check("database", "ok", "SQLite /srv/invoke-host.db")])
    assert (await client.get("/readyz")).json()["checks"] == [{"name": "database", "status": "ok", "detail": ""}]


async def test_liveness_asks_nobody(make_app):
    client = await make_app(health=[HealthCheck("hangs", never)])
    assert (await client.get("/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/api/v1/app/version", "/healthz", "/readyz"])
async def test_answers_are_as_declared(make_app, path):
    client = await make_app(config=SINGLE, health=[check("a", "ok")])
    answer = await client.get(path)
    route = next(each.route for each in client.app[ENDPOINTS] if each.route.path == path)
    assert_matches_schema(route, answer.status, answer.json())
