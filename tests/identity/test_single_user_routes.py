"""Sessions and API tokens where nobody logs in: the routes say so, for everybody."""

from __future__ import annotations

import pytest

from invoke_host.identity.sessions.routes import ROUTES as SESSION_ROUTES
from invoke_host.identity.tokens.routes import ROUTES as TOKEN_ROUTES
from invoke_host.web.settings import WebSettings


@pytest.mark.parametrize("route", [*SESSION_ROUTES, *TOKEN_ROUTES], ids=lambda route: f"{route.method} {route.path}")
async def test_they_are_refused_with_the_reason(make_app, route):
    client = await make_app([route], config=WebSettings(single_user=True))
    path = route.path.format(user_id="system", session_id="x", token_id="x")
    body = {"name": "t", "scopes": ["read"]} if route.body is not None else None
    answer = await client.request(route.method, path, json=body, headers={"Authorization": "Bearer left-over"})
    assert answer.status == 403
    assert answer.detail == "Multiuser mode is disabled. Authentication is not required in single-user mode."
