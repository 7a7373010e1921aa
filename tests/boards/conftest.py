"""A studio on both databases: people, a group, and the board routes over real HTTP; every answer fits its schema."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from invoke_host.access import AccessEngine
from invoke_host.api import Actor, Event, UserId
from invoke_host.audit.record import Origin
from invoke_host.audit.tables import audit_log
from invoke_host.boards.drift import drift as board_drift
from invoke_host.boards.routes import BOARDS, ROUTES
from invoke_host.boards.service import BoardService
from invoke_host.boards.tables import boards
from invoke_host.clock import timestamp
from invoke_host.events import store as events
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.tables import users
from invoke_host.images import store as images
from invoke_host.images.drift import drift as image_drift
from invoke_host.images.routes.reads import READER
from invoke_host.images.services.reading import ImageReader
from invoke_host.storage import Storage
from invoke_host.testing.app import BUILTIN_POLICIES, AppMaker
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.schemas import assert_matches_schema
from invoke_host.vocabulary import ACTIONS, RESOURCES

NOW = "2026-11-23 06:00:00.000"
LAB, CLUB = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"

#: Everybody; bob and carol are in the group Lab. Ivy's account is not active.
PEOPLE = ("alice", "bob", "carol", "dave", "ivy", "root")
MEMBERS = {LAB: ("bob", "carol"), CLUB: ("dave",)}


def actor(name: str) -> Actor:
    """The caller of that name, as the host reads them."""
    inside = frozenset(group for group, members in MEMBERS.items() if name in members)
    return Actor(UserId(name), "user", name.title(), is_admin=name == "root", groups=inside, provider="test")


CALLERS = {name: actor(name) for name in PEOPLE}
ALICE, BOB, CAROL, DAVE, ROOT = (CALLERS[name] for name in ("alice", "bob", "carol", "dave", "root"))


def fill(conn: Connection) -> None:
    times = {"created_at": NOW, "updated_at": NOW}
    people = [{"id": name, "email": f"{name}@example.org", "is_active": name != "ivy", **times} for name in PEOPLE]
    conn.execute(insert(users), [{**row, "display_name": "Bob B." if row["id"] == "bob" else None} for row in people])
    for group_id, name in ((LAB, "Lab"), (CLUB, "Club")):
        conn.execute(insert(groups).values(id=group_id, name=name, name_key=name.lower(), description="", **times))
        rows = [{"group_id": group_id, "user_id": user_id, "added_at": NOW} for user_id in MEMBERS[group_id]]
        conn.execute(insert(group_members), rows)


@dataclass
class Studio:
    """Makes boards and images, and tells what became of them."""

    storage: Storage
    clock: FakeClock
    access: AccessEngine
    random: Random = field(default_factory=lambda: Random(1))

    @property
    def service(self) -> BoardService:
        return BoardService(self.storage, self.access, self.clock)

    def now(self) -> str:
        return timestamp(self.clock.now())

    def board(self, owner: str = "alice", visibility: str = "private", name: str = "Fruit", **values: Any) -> str:
        """A board as if it had been there for long."""
        board_id = self.uuid()
        row = {"id": board_id, "name": name, "user_id": owner, "visibility": visibility}
        times = {"created_at": self.now(), "updated_at": self.now()}
        self.storage.run_write(lambda conn: conn.execute(insert(boards).values(**row, **times, **values)).rowcount)
        return board_id

    def image(self, owner: str = "alice", board_id: str | None = None, **values: Any) -> str:
        """An image, without files."""
        [name] = self.images(1, owner, board_id, **values)
        return name

    def images(self, count: int, owner: str = "alice", board_id: str | None = None, **values: Any) -> list[str]:
        """Images, oldest first, without files."""
        names = [f"{self.uuid()}.png" for _ in range(count)]
        facts = {"sha256": "0" * 64, "thumbnail_sha256": "1" * 64, "size_bytes": 1, "width": 64, "height": 64}

        def unit(conn: Connection) -> None:
            for name in names:
                row = images.NewImage(name=name, user_id=owner, board_id=board_id, **{**facts, **values})
                images.insert_image(conn, row, now=self.now())

        self.storage.run_write(unit)
        return names

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def drift(self) -> list[str]:
        """What should be true and is not; nothing, always."""
        return self.storage.run_read(lambda conn: [*board_drift(conn), *image_drift(conn)])

    def events(self, *kinds: str) -> list[Event]:
        """Events of these kinds, in order."""
        return [event for event in self.storage.run_read(events.read_after, 0, 10_000) if event.kind in kinds]

    def audited(self) -> list[tuple[str, str | None, str | None]]:
        """Action, who and on what, in order."""
        query = select(audit_log.c.action, audit_log.c.actor_id, audit_log.c.target_id).order_by(audit_log.c.id)
        return self.storage.run_read(lambda conn: list(conn.execute(query).tuples()))


def origin(who: Actor) -> Origin:
    return Origin.of(who, "192.0.2.1")


@pytest.fixture
def access() -> AccessEngine:
    return AccessEngine(ACTIONS, RESOURCES, BUILTIN_POLICIES)


@pytest.fixture
def studio(each_storage: Storage, clock: FakeClock, access: AccessEngine) -> Studio:
    each_storage.run_write(fill)
    return Studio(each_storage, clock, access)


@pytest.fixture
def small_studio(storage: Storage, clock: FakeClock, access: AccessEngine) -> Studio:
    """The same on SQLite only."""
    storage.run_write(fill)
    return Studio(storage, clock, access)


@dataclass(frozen=True)
class BoardClient:
    """One caller's way to the routes below /api/v1; checks every answer against what its route declares."""

    client: ApiClient

    def __call__(self, name: str | None) -> BoardClient:
        return replace(self, client=self.client.as_caller(name))

    async def ask(self, method: str, path: str, json: Any = None, **options: Any) -> Answer:
        """Any request; `path` begins behind /api/v1/."""
        url = f"/api/v1/{path}"
        answer = await self.client.request(method, url, **({} if json is None else {"json": json}), **options)
        route = next(each for each in ROUTES if each.method == method and _pattern(each.path).fullmatch(url))
        assert_matches_schema(route, answer.status, answer.json())
        return answer

    async def make(self, name: str = "Fruit") -> str:
        """A new board's id."""
        answer = await self.ask("POST", "boards/", params={"board_name": name})
        assert answer.status == 201, answer.text
        board_id: str = answer.json()["board_id"]
        return board_id

    async def board(self, board_id: str) -> dict[str, Any]:
        """A board that can be seen."""
        answer = await self.ask("GET", f"boards/{board_id}")
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def status(self, method: str, path: str, json: Any = None, **options: Any) -> int:
        """Only the status of a request."""
        return (await self.ask(method, path, json, **options)).status

    async def share(self, board_id: str, role: str, **who: str) -> dict[str, Any]:
        """Share a board; the grant."""
        answer = await self.ask("PUT", f"boards/{board_id}/grants", {**who, "role": role})
        assert answer.status == 200, answer.text
        grant: dict[str, Any] = answer.json()
        return grant


def _pattern(path: str) -> re.Pattern[str]:
    # Fixed words before parameters, as the router has it.
    return re.compile(re.sub(r"\\\{[^{}]+\\\}", "[^/]*", re.escape(path)))


async def serve(make_app: AppMaker, studio: Studio, services: Iterable[tuple[Any, Any]] = ()) -> BoardClient:
    """The routes; called by nobody until a name is given."""
    client = await make_app(
        ROUTES,
        storage=studio.storage,
        actions=ACTIONS,
        resources=RESOURCES,
        callers=CALLERS,
        services={BOARDS: studio.service, READER: ImageReader(studio.storage, studio.access), **dict(services)},
        clock=studio.clock,
    )
    return BoardClient(client)


@pytest.fixture
async def api(make_app: AppMaker, studio: Studio) -> BoardClient:
    return await serve(make_app, studio)
