"""Every route there is: known to a committed table, and unmoved by whatever comes in its path, query or body."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from invoke_host.identity.login.schema import MePatch

from .accounts import start_team
from .client import Client
from .process import NO_DEVICES, start
from .table import ROUTES, Row, concrete

#: What no client of ours sends as the name of anything, as it stands in a path.
HOSTILE = (
    "..",
    "../../invoke-host.db",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2finvoke-host.db",
    "..%5c..%5cinvoke-host.db",
    "%2Fetc%2Fpasswd",
    "C%3A%5Cwindows",
    "%00",
    "a%00.png",
    "a" * 4096,
    "%E2%88%95etc%E2%88%95passwd",
    "%EF%BC%8F..%EF%BC%8F",
    "%ff%fe",
    "%",
    "%zz",
    "%0d%0aSet-Cookie:%20a=b",
    "%D9%A3",
    "-1",
    "9" * 40,
    "1e3",
    "0x10",
    "%20",
    "%3Cscript%3E",
    "%F0%9F%92%A5",
)

#: Parameters that are labels of the client's own choice: any short text is one, and names nothing that exists.
LABELS = ("queue_id", "destination")

#: Tags of routes that refuse for reasons beyond their input: weak passwords, wrong ones, no login in this mode.
ACCOUNTS = ("auth", "users", "groups")

WITH_PARAMETERS = [row for row in ROUTES if "{" in row.route.path]
WITH_BODY = [row for row in ROUTES if row.route.body is not None]
WITH_QUERY = [row for row in ROUTES if row.route.query is not None and not row.route.stream]


def name_of(row: Row) -> str:
    """How pytest shows it."""
    return f"{row.route.method} {row.route.path}"


@pytest.fixture(scope="module", params=["without login", "with login"])
def robust(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A host without devices, so that nothing waits for pictures, and its administrator.

    It must live, and its log be free of errors.
    """
    folder = tmp_path_factory.mktemp("robust")
    (folder / "canary.png").write_bytes(b"untouched")
    if request.param == "with login":
        team = start_team(folder / "root")
        host, client = team.host, team.admin.client
    else:
        host = start(folder / "root", NO_DEVICES)
        client = host.client
    yield client
    ended, log = host.process.poll(), host.log
    host.end()
    assert ended is None, log
    assert '"level":"error"' not in log, log
    assert (folder / "canary.png").read_bytes() == b"untouched"


def test_every_route_is_in_the_table_with_the_access_that_was_decided():
    table = (Path(__file__).parent / "routes.txt").read_text().splitlines()
    assert sorted(row.line for row in ROUTES) == sorted(table), (
        "a route is new, gone or changed; decide who may call it, then write its line into tests/host/routes.txt"
    )


