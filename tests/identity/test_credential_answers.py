"""Answers about sessions and tokens are what the API description says."""

from __future__ import annotations

import pytest

from invoke_host.identity.sessions.routes import ROUTES as SESSION_ROUTES
from invoke_host.identity.tokens.routes import ROUTES as TOKEN_ROUTES
from invoke_host.testing.schemas import assert_matches_schema
from tests.identity.credential_host import bearer, credential_host


@pytest.mark.parametrize("route", [*SESSION_ROUTES, *TOKEN_ROUTES], ids=lambda route: f"{route.method} {route.path}")
async def test_each_answer_matches_its_schema(storage, clock, tmp_path, log, route):
    async with credential_host(storage, clock, tmp_path, log.logger) as host:
        root, other = await host.login("root"), await host.login("root")
        await host.api_token(user_id="root")
        ((token_id,),) = host.rows("SELECT id FROM api_tokens")
        path = route.path.format(user_id="root", session_id=other.session.id, token_id=token_id)
        body = None if route.body is None else {"name": "t", "scopes": ["read", "admin"], "expires_in_days": 5}
        answer = await host.client.request(route.method, path, json=body, headers=bearer(root))
        assert answer.status in (200, 201, 204)
        assert_matches_schema(route, answer.status, answer.json())
