"""Nothing in a request blocks the event loop, and the watchdog that says so can be believed."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web

from invoke_host.images.routes import ROUTES as IMAGE_ROUTES
from invoke_host.testing.loop import watched_loop

from .things import ROUTES


async def test_requests_of_every_kind_leave_the_loop_free(make_app, loop_watchdog):
    client = (await make_app([*ROUTES, *IMAGE_ROUTES])).as_caller("alice")
    paths = ["/api/v1/things/i/a", "/api/v1/things/?limit=2", "/nothing", "/", "/docs", "/openapi.json", "/healthz"]
    answers = await asyncio.gather(*(client.get(path) for path in paths * 5))
    assert {answer.status for answer in answers} == {200, 404}


async def test_a_blocking_handler_is_caught_with_its_place():
    async def blocking(request: web.Request | None) -> None:
        time.sleep(0.12)  # noqa: ASYNC251 - the mistake that is to be caught

    with pytest.raises(AssertionError, match=r"stood still for [1-9][0-9][0-9] ms") as caught:
        async with watched_loop():
            await blocking(None)
    assert "in blocking" in str(caught.value)


async def test_waiting_is_not_blocking():
    async with watched_loop():
        await asyncio.sleep(0.12)
