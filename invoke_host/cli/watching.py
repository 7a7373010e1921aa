"""Watching one's items, or those of a batch, as they finish: the work behind `invoke-host queue watch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from invoke_host.cli.client import HostClient, StreamEvent
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.following import ASK_EVERY_S, Asking, Batch, ItemState, listening

#: A host may be restarted meanwhile: it drains, updates, and loads its models.
_PATIENCE_S = 180.0

#: Items that are asked about to keep positions and times fresh; the events tell when any of the rest finishes.
_ASKED_AT_ONCE = 100


@dataclass(slots=True)
class Watch:
    """What is watched: a batch, or else the caller's items; and what is called with news.

    `finished` gets each item once, `changed` all of them after each piece of news.
    """

    client: HostClient
    finished: Callable[[ItemState], None]
    changed: Callable[[Batch], None]
    batch_id: str | None = None
    me: str = ""
    items: Batch = field(default_factory=lambda: Batch(()))
    told: set[int] = field(default_factory=set)

    async def run(self, *, forever: bool) -> Batch:
        """Return when everything has finished, or never.

        Raises:
            CliError: there is no such batch; or the host stopped answering, and was not back for minutes.
        """
        asking = Asking(patience=int(_PATIENCE_S / ASK_EVERY_S))
        async with listening(self.client) as events:
            self.me = await self.client.whoami()
            await self.look()
            if self.batch_id and not self.items.items:
                raise CliError(f"there is no batch {self.batch_id} of yours in this queue", ExitCode.NOT_FOUND)
            self._tell()
            while forever or self.items.unfinished:
                try:
                    event = await asking.event(events)
                except TimeoutError:
                    await asking.ask(self.items.ask(self.client, _ASKED_AT_ONCE))
                else:
                    if self._is_unclear(event):
                        await asking.ask(self.look())
                    elif not self._take(event):
                        continue
                    asking.postpone()
                self._tell()
        return self.items

    async def look(self) -> None:
        """Read what there is afresh: what was added, and what became of what is known."""
        if self.batch_id:
            rows = await self.client.newest(batch_id=self.batch_id)
        else:
            rows = await self.client.unfinished(mine=True)
        by_id = {int(row["item_id"]): row for row in rows}
        gone = [item_id for item_id in self.items.unfinished if item_id not in by_id]
        self.items.add(sorted(by_id))
        for item_id, row in by_id.items():
            self.items.note(self.items.items[item_id], row)
        await Batch.ask(self._only(gone), self.client)

    def _only(self, item_ids: list[int]) -> Batch:
        part = Batch(())
        part.items = {item_id: self.items.items[item_id] for item_id in item_ids}
        return part

    def _is_unclear(self, event: StreamEvent) -> bool:
        """Whether the host has to be asked what it means for the items that are watched."""
        if event.kind in ("open", "resync"):
            return True
        return event.kind == "queue_items_changed" and event.payload.get("user_id") == self.me

    def _take(self, event: StreamEvent) -> bool:
        if not self.batch_id and event.payload.get("user_id") == self.me:
            if event.kind == "batch_enqueued":
                self.items.add(event.payload["item_ids"])
                return True
            if event.kind == "queue_item_status_changed":
                self.items.add([event.payload["item_id"]])
        return self.items.take(event)

    def _tell(self) -> None:
        for item in self.items.items.values():
            if item.finished and item.id not in self.told:
                self.told.add(item.id)
                self.finished(item)
        self.changed(self.items)
