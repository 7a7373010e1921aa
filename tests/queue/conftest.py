"""A queue on real storage, people who use it, and an executor that paints small pictures from prompt and seed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from sqlalchemy import Connection, insert, select
from structlog.typing import FilteringBoundLogger

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies.admin import AdminPolicy
from invoke_host.access.policies.owner import OwnerPolicy
from invoke_host.api import Actor, ModelOffer, ModelUnusable, UserId
from invoke_host.clock import timestamp
from invoke_host.generation.requests import ResolvedRequest
from invoke_host.identity.tables import users
from invoke_host.images.drift import drift as image_drift
from invoke_host.models.service import ModelRecord
from invoke_host.queue import cost
from invoke_host.queue.store import bookings, counters
from invoke_host.queue.store import claim as claiming
from invoke_host.queue.store.enqueue import Enqueued, NewBatch, enqueue
from invoke_host.queue.store.items import ITEM_COLUMNS, QueueItem, queue_item
from invoke_host.queue.store.lanes import Order
from invoke_host.queue.store.new_items import NewItem, new_items
from invoke_host.queue.tables import queue_items
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.testing.clock import FakeClock
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .works import Works, working

ALICE = Actor(id=UserId("alice"), kind="user", display_name="Alice", provider="test")
BOB = Actor(id=UserId("bob"), kind="user", display_name="Bob", provider="test")
CAROL = Actor(id=UserId("carol"), kind="user", display_name="Carol", provider="test")
ADMIN = Actor(id=UserId("root"), kind="user", display_name="Root", is_admin=True, provider="test")

NOW = "2026-11-23 06:00:00.000"

REQUEST = ResolvedRequest(
    model="toy",
    model_hash="blake3:00",
    positive_prompt="a red apple",
    negative_prompt="",
    width=64,
    height=64,
    steps=4,
    cfg_scale=7.5,
    seed=1,
    scheduler="euler",
)


class ToyModels:
    """A catalogue with one model, which needs no files because nothing here loads it."""

    def __init__(self) -> None:
        self.record = ModelRecord(ModelOffer(key="toy", name="Toy", path=Path("/nowhere"), default=True), None)
        self.missing = False

    def get(self, key_or_name: str) -> ModelRecord | None:
        return self.record if key_or_name in ("toy", "Toy") and not self.missing else None

    def default(self) -> ModelRecord | None:
        return None if self.missing else self.record

    def close_matches(self, key_or_name: str) -> list[str]:
        return ["toy"]

    async def find(self, key_or_name: str) -> ModelRecord | None:
        return self.get(key_or_name)

    async def require(self, key: str) -> ModelRecord:
        if (record := self.get(key)) is None:
            raise ModelUnusable(f"the model {key!r} is no longer there")
        return record


@dataclass
class Line:
    """The queue's store, driven by hand: what tests say happens, in the order they say it."""

    storage: Storage
    clock: FakeClock
    max_size: int = 10_000

    def now(self) -> str:
        return timestamp(self.clock.now())

    def add(
        self, actor: Actor = ALICE, count: int = 1, *, queue: str = "default", key: str | None = None, **values: Any
    ) -> Enqueued:
        batch = NewBatch(
            queue_id=queue,
            user_id=str(actor.id),
            origin=values.get("origin"),
            destination=values.get("destination"),
            prepend=values.get("prepend", False),
            idempotency_key=key,
            request_sha256=values.get("digest", "0" * 64),
            batch_id=values.get("batch_id"),
        )
        common = {**asdict(replace(REQUEST, **values.get("request", {})))}
        del common["seed"]
        batch = replace(batch, request=orjson.dumps(common).decode())
        work = values.get("work", cost.work(REQUEST))
        items = new_items((NewItem(f'{{"seed":{seed}}}', REQUEST.model, work) for seed in range(count)), {})
        return self.storage.run_write(enqueue, batch, items, max_size=self.max_size, now=self.now())

    def claim(self, mode: Order = "fair") -> QueueItem | None:
        unit = claiming.claim
        return self.storage.run_write(unit, token=ids.new_token(), lease_s=30.0, now=self.now(), order=mode)

    def must_claim(self, mode: Order = "fair") -> QueueItem:
        item = self.claim(mode)
        assert item is not None, "nothing could be claimed"
        return item

    def order(self, mode: Order = "fair") -> list[int]:
        """Ids in the order in which the scheduler takes them."""
        order = []
        while (item := self.claim(mode)) is not None:
            order.append(item.id)
        return order

    def item(self, item_id: int) -> QueueItem:
        return self.storage.run_read(_item, item_id)

    def drift(self) -> list[str]:
        return [
            line for drift in (counters.drift, bookings.drift, image_drift) for line in self.storage.run_read(drift)
        ]


def _item(conn: Connection, item_id: int) -> QueueItem:
    return queue_item(conn.execute(select(*ITEM_COLUMNS).where(queue_items.c.id == item_id)).one())


def add_users(conn: Connection) -> None:
    names = ("alice", "bob", "carol", "root")
    rows = [
        {
            "id": name,
            "email": f"{name}@example.org",
            "display_name": name.title(),
            "created_at": NOW,
            "updated_at": NOW,
        }
        for name in names
    ]
    conn.execute(insert(users), rows)


@pytest.fixture
def access() -> AccessEngine:
    return AccessEngine(
        ACTIONS,
        RESOURCES,
        [AdminPolicy(), OwnerPolicy()],
    )


@pytest.fixture
def blobs(tmp_path: Path) -> FilesystemBlobStore:
    blobs = FilesystemBlobStore(tmp_path / "blobs")
    blobs.open()
    return blobs


@pytest.fixture
def models() -> ToyModels:
    return ToyModels()


@pytest.fixture
def log() -> FilteringBoundLogger:
    return structlog.get_logger("test")


@pytest.fixture
def line(storage: Storage, clock: FakeClock) -> Line:
    """On SQLite."""
    storage.run_write(add_users)
    return Line(storage, clock)


@pytest.fixture
def each_line(each_storage: Storage, clock: FakeClock) -> Line:
    """On SQLite and on PostgreSQL."""
    each_storage.run_write(add_users)
    return Line(each_storage, clock)


@pytest.fixture
async def works(
    line: Line, blobs: FilesystemBlobStore, models: ToyModels, access: AccessEngine, log: FilteringBoundLogger
) -> AsyncIterator[Works]:
    """It is being worked on."""
    async with working(line, blobs, models, access, log) as works:
        yield works


@pytest.fixture
async def each_works(
    each_line: Line, blobs: FilesystemBlobStore, models: ToyModels, access: AccessEngine, log: FilteringBoundLogger
) -> AsyncIterator[Works]:
    """It is being worked on, on SQLite and on PostgreSQL."""
    async with working(each_line, blobs, models, access, log) as works:
        yield works
