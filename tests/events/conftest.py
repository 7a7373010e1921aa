"""A hub on real storage, its stream over real HTTP, and a reader of that stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest
import structlog
from sqlalchemy import Connection

from invoke_host.api import Actor, UserId
from invoke_host.events import store
from invoke_host.events.hub import EventHub
from invoke_host.events.routes import HUB, ROUTES
from invoke_host.storage import Storage
from invoke_host.testing.app import run_app
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock

if TYPE_CHECKING:
    from tests.events.studio import Studio

ALICE = Actor(id=UserId("alice"), kind="user", provider="test")
BOB = Actor(id=UserId("bob"), kind="user", provider="test")
ADMIN = Actor(id=UserId("root"), kind="user", is_admin=True, provider="test")
CALLERS = {"alice": ALICE, "bob": BOB, "root": ADMIN}

NOW = "2026-11-23 06:00:00.000"


def append_all(conn: Connection, count: int, audience: str | None, kind: str, first: int) -> None:
    user = None if audience is None else UserId(audience)
    for number in range(first, first + count):
        store.append(conn, kind, {"number": number}, user, now=NOW)


@dataclass
class Outbox:
    """Writes numbered events, as a slice does in its own transactions."""

    storage: Storage
    written: int = 0

    async def write(self, count: int = 1, audience: str | None = "alice", kind: str = "images_changed") -> None:
        await self.storage.write(append_all, count, audience, kind, self.written + 1)
        self.written += count


@pytest.fixture
def outbox(storage: Storage) -> Outbox:
    return Outbox(storage)


@pytest.fixture
async def hub(storage: Storage, clock: FakeClock) -> AsyncIterator[EventHub]:
    hub = EventHub(storage, clock, structlog.get_logger(), poll_s=0.05)
    await hub.start()
    yield hub
    await hub.stop()


@dataclass(frozen=True)
class Message:
    """One message of the stream, as a browser's EventSource hands it out."""

    id: int | None
    kind: str
    data: Any

    @property
    def number(self) -> int:
        return int(self.data["number"])


class Stream:
    """The client's side of an open stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.comments = 0

    async def next(self) -> Message:
        """The next message; raises EOFError at the end of the stream and TimeoutError after ten seconds."""
        async with asyncio.timeout(10):
            while True:
                fields: dict[str, str] = {}
                while line := (await self._line()):
                    name, _, value = line.partition(":")
                    self.comments += not name
                    fields[name] = value.removeprefix(" ")
                if "data" in fields:
                    number = int(fields["id"]) if "id" in fields else None
                    return Message(number, fields.get("event", "message"), orjson.loads(fields["data"]))

    async def take(self, count: int) -> list[Message]:
        """So many messages."""
        return [await self.next() for _ in range(count)]

    async def comment(self) -> None:
        """Wait for a comment line."""
        async with asyncio.timeout(10):
            while not (await self._line()).startswith(":"):
                pass

    async def _line(self) -> str:
        line = await self.response.content.readline()
        if not line:
            raise EOFError
        return line.decode().rstrip("\r\n")


Connect = Callable[..., AbstractAsyncContextManager[Stream]]


@pytest.fixture
async def api(hub: EventHub, storage: Storage, clock: FakeClock) -> AsyncIterator[ApiClient]:
    async with run_app(ROUTES, storage=storage, callers=CALLERS, services={HUB: hub}, clock=clock) as client:
        yield client


@pytest.fixture
def connect(api: ApiClient, hub: EventHub) -> Connect:
    """`connect("alice", last=7)` opens a stream; when it is entered, the hub has the client."""

    @asynccontextmanager
    async def open_stream(caller: str, last: object = None, query: str = "") -> AsyncIterator[Stream]:
        headers = dict(api.as_caller(caller).headers)
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        async with api.session.get(f"{api.url}/api/v1/events{query}", headers=headers) as response:
            assert response.status == 200, await response.text()
            yield Stream(response)

    return open_stream


@pytest.fixture
async def studio(each_storage: Storage, clock: FakeClock) -> Studio:
    """Alice, Bob and others on an empty host."""
    from tests.events.studio import Studio, write_people

    await each_storage.write(write_people)
    return Studio(each_storage, clock)
