"""Headers that no answer lacks, whoever made it."""

from __future__ import annotations

import pytest
from aiohttp import web

from invoke_host.api import PUBLIC

from .things import ROUTES, a_route

WANTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "invoke-host",
}


async def broken(request: web.Request) -> web.Response:
    raise RuntimeError


async def streamed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write_eof(b"x")
    return response


async def cached(request: web.Request) -> web.Response:
    return web.Response(
        headers={"Cache-Control": "private, max-age=60", "Content-Security-Policy": "default-src 'self'"}
    )


MORE = (
    a_route("/broken", handler=broken),
    a_route("/streamed", handler=streamed),
    a_route("/cached", handler=cached),
    a_route("/upload", PUBLIC, method="POST", body=dict),
)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/public", 200),
        ("GET", "/api/v1/me", 401),
        ("GET", "/nothing", 404),
        ("PUT", "/api/v1/public", 405),
        ("GET", "/broken", 500),
        ("GET", "/streamed", 200),
        ("POST", "/upload", 422),
        ("GET", "/api/v1/things", 308),
        ("GET", "/", 200),
        ("GET", "/docs", 200),
        ("GET", "/static/app.css", 200),
        ("GET", "/static/swagger/swagger-ui.css", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/healthz", 200),
        ("HEAD", "/docs", 200),
    ],
)
async def test_every_answer_carries_the_security_headers(make_app, method, path, status):
    answer = await (await make_app([*ROUTES, *MORE])).request(method, path)
    assert answer.status == status
    assert WANTED.items() <= dict(answer.headers).items()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Request-Id"]


async def test_answers_are_not_stored_unless_the_handler_says_so(make_app):
    client = await make_app([*ROUTES, *MORE])
    assert (await client.get("/api/v1/public")).headers["Cache-Control"] == "no-store"
    answer = await client.get("/cached")
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    assert answer.headers["Content-Security-Policy"] == "default-src 'self'"


async def test_request_ids_differ(make_app):
    client = await make_app()
    ids = {(await client.get("/healthz")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
