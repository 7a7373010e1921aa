"""Listening and stopping."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import aiohttp
import pytest
from aiohttp import web

from invoke_host.api import StartupError
from invoke_host.testing.app import run_app
from invoke_host.web import inputs, server

from .things import a_route


def app_with(handler) -> web.Application:
    app = web.Application()
    app.router.add_get("/", handler)
    return app


async def refused(port: int) -> None:
    """Return once nobody listens there any more."""
    with contextlib.suppress(ConnectionError):
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_port_zero_takes_a_free_port_and_says_which():
    running = await server.start(app_with(hello), "127.0.0.1", 0)
    try:
        assert running.url == f"http://127.0.0.1:{running.port}"
        async with aiohttp.ClientSession() as session, session.get(running.url) as response:
            assert await response.text() == "hello"
    finally:
        await running.stop()


async def test_an_ipv6_address_has_brackets_in_the_url():
    running = await server.start(app_with(hello), "::1", 0)
    await running.stop()
    assert running.url == f"http://[::1]:{running.port}"


async def test_a_busy_port_is_told_with_the_remedy():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=f"127.0.0.1 port {port}.*another program.*--port"):
            await server.start(app_with(hello), "127.0.0.1", port)


async def test_an_address_of_another_machine_is_told():
    with pytest.raises(StartupError, match="no such address"):
        await server.start(app_with(hello), "192.0.2.1", 0)


async def test_stopping_lets_running_requests_finish_and_refuses_new_ones():
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        entered.set()
        await go_on.wait()
        return web.Response(text="finished")

    running = await server.start(app_with(slow), "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:

        async def ask() -> str:
            async with session.get(running.url) as response:
                return await response.text()

        asked = asyncio.create_task(ask())
        await entered.wait()
        stopping = asyncio.create_task(running.stop())
        await refused(running.port)
        go_on.set()
        assert await asked == "finished"
        await stopping


async def test_stopping_cuts_off_what_does_not_finish():
    entered = asyncio.Event()

    async def endless(request: web.Request) -> web.Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    running = await server.start(app_with(endless), "127.0.0.1", 0, finish_s=0.05)
    async with aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.get(running.url))
        await entered.wait()
        async with asyncio.timeout(5):
            await running.stop()
        with pytest.raises(aiohttp.ClientError):
            await asked


async def test_stopping_ends_open_streams_at_once(storage):
    async def forever(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begin")
        await asyncio.Event().wait()
        return response

    async with asyncio.timeout(5), run_app([a_route("/s", handler=forever, stream=True)], storage=storage) as client:
        response = await client.session.get(client.url + "/s")
        assert await response.content.read(5) == b"begin"
    response.close()


async def test_stopping_twice_is_harmless():
    running = await server.start(app_with(hello), "127.0.0.1", 0)
    await running.stop()
    await running.stop()


async def raw(url: str, sent: bytes) -> bytes:
    """What comes back for these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nBad Header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    ],
)
async def test_what_is_not_http_is_400_and_closes_the_connection(make_app, sent):
    client = await make_app([])
    answer = await raw(client.url, sent)
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"Traceback" not in answer


async def test_a_damaged_chunked_body_is_400(make_app, log):
    logger, captured = log
    client = await make_app([a_route("/t", method="POST", body=dict)], log=logger)
    head = b"POST /t HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await raw(client.url, head + b"not a size\r\n{}\r\n0\r\n\r\n")
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert captured.calls == []


async def test_a_body_that_never_comes_is_given_up(make_app, monkeypatch):
    monkeypatch.setattr(inputs, "BODY_TIMEOUT_S", 0.05)
    client = await make_app([a_route("/t", method="POST", body=dict)])
    head = b"POST /t HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\n"
    answer = await raw(client.url, head + b"Content-Length: 9\r\n\r\n")
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"did not arrive" in answer
