"""What can be done with the queue, each as one call: enqueue, read, cancel, delete, retry, pause.

Nothing here speaks to the workers. A change is in the database when a method returns, and the dispatcher, told by the
commit, acts on it; another process's change is noticed within two seconds in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, FieldProblem, Forbidden, UserId
from invoke_host.clock import Clock, timestamp
from invoke_host.config.schema import QueueConfig
from invoke_host.faults import failpoint
from invoke_host.generation.judging import Catalog, find_problems
from invoke_host.generation.requests import GenerationRequest
from invoke_host.queue.bulk import Bulk
from invoke_host.queue.forecast import Forecaster
from invoke_host.queue.graphs.body import EnqueueBatch
from invoke_host.queue.graphs.orders import digest_of_batch, is_long, order_of
from invoke_host.queue.making import Admission, Maker, Order, digest_of, is_large, off_loop
from invoke_host.queue.rows import summary
from invoke_host.queue.store import batch_view, bulk, lanes, reads, state, status
from invoke_host.queue.store.batches import KEY_LIFE
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.store.enqueue import Enqueued, NewBatch
from invoke_host.queue.store.items import STATUSES, TERMINAL
from invoke_host.queue.store.listing import Filters, newest
from invoke_host.queue.store.retry import Retried
from invoke_host.storage import Storage


class QueueService:
    """The queue as clients use it. Items of others are shown redacted; changing them raises Forbidden."""

    def __init__(
        self,
        storage: Storage,
        access: AccessEngine,
        models: Catalog,
        clock: Clock,
        *,
        config: QueueConfig | None = None,
        admission: Admission | None = None,
        devices: Callable[[], int] = lambda: 1,
    ) -> None:
        self._storage = storage
        self._access = access
        self._models = models
        self._clock = clock
        self._bulk = Bulk(storage, access, clock)
        self._maker = Maker(
            storage, access, models, clock, max_size=(config or QueueConfig()).max_size, admission=admission
        )
        self._order = (config or QueueConfig()).order
        self._forecast = Forecaster(storage, clock, self._order, devices)

    # Enqueueing ----------------------------------------------------------------------------------------------------

    async def generate(
        self, actor: Actor, queue_id: str, request: GenerationRequest, *, idempotency_key: str | None = None
    ) -> Enqueued:
        """Enqueue one item per picture; when this returns, they survive any crash.

        With a key that the actor has used before for the same request, what was accepted then. Raises what
        `Maker.make` does.
        """
        batch = NewBatch(
            queue_id=queue_id,
            user_id=_user(actor),
            origin=request.origin,
            destination=request.destination,
            prepend=request.prepend,
            idempotency_key=idempotency_key,
            request_sha256=await off_loop(is_large(request), digest_of, queue_id, request),
        )
        # Before the models are asked: what was accepted once is answered again, even if its model is gone now.
        known = await self._maker.known(batch)
        return known or await self._maker.make(actor, batch, Order(request))

    async def enqueue_batch(
        self, actor: Actor, queue_id: str, body: EnqueueBatch, *, idempotency_key: str | None = None
    ) -> Enqueued:
        """The same for a graph of an InvokeAI client. Problems have their places in the batch."""
        batch = NewBatch(
            queue_id=queue_id,
            user_id=_user(actor),
            origin=body.batch.origin,
            destination=body.batch.destination,
            prepend=body.prepend,
            idempotency_key=idempotency_key,
            request_sha256=await off_loop(is_long(body), digest_of_batch, queue_id, body),
            batch_id=body.batch.batch_id,
        )
        known = await self._maker.known(batch)
        return known or await self._maker.make(actor, batch, await order_of(body, self._models))

    async def problems(self, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
        """What `generate` would refuse in these values of a request that is refused for others already."""
        return await find_problems(values, self._models)

    async def retry(self, actor: Actor, queue_id: str, item_ids: Sequence[int]) -> Retried:
        """Enqueue failed and canceled items again, each once; raises what `Maker.retry` does, and then none is."""
        return await self._maker.retry(actor, queue_id, item_ids)

    # Reading -------------------------------------------------------------------------------------------------------

    async def get(self, actor: Actor, queue_id: str, item_id: int) -> dict[str, Any]:
        """One item. Raises NotFound."""
        item = await self._storage.read(reads.one, self._access, actor, queue_id, item_id)
        await self._forecast.place([item])
        return item

    async def by_ids(self, actor: Actor, queue_id: str, item_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Those that exist, in the order asked for."""
        items = await self._storage.read(reads.by_ids, self._access, actor, queue_id, item_ids)
        await self._forecast.place(items)
        return items

    async def summaries(self, actor: Actor, queue_id: str, item_ids: Sequence[int]) -> list[dict[str, Any]]:
        """The same, shorter."""
        return [summary(item) for item in await self.by_ids(actor, queue_id, item_ids)]

    async def newest(
        self, actor: Actor, queue_id: str, which: Filters, *, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """The newest items with an id below `before`, the oldest of them first."""
        items = await self._storage.read(newest, self._access, actor, queue_id, which, before=before, limit=limit)
        await self._forecast.place(items)
        return items

    async def line(self, actor: Actor, queue_id: str, *, mine: bool, limit: int) -> list[dict[str, Any]]:
        """The first of those that wait, in the order in which they are begun; what a pause holds up only if `mine`."""
        if mine:
            items = await self._storage.read(reads.own_line, self._access, actor, queue_id, limit=limit)
            await self._forecast.place(items)
            return items
        items, ids = [], await self._forecast.line()
        while ids and len(items) < limit:  # again only where another queue's items are in between
            items += [item for item in await self.by_ids(actor, queue_id, ids[:limit]) if item["status"] == "pending"]
            ids = ids[limit:]
        return items[:limit]

    async def item_ids(
        self, queue_id: str, *, order: Literal["ASC", "DESC"], start: int | None, limit: int
    ) -> dict[str, Any]:
        """Ids of everybody's items, after `start` in the order asked for."""
        return await self._storage.read(reads.item_ids, queue_id, descending=order == "DESC", start=start, limit=limit)

    async def current(self, actor: Actor, queue_id: str) -> dict[str, Any] | None:
        """The item that runs (the longest), or None."""
        return await self._storage.read(reads.current, self._access, actor, queue_id)

    async def upcoming(self, actor: Actor, queue_id: str) -> dict[str, Any] | None:
        """The item that the scheduler takes next, or None."""
        item = await self._storage.read(
            reads.upcoming, self._access, actor, queue_id, order=self._order, now=self._now()
        )
        if item is not None:
            await self._forecast.place([item])
        return item

    async def status(self, actor: Actor, queue_id: str) -> dict[str, Any]:
        """Counts, the running item, and the processor."""
        return await self._storage.read(status.overall, self._access, actor, queue_id)

    async def batch_status(self, actor: Actor, queue_id: str, batch_id: str) -> dict[str, Any]:
        """How far a batch is. Raises NotFound."""
        return await self._storage.read(batch_view.status, self._access, actor, queue_id, batch_id)

    async def batch(self, actor: Actor, queue_id: str, batch_id: str) -> dict[str, Any]:
        """What was asked for together, and how far it is. Raises NotFound."""
        return await self._storage.read(batch_view.one, self._access, actor, queue_id, batch_id)

    async def counts_by_destination(self, actor: Actor, queue_id: str, destination: str) -> dict[str, Any]:
        """How many of the items for a destination are in each status, of those the actor may view."""
        return await self._storage.read(status.of_destination, self._access, actor, queue_id, destination)

    # Canceling and deleting ----------------------------------------------------------------------------------------

    async def cancel(self, actor: Actor, queue_id: str, item_id: int) -> dict[str, Any]:
        """Cancel an item and return it; once this returns, no picture of it will appear. Raises NotFound, Forbidden."""
        await self._storage.write(bulk.cancel_one, self._access, actor, queue_id, item_id, now=self._now())
        failpoint("cancel.after_commit")
        return await self.get(actor, queue_id, item_id)

    async def delete(self, actor: Actor, queue_id: str, item_id: int) -> None:
        """Remove an item, stopping it if it runs. Raises NotFound, Forbidden."""
        await self._storage.write(
            bulk.delete_one,
            self._access,
            actor,
            queue_id,
            item_id,
            forget_before=self._forget_before(),
            now=self._now(),
        )

    async def cancel_by_batch_ids(self, actor: Actor, queue_id: str, batch_ids: Sequence[str]) -> int:
        """Cancel what is unfinished in these batches; returns how many items this call canceled."""
        return await self._bulk.cancel(actor, Selection(queue_id, bulk.UNFINISHED, batch_ids=tuple(batch_ids)))

    async def cancel_by_destination(self, actor: Actor, queue_id: str, destination: str) -> int:
        """Cancel what is unfinished for a destination; returns how many items this call canceled."""
        return await self._bulk.cancel(actor, Selection(queue_id, bulk.UNFINISHED, destination=destination))

    async def cancel_all_except_current(self, actor: Actor, queue_id: str) -> int:
        """Cancel what waits; returns how many items this call canceled."""
        return await self._bulk.cancel(actor, Selection(queue_id, ("pending",)))

    async def delete_all_except_current(self, actor: Actor, queue_id: str) -> int:
        """Remove what waits; returns how many items this call removed."""
        return await self._bulk.delete(actor, Selection(queue_id, ("pending",)))

    async def delete_by_destination(self, actor: Actor, queue_id: str, destination: str) -> int:
        """Remove all items for a destination, stopping those that run; returns how many."""
        return await self._bulk.delete_all(actor, Selection(queue_id, STATUSES, destination=destination))

    async def clear(self, actor: Actor, queue_id: str) -> int:
        """Remove all items, stopping those that run; returns how many."""
        return await self._bulk.delete_all(actor, Selection(queue_id, STATUSES))

    async def prune(self, actor: Actor, queue_id: str, *, mine: bool = False) -> int:
        """Remove the finished items, the actor's own only if `mine`; returns how many."""
        return await self._bulk.delete(actor, Selection(queue_id, TERMINAL, user_id=str(actor.id) if mine else None))

    # The processor -------------------------------------------------------------------------------------------------

    async def set_paused(self, queue_id: str, paused: bool) -> dict[str, bool]:
        """Stop or resume taking items of this queue; what runs goes on. Lasts over restarts."""
        await self._storage.write(state.set_paused, queue_id, paused, now=self._now())
        self._forecast.forget()
        return await self._storage.read(status.processor, queue_id)

    async def set_own_paused(self, actor: Actor, paused: bool) -> dict[str, bool]:
        """Stop or resume taking the actor's own items, of all queues; what runs goes on."""
        await self._storage.write(lanes.pause_own, _user(actor), paused)
        self._forecast.forget()
        return {"user_paused": paused}

    def _forget_before(self) -> str:
        return timestamp(self._clock.now() - KEY_LIFE)

    def _now(self) -> str:
        return timestamp(self._clock.now())


def _user(actor: Actor) -> UserId:
    if actor.id is None:
        raise Forbidden("Only users can enqueue.")  # routes let no anonymous caller through
    return actor.id
