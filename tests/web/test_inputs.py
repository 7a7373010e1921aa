"""What a request carries: type, size, JSON and fields; every problem is told, with its place."""

from __future__ import annotations

import gzip

import pytest

from invoke_host.api import LOGGED_IN, FieldProblem, Route, actor_of, body_of, json_response
from invoke_host.web import path_int

from .things import Thing

THINGS = "/api/v1/things/"


@pytest.fixture
async def client(make_app):
    return (await make_app()).as_caller("alice")


async def test_a_good_body_reaches_the_handler_as_the_declared_model(client):
    answer = await client.post(THINGS, json={"name": "cup"})
    assert (answer.status, answer.json()) == (201, {"name": "cup", "size": 3})


async def test_all_problems_are_told_at_once_with_their_places(client):
    answer = await client.post(THINGS, json={"name": "x" * 21, "size": 0, "colour": "red"})
    assert answer.status == 422
    assert [(each["loc"], each["type"]) for each in answer.detail] == [
        (["body", "name"], "string_too_long"),
        (["body", "size"], "greater_than_equal"),
        (["body", "colour"], "extra_forbidden"),
    ]
    assert all(each["msg"] for each in answer.detail)


async def test_nul_characters_are_told_with_the_other_problems(client):
    answer = await client.post(THINGS, json={"name": "a\0", "size": 0})
    assert [each["loc"] for each in answer.detail] == [["body", "size"], ["body", "name"]]


@pytest.fixture
async def reviewed(make_app):
    """A route whose review refuses all that it gets, and what it got."""
    asked = []

    async def review(request, values):
        asked.append((actor_of(request).id, values))
        return [FieldProblem(("body", name), "not this one", "unknown") for name in values]

    async def make(request):
        return json_response(body_of(request, Thing), status=201)

    routes = [Route("POST", THINGS, make, LOGGED_IN, body=Thing, review=review, responses=((201, Thing),))]
    return (await make_app(routes)).as_caller("alice"), asked


async def test_what_a_review_finds_is_told_together_with_what_the_model_refuses(reviewed):
    client, asked = reviewed
    answer = await client.post(THINGS, json={"name": "cup", "size": 0, "colour": "red"})
    assert answer.status == 422
    assert [(each["loc"], each["type"]) for each in answer.detail] == [
        (["body", "size"], "greater_than_equal"),
        (["body", "colour"], "extra_forbidden"),
        (["body", "name"], "unknown"),
    ]
    assert asked == [("alice", {"name": "cup"})]


async def test_a_review_gets_right_values_only_and_the_defaults_of_what_is_not_said(reviewed):
    client, asked = reviewed
    await client.post(THINGS, json={"colour": "red"})
    await client.post(THINGS, json={"name": "a\0", "size": 10})
    assert [values for _, values in asked] == [{"size": 3}, {}]


@pytest.mark.parametrize("body", [b'{"name": "cup"}', b'{"name": ', b"[1]", b'"text"', b""])
async def test_a_review_is_not_asked_about_good_bodies_nor_about_what_has_no_fields(reviewed, body):
    client, asked = reviewed
    await client.post(THINGS, data=body, headers={"Content-Type": "application/json"})
    assert asked == []


async def test_broken_json_is_told_with_its_position(client):
    answer = await client.post(
        THINGS, data=b'{"name": "cup",\n "size": }', headers={"Content-Type": "application/json"}
    )
    assert answer.status == 422
    assert answer.detail[0]["type"] == "json_invalid"
    assert "line 2 column 10" in answer.detail[0]["msg"]


async def test_a_missing_body_is_told(client):
    answer = await client.post(THINGS)
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["body"])


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "json",
        "",
    ],
)
async def test_any_other_content_type_is_415(client, content_type):
    answer = await client.post(THINGS, data=b'{"name": "cup"}', headers={"Content-Type": content_type})
    assert answer.status == 415
    assert "application/json" in answer.detail


