"""Following items until they are finished: live over the event stream, by asking where that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
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

#: Before the stream is asked for again after a cut: at first, and at most.
_AGAIN_S, _AGAIN_AT_MOST_S = 0.5, 5.0

#: Kinds of events after which it is not known what was missed.
_READ_AFRESH = ("open", "resync")


@dataclass(slots=True)
class ItemState:
    """What is known of one item. `share` is the finished part of its picture, 0 … 1.

    `position` is its place in line, and `estimated_start_at` the host's guess of when it starts; None: nobody knows.
    """

    id: int
    status: str = "pending"
    share: float = 0.0
    message: str = ""
    error: str = ""
    image_names: list[str] = field(default_factory=list)
    position: int | None = None
    estimated_start_at: str | None = None

    @property
    def finished(self) -> bool:
        """Nothing more will happen to it."""
        return self.status in FINISHED


class Batch:
    """The items of one request, in the order of their pictures, kept up to date from events and answers."""

    def __init__(self, item_ids: Iterable[int]) -> None:
        self.items = {item_id: ItemState(item_id) for item_id in item_ids}

    def add(self, item_ids: Iterable[int]) -> None:
        """Follow these items too."""
        for item_id in item_ids:
            self.items.setdefault(item_id, ItemState(item_id))

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
            item.share = _share(event.payload, item.share)
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
        item.position, item.estimated_start_at = row.get("position"), row.get("estimated_start_at")
        item.image_names = list(row.get("image_names") or item.image_names)
        item.error = str(row.get("error_message") or "")
        return True

    async def ask(self, client: HostClient, at_most: int | None = None) -> None:
        """Bring unfinished items up to date, all or the first so many; one that is gone counts as canceled."""
        asked = self.unfinished[:at_most]
        rows = {int(row["item_id"]): row for row in await client.items(asked)}
        for item_id in asked:
            self.note(self.items[item_id], rows.get(item_id, {"status": "canceled", "error_message": "was deleted"}))


@asynccontextmanager
async def listening(client: HostClient) -> AsyncIterator[asyncio.Queue[StreamEvent]]:
    """Events from now on. A stream that breaks is asked for again, from where it broke; until then it is silent."""
    queue: asyncio.Queue[StreamEvent] = asyncio.Queue()
    opened = asyncio.Event()

    async def read() -> None:
        pause, seen = _AGAIN_S, None
        while True:
            with suppress(CliError):  # whoever follows asks instead, and is told if the host is gone
                async for event in client.events(after=seen):
                    if not opened.is_set():
                        opened.set()  # before anything was missed
                    else:
                        queue.put_nowait(event)
                    pause, seen = _AGAIN_S, event.id or seen
            opened.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _AGAIN_AT_MOST_S)

    task = asyncio.create_task(read())
    try:
        await opened.wait()
        yield queue
    finally:
        while not task.done():  # what breaks while it is canceled can hide the cancellation from it
            task.cancel()
            await asyncio.wait({task}, timeout=_AGAIN_S)


async def follow(
    client: HostClient, batch: Batch, events: asyncio.Queue[StreamEvent], changed: Callable[[Batch], None]
) -> None:
    """Return when every item is finished; `changed` is called after each piece of news.

    Raises:
        CliError: the host stopped answering.
    """
    await batch.ask(client)
    changed(batch)
    asking = Asking()
    while batch.unfinished:
        try:
            event = await asking.event(events)
        except TimeoutError:
            await asking.ask(batch.ask(client))
        else:
            if event.kind in _READ_AFRESH:
                await asking.ask(batch.ask(client))
            elif not batch.take(event):
                continue
            asking.postpone()
        changed(batch)


class Asking:
    """When to ask the host: while there is no news of what is followed, and after a stream broke.

    After so many questions in a row without an answer (`patience`) the host is gone.
    """

    def __init__(self, patience: int = _PATIENCE) -> None:
        self._patience = patience
        self._silent = 0
        self.postpone()

    def postpone(self) -> None:
        """There was news."""
        self._at = asyncio.get_running_loop().time() + ASK_EVERY_S

    async def event(self, events: asyncio.Queue[StreamEvent]) -> StreamEvent:
        """The next event. Raises TimeoutError when it is time to ask."""
        async with asyncio.timeout_at(self._at):  # not wait_for: in Python 3.11 that can swallow a Ctrl-C
            return await events.get()

    async def ask(self, question: Awaitable[None]) -> None:
        """Ask; that there is no answer is borne a few times in a row."""
        self.postpone()
        try:
            await question
        except CliError as error:
            self._silent += 1
            if error.code is not ExitCode.UNHEALTHY or self._silent >= self._patience:
                raise
        else:
            self._silent = 0


def _share(progress: Mapping[str, Any], before: float) -> float:
    steps, percentage = progress.get("steps"), progress.get("percentage")
    if steps:
        return float(progress.get("step", 0)) / float(steps)
    return before if percentage is None else float(percentage)
