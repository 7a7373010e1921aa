"""The API description: valid, complete, and made of what is enforced."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from invoke_host.api import ADMIN, LOGGED_IN, PUBLIC, Route, requires
from invoke_host.identity.routes import ROUTES as AUTH_ROUTES
from invoke_host.identity.sessions.routes import ROUTES as SESSION_ROUTES
from invoke_host.identity.tokens.routes import ROUTES as TOKEN_ROUTES
from invoke_host.images.routes import ROUTES as IMAGE_ROUTES
from invoke_host.models.routes import ROUTES as MODEL_ROUTES
from invoke_host.queue.routes import ROUTES as QUEUE_ROUTES
from invoke_host.testing.schemas import assert_matches_schema
from invoke_host.web.app import ENDPOINTS
from invoke_host.web.settings import WebSettings
from invoke_host.web.table import parameters

from .things import ROUTES, Thing, a_route, done, find, make

MANY = (*ROUTES, *AUTH_ROUTES, *SESSION_ROUTES, *TOKEN_ROUTES, *IMAGE_ROUTES, *QUEUE_ROUTES)


async def described(make_app, routes=ROUTES, **options: Any) -> dict[str, Any]:
    client = await make_app(routes, **options)
    answer = await client.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


@pytest.mark.parametrize("single_user", [True, False])
async def test_the_description_is_valid_openapi_3_1(make_app, single_user):
    config = WebSettings(single_user=single_user, version="1.2.3")
    plugin_routes = {"demo": [a_route("/i/{id:[0-9]+}", stream=True, media="text/event-stream")]}
    document = await described(make_app, MANY, config=config, plugin_routes=plugin_routes)
    assert document["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_every_route_that_answers_is_described(make_app):
    client = await make_app(MANY, plugin_routes={"demo": [a_route("/hello")]})
    document = (await client.get("/openapi.json")).json()
    listed = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    served = {(each.route.method, each.route.path) for each in client.app[ENDPOINTS]}
    files = re.compile(r"/(static/.*|account|users|groups|limits|docs|favicon\.ico|openapi\.json)?$")
    pages = {path for _, path in served if files.match(path)}
    assert listed == {(method, path) for method, path in served if path not in pages}
    assert ("GET", "/x/demo/hello") in listed


async def test_names_of_operations_are_unique_and_plain(make_app):
    document = await described(make_app, MANY)
    names = [each["operationId"] for operations in document["paths"].values() for each in operations.values()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in names)


async def test_access_shows_as_security_and_in_words(make_app):
    routes = [
        a_route("/p", PUBLIC),
        a_route("/l", LOGGED_IN),
        a_route("/a", ADMIN),
        a_route("/r/{id}", requires("thing.view", id_from="id")),
    ]
    paths = (await described(make_app, routes))["paths"]
    shown = {path: (paths[path]["get"]["security"], paths[path]["get"]["x-access"]) for path in ("/p", "/l", "/a")}
    assert shown == {"/p": ([], "public"), "/l": ([{"bearer": []}], "logged_in"), "/a": ([{"bearer": []}], "admin")}
    assert paths["/r/{id}"]["get"]["x-access"] == "requires thing.view on {id}"
    assert {"401", "403", "404"} <= set(paths["/r/{id}"]["get"]["responses"])


async def test_the_scope_that_an_api_token_needs_is_told(make_app):
    paths = (await described(make_app, [a_route("/x", LOGGED_IN, scope="generate"), a_route("/p")]))["paths"]
    assert paths["/x"]["get"]["x-token-scope"] == "generate"
    assert "403" in paths["/x"]["get"]["responses"]
    assert "x-token-scope" not in paths["/p"]["get"]


async def test_single_user_mode_asks_for_no_credential(make_app):
    document = await described(make_app, config=WebSettings(single_user=True))
    assert "securitySchemes" not in document["components"]
    assert "401" not in document["paths"]["/api/v1/me"]["get"]["responses"]


async def test_body_query_and_path_are_described_with_their_limits(make_app):
    document = await described(make_app)
    post = document["paths"]["/api/v1/things/"]["post"]
    assert post["requestBody"]["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    assert document["components"]["schemas"]["Thing"]["properties"]["size"]["maximum"] == 9
    assert {"403", "413", "415", "422"} <= set(post["responses"])
    limit = document["paths"]["/api/v1/things/"]["get"]["parameters"][0]
    assert (limit["name"], limit["in"], limit["schema"]["maximum"]) == ("limit", "query", 50)
    one = document["paths"]["/api/v1/things/i/{name}"]["get"]
    assert one["parameters"] == [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert one["description"] == "One thing."


async def test_two_models_of_one_name_are_kept_apart(make_app):
    other = type("Thing", (BaseModel,), {"__annotations__": {"weight": int}, "__module__": "elsewhere"})
    routes = [Route("POST", "/one", make, PUBLIC, body=Thing), Route("POST", "/two", make, PUBLIC, body=other)]
    document = await described(make_app, routes)
    schemas = [
        document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for path in ("/one", "/two")
    ]
    assert schemas[0] != schemas[1]
    assert all(ref.rpartition("/")[2] in document["components"]["schemas"] for ref in schemas)


async def test_an_unchanged_description_is_not_sent_again(make_app):
    client = await make_app()
    first = await client.get("/openapi.json")
    again = await client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


class TestSchemaHelper:
    """The helper with which slices prove their answers."""

    route = Route("GET", "/t", find, PUBLIC, responses=((200, list[Thing]), (204, None), (404, None)))

    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (200, []),
            (200, [{"name": "cup", "size": 1}]),
            (204, None),
            (404, {"type": "t", "title": "Not found", "status": 404, "detail": "no"}),
            (422, {"type": "t", "title": "x", "status": 422, "detail": [{"loc": ["a", 1], "msg": "m", "type": "t"}]}),
        ],
    )
    def test_what_is_declared_passes(self, status, content):
        assert_matches_schema(self.route, status, content)

    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (201, []),
            (200, {}),
            (200, [{"name": "cup", "size": "1"}]),
            (200, [{"size": 1}]),
            (200, [{"name": "cup", "size": 1, "owner": "alice"}]),
            (204, {}),
            (404, {"detail": "no"}),
            (422, {"type": "t", "title": "x", "status": 422, "detail": "text"}),
        ],
    )
    def test_what_is_not_declared_fails(self, status, content):
        with pytest.raises(AssertionError, match="GET /t"):
            assert_matches_schema(self.route, status, content)


async def test_a_route_without_content_has_none_in_the_description(make_app):
    document = await described(make_app, [Route("DELETE", "/t", done, PUBLIC, responses=((204, None),))])
    assert "content" not in document["paths"]["/t"]["delete"]["responses"]["204"]


ERRORS_OF_HANDLERS = {
    "get": {404},
    "patch": {403, 404},
    "delete": {403, 404},
}


@pytest.mark.parametrize("path", ["/api/v1/images/i/{name}", "/api/v1/queue/{queue_id}/i/{item_id}"])
async def test_routes_to_one_thing_say_that_it_may_be_missing_or_somebody_elses(make_app, path):
    operations = (await described(make_app, (*IMAGE_ROUTES, *QUEUE_ROUTES)))["paths"][path]
    for method, operation in operations.items():
        shown = {int(status) for status in operation["responses"]}
        assert shown >= {401, *ERRORS_OF_HANDLERS[method]}, method
        for status in shown & {401, 403, 404}:
            content = operation["responses"][str(status)]["content"]
            assert list(content) == ["application/problem+json"]


@pytest.mark.parametrize("route", [*IMAGE_ROUTES, *QUEUE_ROUTES, *MODEL_ROUTES], ids=lambda r: f"{r.method} {r.path}")
async def test_a_route_that_names_one_thing_lists_404(route: Route) -> None:
    one = {"name", "item_id", "batch_id", "key"} & set(parameters(route.path))
    assert not one or 404 in dict(route.responses)


@pytest.mark.parametrize("part", ["full", "thumbnail"])
async def test_files_of_images_may_be_gone(make_app, part):
    document = await described(make_app, IMAGE_ROUTES)
    responses = document["paths"][f"/api/v1/images/i/{{name}}/{part}"]["get"]["responses"]
    assert {"200", "401", "404", "410"} <= set(responses)
    assert "damaged or missing" in responses["410"]["description"]


async def test_enqueuing_lists_what_can_be_in_its_way(make_app):
    document = await described(make_app, QUEUE_ROUTES)
    post = document["paths"]["/api/v1/queue/{queue_id}/generate"]["post"]
    assert {"200", "201", "401", "403", "404", "409", "413", "415", "422", "429", "503"} == set(post["responses"])
