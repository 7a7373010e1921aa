"""What API tokens open: enforced in one place, by the scope of the route, for tokens and for nobody else."""

from __future__ import annotations

import itertools

import pytest

from invoke_host.api import ADMIN, LOGGED_IN, Route
from invoke_host.events.routes import ROUTES as EVENT_ROUTES
from invoke_host.images.routes import ROUTES as IMAGE_ROUTES
from invoke_host.models.routes import ROUTES as MODEL_ROUTES
from invoke_host.queue.routes import ROUTES as QUEUE_ROUTES
from invoke_host.web.app import ENDPOINTS
from tests.identity.credential_host import bearer, cookie, credential_host

SCOPES = ("read", "generate", "manage-own", "admin")

#: What the routes of the test host need.
NEEDED = {"GET": "read", "POST": "manage-own", "PUT": "generate", "DELETE": "admin"}


@pytest.fixture
async def host(storage, clock, tmp_path, log):
    async with credential_host(storage, clock, tmp_path, log[0]) as running:
        yield running


@pytest.mark.parametrize("scopes", [each for size in range(1, 5) for each in itertools.combinations(SCOPES, size)])
async def test_a_token_opens_exactly_the_routes_of_its_scopes_and_none_includes_another(host, scopes):
    key = await host.api_token(*scopes, user_id="root")
    for method, scope in NEEDED.items():
        answer = await host.who(bearer(key), method=method)
        if scope in scopes:
            assert (answer.status, answer.json()["scopes"]) == (200, sorted(scopes))
        else:
            assert (answer.status, answer.detail) == (403, f"this token lacks the scope '{scope}'")


async def test_head_needs_what_get_needs(host):
    assert (await host.who(bearer(await host.api_token("generate")), method="HEAD")).status == 403
    assert (await host.who(bearer(await host.api_token("read")), method="HEAD")).status == 200


async def test_no_token_opens_a_route_for_those_who_have_logged_in_whatever_stands_in_its_row(host):
    key = await host.api_token(*SCOPES, user_id="root")
    host.sql("UPDATE api_tokens SET scopes = 'admin generate manage-own read session'")
    answer = await host.who(bearer(key), method="PATCH")
    assert (answer.status, answer.detail) == (403, "log in for this: no API token may do it")
    assert (await host.who(bearer(await host.login()), method="PATCH")).status == 200


async def test_an_unknown_scope_in_the_row_opens_nothing(host):
    key = await host.api_token("read")
    host.sql("UPDATE api_tokens SET scopes = 'reads * write'")
    for method in NEEDED:
        assert (await host.who(bearer(key), method=method)).status == 403


async def test_sessions_are_not_asked_for_scopes(host):
    issued = await host.login("root")
    for method in (*NEEDED, "PATCH"):
        assert (await host.who(bearer(issued), method=method)).status == 200
        assert (await host.who(cookie(issued), method=method)).status == 200


async def test_the_scope_for_administration_makes_nobody_administrator(host):
    key = await host.api_token("admin", user_id="alice")
    answer = await host.who(bearer(key), method="DELETE")
    assert (answer.status, answer.detail) == (403, "Admin privileges required")


async def test_an_administrators_token_without_the_scope_acts_as_a_regular_user(host):
    key = await host.api_token("read", user_id="root")
    assert (await host.who(bearer(key))).json()["is_admin"] is False
    assert (await host.who(bearer(await host.login("root")))).json()["is_admin"] is True


async def test_every_route_of_the_host_has_a_scope_that_follows_from_what_it_does(host):
    for endpoint in host.client.app[ENDPOINTS]:
        route = endpoint.route
        if route.access is ADMIN:
            assert route.needed_scope in ("admin", "session"), route.path
        else:
            assert route.needed_scope != "admin", route.path


def test_generating_and_retrying_need_generate_and_looking_up_by_post_is_reading():
    routes = [*QUEUE_ROUTES, *IMAGE_ROUTES, *MODEL_ROUTES, *EVENT_ROUTES]
    unusual = {
        (route.method, route.path.rpartition("/")[2]): route.needed_scope
        for route in routes
        if route.needed_scope != Route(route.method, route.path, route.handler, route.access).needed_scope
    }
    assert unusual == {
        ("POST", "download"): "read",
        ("POST", "generate"): "generate",
        ("POST", "enqueue_batch"): "generate",
        ("PUT", "retry_items_by_id"): "generate",
        ("POST", "items_by_ids"): "read",
        ("POST", "item_summaries_by_ids"): "read",
        ("POST", "images_by_names"): "read",
    }
    assert {route.needed_scope for route in routes if route.method == "GET" and route.access is LOGGED_IN} == {"read"}
