"""Following a batch until all its items are finished: live over the event stream, by asking where that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from invoke_host.cli.client import HostClient, StreamEvent
from invoke_host.cli.errors import CliError, ExitCode

FINISHED = frozenset({"completed", "failed", "canceled"})

#: Without news for so long, ask the host; also how a client without an event stream gets its news.
ASK_EVERY_S = 2.0

#: So many questions in a row without an answer, and the host is gone.
_PATIENCE = 5


@dataclass(slots=True)
class ItemState:
    """What is known of one item. `share` is the finished part of its picture, 0 … 1."""

    id: int
    status: str = "pending"
    share: float = 0.0
    message: str = ""
    error: str = ""
    image_names: list[str] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it."""
        return self.status in FINISHED


class Batch:
    """The items of one request, in the order of their pictures, kept up to date from events and answers."""

    def __init__(self, item_ids: Sequence[int]) -> None:
        self.items = {item_id: ItemState(item_id) for item_id in item_ids}

    @property
    def unfinished(self) -> list[int]:
        """Ids of items that are still to come."""
        return [item.id for item in self.items.values() if not item.finished]

    @property
    def share(self) -> float:
        """How much of the whole batch is done, in items (`2.5` of 4)."""
        return sum(1.0 if item.finished else item.share for item in self.items.values())

    def take(self, event: StreamEvent) -> bool:
        """Note an event; False if it is none of ours."""
        item = self.items.get(event.payload.get("item_id", -1))
        if item is None:
            return False
        if event.kind == "progress":
            steps = event.payload.get("steps") or 0
            item.share = event.payload.get("step", 0) / steps if steps else item.share
            item.message = str(event.payload.get("message") or "")
            return True
        if event.kind == "queue_item_status_changed":
            return self.note(item, event.payload)
        return False

    def note(self, item: ItemState, row: Mapping[str, Any]) -> bool:
        """Take over status, pictures and error of an item. A finished item changes no more."""
        if item.finished:
            return False
        item.status = str(row.get("status", item.status))
        item.image_names = list(row.get("image_names") or item.image_names)
        item.error = str(row.get("error_message") or "")
        return True

    async def ask(self, client: HostClient) -> None:
        """Bring all unfinished items up to date; one that is gone counts as canceled."""
        asked = self.unfinished
        rows = {int(row["item_id"]): row for row in await client.items(asked)}
        for item_id in asked:
            self.note(self.items[item_id], rows.get(item_id, {"status": "canceled", "error_message": "was deleted"}))


@asynccontextmanager
async def listening(client: HostClient) -> AsyncIterator[asyncio.Queue[StreamEvent]]:
    """Events from now on. If the stream can't be had or breaks, the queue just stays silent."""
    queue: asyncio.Queue[StreamEvent] = asyncio.Queue()
    opened = asyncio.Event()

    async def read() -> None:
        try:
            async for event in client.events():
                opened.set()
                queue.put_nowait(event)
        except CliError:
            pass  # `follow` asks instead
        finally:
            opened.set()

    task = asyncio.create_task(read())
    try:
        await opened.wait()
        yield queue
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def follow(
    client: HostClient, batch: Batch, events: asyncio.Queue[StreamEvent], changed: Callable[[Batch], None]
) -> None:
    """Return when every item is finished; `changed` is called after each piece of news.

    Raises:
        CliError: the host stopped answering.
    """
    await batch.ask(client)
    silent = 0
    changed(batch)
    while batch.unfinished:
        try:
            async with asyncio.timeout(ASK_EVERY_S):  # not wait_for: in Python 3.11 that can swallow a Ctrl-C
                event = await events.get()
            ours = event.kind != "resync" and batch.take(event)
            if event.kind == "resync":
                await batch.ask(client)
        except TimeoutError:
            silent = await _ask_patiently(client, batch, silent)
            ours = True
        if ours:
            changed(batch)


async def _ask_patiently(client: HostClient, batch: Batch, silent: int) -> int:
    """Ask; returns how many times in a row there was no answer."""
    try:
        await batch.ask(client)
    except CliError as error:
        if error.code is not ExitCode.UNHEALTHY or silent + 1 >= _PATIENCE:
            raise
        return silent + 1
    return 0