def test_the_running_host_serves_and_describes_these_routes(robust: Client):
    described = {
        (method.upper(), path)
        for path, methods in robust.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    pages = {(row.route.method, row.route.path) for row in ROUTES if row.route.tag == ""}
    table = {(row.route.method, row.route.path) for row in ROUTES}
    assert described | pages | {("GET", "/openapi.json")} == table
    for _, path in sorted(pages):
        assert robust.get(path).status == 200


@pytest.mark.parametrize("row", WITH_PARAMETERS, ids=name_of)
def test_hostile_names_in_the_path_find_nothing(robust: Client, row: Row):
    parts = row.route.path.split("/")
    for index, part in enumerate(parts):
        if not part.startswith("{"):
            continue
        for value in HOSTILE:
            others = ["default" if each == "{queue_id}" else "1" if each.startswith("{") else each for each in parts]
            others[index] = value
            answer = robust.request(row.route.method, "/".join(others))
            any_name = part.strip("{}") in LABELS
            allowed = range(200, 500) if any_name else range(400, 500)
            assert answer.status in allowed, (value, answer.status, answer.body[:300])
            assert "set-cookie" not in answer.headers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
VALUES = JSON | st.sampled_from([0, -1, 1, 64, 2**31, 2**32, 2**63, 2**64, 1e308, "", "\0", "\ud7ff", "euler", [[]]])


def bodies(row: Row) -> st.SearchStrategy[Any]:
    """Anything, and objects that look like what the route takes."""
    schema = TypeAdapter(row.route.body).json_schema()
    names = list(schema.get("properties", {}))
    if not names:
        return JSON | st.lists(VALUES, max_size=5)
    near = st.dictionaries(st.sampled_from(names), VALUES, max_size=len(names))
    return JSON | near | near.map(lambda body: {**dict.fromkeys(schema.get("required", []), "x"), **body})


MODEST = settings(
    max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)  # one host for all examples is meant


@pytest.mark.parametrize("row", WITH_BODY, ids=name_of)
def test_random_bodies_are_answered_in_the_declared_shape(robust: Client, row: Row):
    path = concrete(row.route.path, queue_id="fuzz", name="fuzz")

    @MODEST
    @given(bodies(row))
    def send(body: Any) -> None:
        answer = robust.request(row.route.method, path, body if body is not None else {})
        refused = (400, 401, 403) if row.route.tag in ACCOUNTS else ()
        assert answer.status in (200, 201, 404, 409, 422, 429, *refused), answer.text

    send()


@pytest.mark.parametrize("row", WITH_QUERY, ids=name_of)
def test_random_queries_are_answered_in_the_declared_shape(robust: Client, row: Row):
    path = concrete(row.route.path, queue_id="fuzz")
    names = list(TypeAdapter(row.route.query).json_schema()["properties"])
    values = st.sampled_from(
        [
            "",
            "-1",
            "0",
            "1",
            "9" * 30,
            "1e9",
            "true",
            "ASC",
            "%00",
            "%ff",
            "%F0%9F%92%A5",
            "a" * 300,
            "none",
            "%25",
            "*",
        ]
    )

    @MODEST
    @given(st.lists(st.tuples(st.sampled_from([*names, "other"]), values), max_size=5))
    def send(query: list[tuple[str, str]]) -> None:
        text = "&".join(f"{name}={value}" for name, value in query)
        answer = robust.request(row.route.method, f"{path}?{text}")
        assert answer.status in (200, 201, 404, 422), answer.text

    send()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe\x00",
        b"NaN",
        b'{"positive_prompt": "a", "steps": NaN}',
        b'{"positive_prompt": "a", "seed": ' + b"9" * 5000 + b"}",
        b'{"positive_prompt": "\\ud800"}',
        b'{"positive_prompt": "a", "positive_prompt": 3}',
        b"[" * 50_000,
        b'{"a":' * 20_000,
        b'"' + b"a" * 60_000 + b'"',
        b"\0",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_proper_json_is_refused(robust: Client, body: bytes):
    parses = b"positive_prompt" in body and b"ud800" not in body
    for row in WITH_BODY:
        path = concrete(row.route.path, queue_id="fuzz", name="fuzz")
        answer = robust.request(row.route.method, path, body=body, headers={"Content-Type": "application/json"})
        # Where nothing is required and other names are passed over, a body of other names is none.
        fine = (200,) if parses and row.route.body is MePatch else ()
        assert answer.status in (413, 422, *fine), (name_of(row), answer.status, answer.body[:200])


def test_bodies_over_the_limit_are_refused_whether_announced_or_not(robust: Client):
    for row in WITH_BODY:
        path = concrete(row.route.path, queue_id="fuzz", name="fuzz") + "?key=fuzz"  # which client state requires
        head = (
            f"{row.route.method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Connection: close\r\n"
        )
        head = (head + "".join(f"{name}: {value}\r\n" for name, value in robust.headers.items())).encode()
        announced = robust.raw(head + b"Content-Length: 999999999\r\n\r\n")
        assert announced.startswith(b"HTTP/1.1 413 ")
        piece = os.urandom(16).hex().encode() * 2048
        chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        needed = row.route.body_limit_bytes // len(piece) + 2
        chunked = robust.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * needed + b"0\r\n\r\n")
        assert chunked.startswith(b"HTTP/1.1 413 ")