async def test_a_charset_behind_the_content_type_is_fine(client):
    answer = await client.post(
        THINGS, data=b'{"name": "cup"}', headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert answer.status == 201


async def test_a_body_over_the_limit_is_413_when_announced(client):
    answer = await client.post(THINGS, json={"name": "x" * 2000})
    assert answer.status == 413
    assert "1000" in answer.detail


async def test_a_body_over_the_limit_is_413_when_chunked(client):
    async def chunks():
        for _ in range(100):
            yield b" " * 100

    answer = await client.post(THINGS, data=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status == 413


async def test_a_compressed_body_is_415_before_it_is_unpacked(client):
    bomb = gzip.compress(b" " * 50_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await client.post(THINGS, data=bomb, headers=headers)
    assert answer.status == 415


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b"])
async def test_the_nul_character_is_refused_wherever_it_stands(client, text):
    answer = await client.post(
        THINGS, data=f'{{"name": "{text}"}}'.encode(), headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "name"])


async def test_the_six_characters_of_an_escaped_nul_are_just_text(client):
    answer = await client.post(THINGS, json={"name": "\\u0000"})
    assert (answer.status, answer.json()["name"]) == (201, "\\u0000")


async def test_half_of_a_surrogate_pair_is_no_json(client):
    answer = await client.post(THINGS, data=rb'{"name": "\ud800"}', headers={"Content-Type": "application/json"})
    assert answer.status == 422


async def test_a_body_nested_without_end_is_refused(client):
    answer = await client.post(THINGS, data=b"[" * 900, headers={"Content-Type": "application/json"})
    assert answer.status == 422


async def test_query_values_become_what_the_model_says(client):
    answer = await client.get(THINGS + "?limit=7&colors=red&colors=blue&big=true&unknown=1")
    assert answer.json() == {"limit": 7, "colors": ["red", "blue"], "big": True}


async def test_query_defaults_apply(client):
    assert (await client.get(THINGS)).json() == {"limit": 10, "colors": [], "big": False}


async def test_wrong_query_values_are_all_told(client):
    answer = await client.get(THINGS + "?limit=51&big=perhaps")
    assert answer.status == 422
    assert [each["loc"] for each in answer.detail] == [["query", "limit"], ["query", "big"]]


async def test_nul_in_query_or_path_is_refused(client):
    assert (await client.get(THINGS + "?colors=%00")).status == 422
    assert (await client.get(THINGS + "i/a%00b")).status == 404


async def test_a_body_of_plain_type_is_validated_too(make_app):
    async def add(request):
        return json_response(sum(body_of(request, list[int])))

    client = (await make_app([Route("PUT", "/api/v1/sum", add, LOGGED_IN, body=list[int])])).as_caller("alice")
    assert (await client.put("/api/v1/sum", json=[1, 2, 3])).json() == 6
    assert (await client.put("/api/v1/sum", json=[1, "x"])).detail[0]["loc"] == ["body", 1]


async def test_a_route_that_reads_its_body_itself_keeps_type_and_limit(make_app):
    async def size(request):
        return json_response(len(await request.read()))

    route = Route("POST", "/up", size, LOGGED_IN, consumes="application/octet-stream", body_limit_bytes=900_000)
    client = (await make_app([route])).as_caller("alice")
    raw = {"Content-Type": "application/octet-stream"}

    async def chunks():
        for _ in range(12):
            yield b" " * 100_000

    assert (await client.post("/up", data=b"x" * 500_000, headers=raw)).json() == 500_000
    assert (await client.post("/up", data=b"x", headers={"Content-Type": "text/plain"})).status == 415
    assert (await client.post("/up", data=b"x" * 900_001, headers=raw)).status == 413
    assert (await client.post("/up", data=chunks(), headers=raw)).status == 413


async def test_asking_for_another_model_than_declared_is_a_mistake_of_the_server(make_app):
    async def confused(request):
        return json_response(body_of(request, Thing))

    client = (await make_app([Route("PUT", "/c", confused, LOGGED_IN, body=list[int])])).as_caller("alice")
    assert (await client.put("/c", json=[1])).status == 500


@pytest.mark.parametrize(("text", "status"), [("7", 200), ("-1", 422), ("x", 422), ("٣", 422), ("9" * 30, 422)])
async def test_numbers_in_paths_are_numbers(make_app, text, status):
    async def number(request):
        return json_response(path_int(request, "id"))

    client = (await make_app([Route("GET", "/n/{id}", number, LOGGED_IN)])).as_caller("alice")
    assert (await client.get(f"/n/{text}")).status == status
