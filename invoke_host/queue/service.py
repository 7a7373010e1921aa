"""What can be done with the queue, each as one call: enqueue, read, cancel, delete, retry, pause.

Nothing here speaks to the workers. A change is in the database when a method returns, and the dispatcher, told by the
commit, acts on it; another process's change is noticed within two seconds in the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, FieldProblem, Forbidden, StorageConflict, UserId
from invoke_host.boards.access import ADD
from invoke_host.clock import Clock, timestamp
from invoke_host.config.schema import QueueConfig
from invoke_host.faults import failpoint
from invoke_host.generation.requests import Catalog, GenerationRequest, find_problems, resolve
from invoke_host.queue.rows import summary
from invoke_host.queue.store import bulk, reads, state, status
from invoke_host.queue.store.batches import KEY_LIFE
from invoke_host.queue.store.bulk import Selection
from invoke_host.queue.store.enqueue import Enqueued, NewBatch, earlier, enqueue
from invoke_host.queue.store.items import STATUSES, TERMINAL, Status
from invoke_host.queue.store.retry import Retried, retry
from invoke_host.storage import Storage

_UNFINISHED: tuple[Status, ...] = ("pending", "in_progress")


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
    ) -> None:
        self._storage = storage
        self._access = access
        self._models = models
        self._clock = clock
        self._max_size = (config or QueueConfig()).max_size

    # Enqueueing ----------------------------------------------------------------------------------------------------

    async def generate(
        self, actor: Actor, queue_id: str, request: GenerationRequest, *, idempotency_key: str | None = None
    ) -> Enqueued:
        """Enqueue one item per picture; when this returns, they survive any crash.

        With a key that the actor has used before for the same request, what was accepted then.

        Raises:
            InvalidInput: the model or scheduler is unknown or unusable.
            NotFound, Forbidden: the board, which is asked once more when a picture is stored.
            Conflict: the key was used for a different request.
            TooManyRequests: the queue is full.
        """
        owner = _user(actor)
        # Before the models are asked: what was accepted once is answered again, even if its model is gone now.
        batch = NewBatch(
            queue_id=queue_id,
            user_id=owner,
            origin=request.origin,
            destination=request.destination,
            prepend=request.prepend,
            idempotency_key=idempotency_key,
            request_sha256=_digest(queue_id, request),
        )
        if idempotency_key is not None:
            known = await self._storage.read(earlier, batch)
            if known is not None:
                return known
        if request.board_id is not None:
            await self._storage.read(self._access.authorize, actor, ADD.name, request.board_id)
        if request.model is not None:
            await self._models.find(request.model)
        resolved = [each.to_json() for each in resolve(request, self._models, new_seed=ids.new_seed)]
        try:
            result = await self._enqueue(batch, resolved)
        except StorageConflict:
            # The same key at the same time, on a database that takes several writers: the other one was first.
            result = await self._enqueue(batch, resolved)
        failpoint("enqueue.after_commit")
        return result

    async def problems(self, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
        """What `generate` would refuse in these values of a request that is refused for others already."""
        return await find_problems(values, self._models)

    async def _enqueue(self, batch: NewBatch, requests: Sequence[str]) -> Enqueued:
        return await self._storage.write(enqueue, batch, requests, max_size=self._max_size, now=self._now())

    async def retry(self, actor: Actor, queue_id: str, item_ids: Sequence[int]) -> Retried:
        """Enqueue failed and canceled items again. Raises NotFound, Forbidden, TooManyRequests; then none is."""
        return await self._storage.write(
            retry, self._access, actor, queue_id, item_ids, max_size=self._max_size, now=self._now()
        )

    # Reading -------------------------------------------------------------------------------------------------------

    async def get(self, actor: Actor, queue_id: str, item_id: int) -> dict[str, Any]:
        """One item. Raises NotFound."""
        return await self._storage.read(reads.one, self._access, actor, queue_id, item_id)

    async def by_ids(self, actor: Actor, queue_id: str, item_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Those that exist, in the order asked for."""
        return await self._storage.read(reads.by_ids, self._access, actor, queue_id, item_ids)

    async def summaries(self, actor: Actor, queue_id: str, item_ids: Sequence[int]) -> list[dict[str, Any]]:
        """The same, shorter."""
        return [summary(item) for item in await self.by_ids(actor, queue_id, item_ids)]

    async def newest(
        self, actor: Actor, queue_id: str, *, destination: str | None, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """The newest items with an id below `before`, the oldest of them first."""
        return await self._storage.read(
            reads.newest, self._access, actor, queue_id, destination=destination, before=before, limit=limit
        )

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
        return await self._storage.read(reads.upcoming, self._access, actor, queue_id)

    async def status(self, actor: Actor, queue_id: str) -> dict[str, Any]:
        """Counts, the running item, and the processor."""
        return await self._storage.read(status.overall, self._access, actor, queue_id)

    async def batch_status(self, actor: Actor, queue_id: str, batch_id: str) -> dict[str, Any]:
        """How far a batch is. Raises NotFound."""
        return await self._storage.read(status.of_batch, self._access, actor, queue_id, batch_id)

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
        return await self._cancel(actor, Selection(queue_id, _UNFINISHED, batch_ids=tuple(batch_ids)))

    async def cancel_by_destination(self, actor: Actor, queue_id: str, destination: str) -> int:
        """Cancel what is unfinished for a destination; returns how many items this call canceled."""
        return await self._cancel(actor, Selection(queue_id, _UNFINISHED, destination=destination))

    async def cancel_all_except_current(self, actor: Actor, queue_id: str) -> int:
        """Cancel what waits; returns how many items this call canceled."""
        return await self._cancel(actor, Selection(queue_id, ("pending",)))

    async def delete_all_except_current(self, actor: Actor, queue_id: str) -> int:
        """Remove what waits; returns how many items this call removed."""
        return await self._delete(actor, Selection(queue_id, ("pending",)))

    async def delete_by_destination(self, actor: Actor, queue_id: str, destination: str) -> int:
        """Remove all items for a destination, stopping those that run; returns how many."""
        active = await self._delete(actor, Selection(queue_id, _UNFINISHED, destination=destination))
        return active + await self._delete(actor, Selection(queue_id, TERMINAL, destination=destination))

    async def clear(self, actor: Actor, queue_id: str) -> int:
        """Remove all items, stopping those that run; returns how many."""
        active = await self._delete(actor, Selection(queue_id, _UNFINISHED))
        # All statuses: what finished meanwhile goes too.
        return active + await self._delete(actor, Selection(queue_id, STATUSES))

    async def prune(self, actor: Actor, queue_id: str) -> int:
        """Remove the finished items; returns how many."""
        return await self._delete(actor, Selection(queue_id, TERMINAL))

    async def _cancel(self, actor: Actor, which: Selection) -> int:
        rest: Selection | None = await self._bounded(which)
        count = 0
        while rest is not None:
            step = await self._storage.write(bulk.cancel_step, self._access, actor, rest, now=self._now())
            failpoint("cancel.after_commit")
            count, rest = count + step.count, step.rest
        return count

    async def _delete(self, actor: Actor, which: Selection) -> int:
        forget_before = self._forget_before()
        rest: Selection | None = await self._bounded(which)
        count = 0
        while rest is not None:
            step = await self._storage.write(
                bulk.delete_step, self._access, actor, rest, forget_before=forget_before, now=self._now()
            )
            count, rest = count + step.count, step.rest
        return count

    async def _bounded(self, which: Selection) -> Selection:
        through = await self._storage.read(bulk.newest_id)
        return Selection(which.queue_id, which.statuses, which.batch_ids, which.destination, through=through)

    # The processor -------------------------------------------------------------------------------------------------

    async def set_paused(self, paused: bool) -> dict[str, bool]:
        """Stop or resume taking items, of all queues; what runs goes on. Lasts over restarts."""
        await self._storage.write(state.set_paused, paused)
        return await self._storage.read(status.processor)

    def _forget_before(self) -> str:
        return timestamp(self._clock.now() - KEY_LIFE)

    def _now(self) -> str:
        return timestamp(self._clock.now())


def _user(actor: Actor) -> UserId:
    if actor.id is None:
        raise Forbidden("Only users can enqueue.")  # routes let no anonymous caller through
    return actor.id


def _digest(queue_id: str, request: GenerationRequest) -> str:
    # A field that is younger than a key must not change what the key stands for.
    younger = {"board_id"} if request.board_id is None else set()
    content = [queue_id, request.model_dump(mode="json", exclude=younger)]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
