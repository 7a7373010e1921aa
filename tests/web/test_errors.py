"""What clients see of what goes wrong, and what only the log sees."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
import structlog
from aiohttp import web
from structlog.testing import CapturingLogger

from invoke_host.api import (
    PUBLIC,
    Conflict,
    FieldProblem,
    HookFailed,
    Route,
    ServiceUnavailable,
    StorageConflict,
    StorageReadOnly,
    StorageUnavailable,
    TooManyRequests,
)
from invoke_host.web import endpoint

from .things import ROUTES, Thing, a_route, make


def failing(error: BaseException) -> Route:
    async def fail(request: web.Request) -> web.Response:
        raise error

    return a_route("/fail", handler=fail)


SECRET = "password=hunter2 in /srv/host/invoke-host.db"


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (RuntimeError(SECRET), 500, "Internal error"),
        (KeyError(SECRET), 500, "Internal error"),
        (TimeoutError(SECRET), 500, "Internal error"),
        (HookFailed("demo", "facts", SECRET), 500, "Internal error"),
        (StorageUnavailable(SECRET), 503, "Service unavailable"),
        (StorageReadOnly(SECRET), 507, "Insufficient storage"),
    ],
)
async def test_an_unexpected_error_is_an_id_for_the_client_and_a_traceback_for_the_log(
    make_app, log, error, status, title
):
    logger, captured = log
    client = await make_app([failing(error)], log=logger)
    answer = await client.get("/fail")
    content = answer.json()
    assert (answer.status, content["title"], content["status"]) == (status, title, status)
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    logged = captured.calls[-1].kwargs
    assert logged["error_id"] == content["error_id"]
    assert content["error_id"] in content["detail"]
    assert logged["exc_info"] is error


async def test_a_busy_database_says_when_to_come_back(make_app):
    answer = await (await make_app([failing(StorageUnavailable("locked"))])).get("/fail")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (Conflict("it runs"), 409, {}),
        (StorageConflict("UNIQUE constraint failed: users.email"), 409, {}),
        (TooManyRequests("slow down", retry_after_s=7), 429, {"Retry-After": "7"}),
        (ServiceUnavailable("later"), 503, {"Retry-After": "5"}),
    ],
)
async def test_expected_errors_are_problems_with_a_sentence(make_app, error, status, headers):
    answer = await (await make_app([failing(error)])).get("/fail")
    assert answer.status == status
    assert set(answer.json()) == {"type", "title", "status", "detail"}
    assert isinstance(answer.detail, str)
    assert "UNIQUE" not in answer.text
    assert headers.items() <= dict(answer.headers).items()


async def test_redirects_that_a_handler_raises_are_redirects(make_app):
    answer = await (await make_app([failing(web.HTTPFound("/docs"))])).get("/fail")
    assert (answer.status, answer.headers["Location"]) == (302, "/docs")


async def test_an_answer_that_breaks_off_is_seen_to_be_broken(make_app, log):
    logger, captured = log

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half of it")
        raise RuntimeError("the disk is gone")

    client = await make_app([a_route("/half", handler=half)], log=logger)
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await client.get("/half")
    assert captured.calls[-1].kwargs["event"] == "answer_broken_off"


async def test_a_client_that_leaves_is_no_error(make_app, log, caplog):
    logger, captured = log
    left = asyncio.Event()

    async def patient(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            left.set()

    client = await make_app([a_route("/patient", handler=patient)], log=logger)
    async with client.session.get(client.url + "/patient") as response:
        await response.content.read(10)
    response.close()
    await asyncio.wait_for(left.wait(), 5)
    assert captured.calls == []
    assert "Traceback" not in caplog.text


async def test_a_plugin_that_takes_too_long_is_stopped_and_named(make_app, log, monkeypatch):
    monkeypatch.setattr(endpoint, "PLUGIN_TIMEOUT_S", 0.05)
    logger, captured = log

    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    client = await make_app([], plugin_routes={"slow": [Route("GET", "/hang", hang, PUBLIC)]}, log=logger)
    answer = await client.get("/x/slow/hang")
    assert answer.status == 500
    assert "'slow'" in answer.detail
    assert "GET /x/slow/hang" in str(captured.calls[-1].kwargs["exc_info"])


async def test_a_review_of_a_plugin_that_takes_too_long_is_stopped_and_named(make_app, monkeypatch):
    monkeypatch.setattr(endpoint, "PLUGIN_TIMEOUT_S", 0.05)

    async def hang(request: web.Request, values: object) -> list[FieldProblem]:
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    route = Route("POST", "/make", make, PUBLIC, body=Thing, review=hang)
    client = await make_app([], plugin_routes={"slow": [route]})
    answer = await client.post("/x/slow/make", json={"size": 0})
    assert (answer.status, "'slow'" in answer.detail) == (500, True)


async def test_error_answers_for_head_have_no_body(make_app):
    answer = await (await make_app(ROUTES)).head("/api/v1/things/i/a")
    assert (answer.status, answer.body) == (401, b"")


async def test_debug_log_lines_name_the_path_but_never_the_query(make_app):
    captured = CapturingLogger()
    logger = structlog.wrap_logger(captured, processors=[], wrapper_class=structlog.make_filtering_bound_logger(10))
    client = await make_app(ROUTES, log=logger)
    answer = await client.get("/api/v1/public?token=hunter2")
    line = captured.calls[-1].kwargs
    assert (line["path"], line["status"]) == ("/api/v1/public", 200)
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "hunter2" not in str(captured.calls)
