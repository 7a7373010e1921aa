"""Routes whose handlers read the JSON body themselves: to the byte, and behind the same checks."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from invoke_host.testing.app import AppMaker
from invoke_host.testing.client import ApiClient
from invoke_host.web import LOGGED_IN, Route, web

LIMIT = 64


class Thing(BaseModel):
    """What the API page says of the body."""

    name: str


async def echo(request: web.Request) -> web.Response:
    """The body as it came."""
    return web.Response(body=await request.read(), content_type="application/json")


@pytest.fixture
async def alice(make_app: AppMaker) -> ApiClient:
    route = Route("POST", "/raw", echo, LOGGED_IN, body=Thing, raw_body=True, body_limit_bytes=LIMIT)
    return (await make_app([route])).as_caller("alice")


async def test_the_handler_gets_the_bytes_that_were_sent(alice: ApiClient) -> None:
    for body in (b'{ "name":1.0 }', b"no json"):
        answer = await alice.request("POST", "/raw", data=body, headers={"Content-Type": "application/json"})
        assert (answer.status, answer.body) == (200, body)


async def test_type_and_size_are_checked_as_for_any_body(alice: ApiClient) -> None:
    assert (await alice.request("POST", "/raw", data=b"{}")).status == 415
    json = {"Content-Type": "application/json"}
    assert (await alice.request("POST", "/raw", data=b" " * LIMIT, headers=json)).status == 200
    assert (await alice.request("POST", "/raw", data=b" " * (LIMIT + 1), headers=json)).status == 413


async def test_the_api_page_describes_the_body(alice: ApiClient) -> None:
    operation = (await alice.get("/openapi.json")).json()["paths"]["/raw"]["post"]
    assert "Thing" in str(operation["requestBody"]["content"]["application/json"]["schema"])
    assert {"413", "415", "422"} <= set(operation["responses"])
