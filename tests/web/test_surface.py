"""The whole surface of the host: what strangers reach is a short list, and the description of all of it is valid."""

from __future__ import annotations

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from invoke_host.events.routes import ROUTES as EVENTS
from invoke_host.identity.routes import ROUTES as IDENTITY
from invoke_host.images.routes import ROUTES as IMAGES
from invoke_host.models.routes import ROUTES as MODELS
from invoke_host.queue.routes import ROUTES as QUEUE
from invoke_host.vocabulary import ACTIONS, RESOURCES
from invoke_host.web.app import ENDPOINTS

PUBLIC = {
    "GET /api/v1/app/version",
    "GET /api/v1/auth/status",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/setup",
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /docs",
    "GET /favicon.ico",
    "GET /",
    "GET /account",
    "GET /users",
    "GET /groups",
    "GET /limits",
}


@pytest.fixture
async def host(make_app):
    """Every route of the host, without the services behind them: a stranger does not get that far."""
    return await make_app(
        [*EVENTS, *IDENTITY, *IMAGES, *MODELS, *QUEUE],
        actions=ACTIONS,
        resources=RESOURCES,
    )


async def test_the_public_routes_are_these_and_no_others(host):
    routes = [each.route for each in host.app[ENDPOINTS]]
    public = {f"{route.method} {route.path}" for route in routes if route.access.level == "public"}
    assert {name for name in public if not name.startswith("GET /static/")} == PUBLIC


async def test_every_other_route_is_401_for_a_stranger(host):
    asked = 0
    for endpoint in host.app[ENDPOINTS]:
        route = endpoint.route
        if route.access.level == "public":
            continue
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        for method in (route.method, "HEAD") if route.method == "GET" and not route.stream else (route.method,):
            answer = await host.request(method, path)
            assert answer.status == 401, f"{method} {path}"
            asked += 1
    assert asked > 50


async def test_the_description_of_the_whole_host_is_valid(host):
    document = (await host.get("/openapi.json")).json()
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_every_route_has_a_summary_and_a_tag(host):
    nameless = [
        f"{each.route.method} {each.route.path}"
        for each in host.app[ENDPOINTS]
        if each.route.path.startswith("/api/") and not (each.route.summary and each.route.tag)
    ]
    assert nameless == []
