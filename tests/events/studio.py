"""Boards with grants, and a hub that tells of them by the host's own policies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Executable, insert, update

from invoke_host.access import AccessEngine
from invoke_host.access.policies import BUILTIN
from invoke_host.api import Actor, Policy, UserId
from invoke_host.boards.tables import board_grants, boards
from invoke_host.compose.sight import BoardSight
from invoke_host.events import store
from invoke_host.events.hub import EventHub
from invoke_host.identity.groups.tables import groups
from invoke_host.identity.tables import users
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.vocabulary import ACTIONS, RESOURCES
from tests.events.conftest import ADMIN, ALICE, BOB, NOW
from tests.events.test_hub import take

CAROL = Actor(id=UserId("carol"), kind="user", provider="test")
DAVE = Actor(id=UserId("dave"), kind="user", groups=frozenset({"painters"}), provider="test")
EVERYBODY = (ALICE, BOB, CAROL, DAVE, ADMIN)


def engine(*more: Policy) -> AccessEngine:
    return AccessEngine(ACTIONS, RESOURCES, [*(policy() for policy in BUILTIN), *more])


def write_people(conn: Connection) -> None:
    stamps = {"created_at": NOW, "updated_at": NOW}
    conn.execute(insert(users), [{"id": each.id, "email": f"{each.id}@example.org", **stamps} for each in EVERYBODY])
    conn.execute(
        insert(groups), [{"id": "painters", "name": "Painters", "name_key": "painters", "description": "", **stamps}]
    )


def write_board(conn: Connection, board_id: str, visibility: str) -> None:
    conn.execute(
        insert(boards).values(
            id=board_id, name=board_id, user_id="alice", visibility=visibility, created_at=NOW, updated_at=NOW
        )
    )


def write_grant(conn: Connection, board_id: str, user_id: str | None, group_id: str | None = None) -> None:
    conn.execute(
        insert(board_grants).values(
            board_id=board_id, user_id=user_id, group_id=group_id, role="viewer", created_at=NOW, updated_at=NOW
        )
    )


@dataclass
class Studio:
    """Alice's board `a`, a hub that tells of it, and open streams."""

    storage: Storage
    clock: FakeClock

    async def board(self, board_id: str = "a", visibility: str = "private") -> None:
        await self.storage.write(write_board, board_id, visibility)

    async def grant(self, board_id: str, user_id: str | None = None, group_id: str | None = None) -> None:
        await self.storage.write(write_grant, board_id, user_id, group_id)

    async def show(self, board_id: str, visibility: str) -> None:
        change = update(boards).where(boards.c.id == board_id).values(visibility=visibility)
        await self.storage.write(run, change)

    async def tell(self, kind: str = "images_changed", audience: str | None = "alice", **columns: Any) -> None:
        await self.storage.write(tell_of, kind, audience, columns)

    @asynccontextmanager
    async def hub(self, *policies: Policy) -> AsyncIterator[EventHub]:
        """A hub that looks at nothing before it is told to (`_dispatch_new`)."""
        hub = EventHub(
            self.storage, self.clock, structlog.get_logger(), sight=BoardSight(self.storage, engine(*policies))
        )
        await hub.start()
        try:
            yield hub
        finally:
            await hub.stop()


def run(conn: Connection, statement: Executable) -> None:
    conn.execute(statement)


def tell_of(conn: Connection, kind: str, audience: str | None, columns: dict[str, Any]) -> None:
    store.append(conn, kind, {}, None if audience is None else UserId(audience), now=NOW, **columns)


async def who_gets(hub: EventHub, studio: Studio, *actors: Actor, last: int | None = None) -> dict[str, list[str]]:
    """The kinds that wait on a new stream of each; an event for everybody at the end says that it is the end."""
    got: dict[str, list[str]] = {}
    async with AsyncExitStack() as stack:
        streams = {str(each.id): stack.enter_context(await hub.subscribe(each, last)) for each in actors}
        await studio.tell("end", None)
        for name, stream in streams.items():
            kinds: list[str] = []
            while "end" not in kinds:
                kinds += [event.kind for event in await take(stream, 1)]
            got[name] = kinds[:-1]
    return got


async def replayed(studio: Studio, *actors: Actor, policies: tuple[Policy, ...] = ()) -> set[str]:
    """Who gets what is in the outbox, all of it, when they come back now."""
    async with studio.hub(*policies) as hub:
        got = await who_gets(hub, studio, *actors, last=0)
    assert all(len(set(kinds)) <= 1 for kinds in got.values()), got
    return {name for name, kinds in got.items() if kinds}
