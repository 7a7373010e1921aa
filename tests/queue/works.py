"""A queue that is being worked on: a real dispatcher, and a painter who does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from invoke_host.blobs.tables import tombstones
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.tables import images
from invoke_host.queue.dispatcher import Dispatcher
from invoke_host.queue.service import QueueService
from invoke_host.queue.store.items import QueueItem
from invoke_host.storage.blobs import FilesystemBlobStore

from .painter import Painter

if TYPE_CHECKING:
    from .conftest import Line


@dataclass
class Emitted:
    events: list[tuple[str, Any, str | None]] = field(default_factory=list)

    def emit(self, kind: str, payload: Any, audience: str | None) -> None:
        self.events.append((kind, payload, audience))


@dataclass
class Works:
    """A queue that is being worked on."""

    line: Line
    blobs: FilesystemBlobStore
    painter: Painter
    dispatcher: Dispatcher
    service: QueueService
    emitted: Emitted
    commits: asyncio.Event

    async def until(self, item_id: int, *statuses: str) -> QueueItem:
        """The item, as soon as it has one of these statuses."""
        async with asyncio.timeout(20):
            while True:
                self.commits.clear()
                item = self.line.item(item_id)
                if item.status in statuses:
                    return item
                await self.commits.wait()

    async def idle(self) -> None:
        """Return when nothing is being worked on any more."""
        async with asyncio.timeout(20):
            while self.dispatcher.running:
                await asyncio.wait([task for _, task in self.dispatcher._running.values()])
                await asyncio.sleep(0)

    def pictures(self) -> list[tuple[int, int, str]]:
        return self.line.storage.run_read(stored_pictures)

    def files(self) -> set[str]:
        return {found.key for found in self.blobs.iter()}

    def check_files_match_rows(self) -> None:
        names = [name for _, _, name in self.pictures()]
        assert self.files() == {key for name in names for key in (image_key(name), thumbnail_key(name))}
        assert self.blobs.staged() == []
        assert self.line.storage.run_read(lambda conn: conn.execute(select(tombstones)).all()) == []
        assert self.line.drift() == []


def stored_pictures(conn: Connection) -> list[tuple[int, int, str]]:
    query = select(images.c.queue_item_id, images.c.output_index, images.c.name).order_by(images.c.id)
    return [tuple(row) for row in conn.execute(query)]


@asynccontextmanager
async def working(line, blobs, models, access, log, **options: Any) -> AsyncIterator[Works]:
    painter, emitted, commits = Painter(options.pop("places", 1)), Emitted(), asyncio.Event()
    dispatcher = Dispatcher(line.storage, blobs, painter, models, line.clock, emitted, log, poll_s=0.2, **options)
    service = QueueService(line.storage, access, models, line.clock)
    line.storage.on_commit(commits.set)
    dispatcher.start()
    try:
        yield Works(line, blobs, painter, dispatcher, service, emitted, commits)
    finally:
        painter.open.set()
        await dispatcher.stop(10.0)
