"""Bytes that are no proper request, and clients that say or take nothing, against a complete host."""

from __future__ import annotations

import asyncio
import socket
import struct

import psutil
import pytest
from aiohttp import web

from invoke_host.web.server import start as start_server

from .client import QUEUE, Client
from .listener import Listener
from .process import HostProcess, until

EVENTS = "/api/v1/events"

HEAD = b"Host: localhost\r\nConnection: close\r\n"
POST = f"POST {QUEUE}/generate HTTP/1.1\r\n".encode() + HEAD + b"Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\n" + HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\n" + HEAD + b"".join(b"X%d: 1\r\n" % i for i in range(5000)) + b"\r\n", b"400"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", b"400"),
        (b"GET /a\x00b HTTP/1.1\r\n" + HEAD + b"\r\n", b"400"),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}    ", b"400"),
        (POST + b"Content-Length: -1\r\n\r\n{}", b"400"),
        (POST + b"Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", b"415"),
        (POST + b"Content-Length: 2\r\nContent-Encoding: br\r\n\r\n{}", b"415"),
        (POST + b"Content-Length: 2\r\nExpect: the unexpected\r\n\r\n{}", b"417"),
        (b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", b"405"),
        (b"CONNECT evil.example:80 HTTP/1.1\r\n" + HEAD + b"\r\n", b"404"),
        (b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n", b"404"),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else value,
)
def test_bytes_that_are_no_proper_request_get_one_short_answer(
    target: HostProcess, victim: Client, sent: bytes, code: bytes
):
    log = target.log
    answer = victim.raw(sent)
    assert answer.split()[1] == code
    assert b"Traceback" not in answer
    assert len(answer) < 2000
    assert victim.get("/healthz").status == 200
    assert target.log == log  # nobody can fill the log with what is no request


def test_nothing_that_is_sent_comes_back_as_a_header(victim: Client):
    for path in (
        "/api/v1/images%0d%0aSet-Cookie:%20a=b",
        "/api/v1/images?x=%0d%0aSet-Cookie:%20a=b",
        "//evil.example/api/v1/images",
        "/\\evil.example/api/v1/images",
        "http://evil.example/api/v1/images",
    ):
        answer = victim.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()).decode()
        head = answer.partition("\r\n\r\n")[0].lower()
        assert "\r\nset-cookie" not in head
        location = next((line for line in head.splitlines() if line.startswith("location: ")), "location: /a")
        assert location.startswith("location: /")
        assert not location.startswith(("location: //", "location: /\\"))


def test_what_a_path_says_is_not_rendered(victim: Client):
    answer = victim.get("/%3Cscript%3Ealert(1)%3C/script%3E")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_client_that_does_not_end_the_head_of_its_request_is_cut_off():
    """By the server's idle time, which is 75 s in a real host."""
    server = await start_server(web.Application(), "127.0.0.1", 0, idle_s=0.2)
    try:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(said)
            async with asyncio.timeout(10):
                await reader.read()  # until the end of the connection
            writer.close()
    finally:
        await server.stop()


def test_a_listener_that_never_reads_costs_little_and_harms_nobody(target: HostProcess, victim: Client):
    def memory() -> int:
        return psutil.Process(target.pid).memory_info().rss

    deaf = []
    try:
        for _ in range(20):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.connect((victim.host, victim.port))
            connection.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            deaf.append(connection)
        with Listener(victim) as listener:
            for round_ in range(4):
                if round_ == 1:
                    before = memory()  # the first round warms up what each round needs
                [*_, last] = victim.generate(count=1000)["item_ids"]
                victim.put(f"{QUEUE}/cancel_all_except_current")
                listener.until(
                    "the last cancellation, or to read all anew",
                    lambda e, last=last: (
                        e.kind == "resync" or (e.kind == "queue_items_changed" and last in e.data["item_ids"])
                    ),
                )
            assert victim.get("/healthz").status == 200
            assert memory() - before < 32 * 2**20
    finally:
        for connection in deaf:
            connection.close()
    victim.put(f"{QUEUE}/clear")
    until("the host has let go of them", lambda: connections(target) <= 1)


def connections(host: HostProcess) -> int:
    """Connections that are open to a host."""
    return sum(each.status == psutil.CONN_ESTABLISHED for each in psutil.Process(host.pid).net_connections("tcp"))
