"""The route table is checked before anything listens."""

from __future__ import annotations

import pytest

from invoke_host.api import LOGGED_IN, PUBLIC, PluginError, StartupError, requires

from .things import ROUTES, a_route


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (lambda: a_route(access=None), "GET /api/v1/x does not say who may call it"),
        (lambda: a_route(access="public"), "does not say who may call it"),
        (lambda: a_route(access=requires("thing.fly", id_from="name"), path="/f/{name}"), "thing.fly"),
        (lambda: a_route(access=requires("thing.view", id_from="id"), path="/f/{name}"), "no {id}"),
        (lambda: a_route(path="no-slash"), "must start with one slash"),
        (lambda: a_route(path="/a//b"), "no empty part"),
        (lambda: a_route(method="TRACE"), "unknown method"),
        (lambda: a_route(handler=lambda request: None), "async def"),
    ],
)
async def test_a_wrong_route_stops_the_start_and_is_named(make_app, route, said):
    with pytest.raises(StartupError, match="route") as caught:
        await make_app([*ROUTES, route()])
    assert said in str(caught.value)


async def test_two_routes_for_the_same_requests_stop_the_start(make_app):
    with pytest.raises(StartupError, match=r"GET /t/\{b\} is there twice \(/t/\{a\}\)"):
        await make_app([a_route("/t/{a}"), a_route("/t/{b}")])


async def test_the_hosts_own_paths_cannot_be_taken(make_app):
    with pytest.raises(StartupError, match="/healthz is there twice"):
        await make_app([a_route("/healthz")])


async def test_plugin_routes_live_below_the_plugins_name(make_app):
    client = await make_app(plugin_routes={"demo": [a_route("/hello")]})
    assert (await client.get("/x/demo/hello")).status == 200
    assert (await client.get("/hello")).status == 404


@pytest.mark.parametrize("path", ["hello", "/../api/v1/me", "/a/../../b", "/x/other/hello", "//evil", "/a b", ""])
async def test_a_plugin_route_elsewhere_stops_the_start(make_app, path):
    with pytest.raises((PluginError, StartupError)):
        await make_app(plugin_routes={"demo": [a_route(path)]})


async def test_a_plugin_route_needs_its_access_too(make_app):
    with pytest.raises(StartupError, match="/x/demo/hello does not say who may call it"):
        await make_app(plugin_routes={"demo": [a_route("/hello", access=None)]})


async def test_a_plugin_that_returns_something_else_is_named(make_app):
    with pytest.raises(PluginError, match="plugin 'demo'"):
        await make_app(plugin_routes={"demo": ["/hello"]})


async def test_collections_are_found_without_their_slash(make_app):
    client = (await make_app()).as_caller("alice")
    answer = await client.get("/api/v1/things?limit=5")
    assert (answer.status, answer.headers["Location"]) == (308, "/api/v1/things/?limit=5")


async def test_unknown_paths_and_methods_are_problems_in_json(make_app):
    client = await make_app([a_route("/api/v1/x", LOGGED_IN), a_route("/api/v1/x", PUBLIC, method="PUT")])
    missing = await client.get("/api/v1/nothing")
    assert (missing.status, missing.json()["title"]) == (404, "Not found")
    wrong = await client.delete("/api/v1/x")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET,HEAD,PUT")
    assert missing.headers["Content-Type"] == wrong.headers["Content-Type"] == "application/problem+json"
