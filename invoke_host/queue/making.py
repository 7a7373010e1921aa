"""From what clients ask for to items in the line: requests are resolved, priced, put to plugins, and enqueued.

Ten thousand pictures take a while to work out, so what is long is done on a thread, and all of it before the
transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, Protocol, TypeVar

import orjson
from sqlalchemy import Connection

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, AdmissionRequest, FieldProblem, InvalidInput, StorageConflict
from invoke_host.boards.access import ADD
from invoke_host.clock import Clock, timestamp
from invoke_host.faults import failpoint
from invoke_host.generation.data import how_many
from invoke_host.generation.judging import Catalog, look_for_models
from invoke_host.generation.requests import GenerationRequest, ResolvedRequest
from invoke_host.generation.resolving import Pictures, resolve
from invoke_host.queue import cost
from invoke_host.queue.store import rates
from invoke_host.queue.store.enqueue import Enqueued, NewBatch, earlier, enqueue
from invoke_host.queue.store.new_items import NewItem, NewItems, new_items
from invoke_host.queue.store.retry import Retried, prompts, retry, retryable
from invoke_host.storage import Storage, quick

P = ParamSpec("P")
T = TypeVar("T")

#: More pictures than this are worked out on a thread: about 2 ms of work.
_FEW = 100


class Admission(Protocol):
    """Who else has a word in what is enqueued (`plugins.JobAdmissions`)."""

    @property
    def asked(self) -> bool:
        """False if nobody has."""
        ...

    async def admit(self, request: AdmissionRequest) -> None:
        """Raises TooManyRequests, Forbidden or ServiceUnavailable if it is not to be."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """What one client wants: the request, and what a graph says beside it.

    `place` finds a problem's place there; `also_wrong` is what was found before the models were asked.
    """

    request: GenerationRequest
    graph: str | None = None
    is_intermediate: bool = False
    place: Callable[[FieldProblem], FieldProblem] | None = None
    also_wrong: Sequence[FieldProblem] = ()


class Maker:
    """Enqueues, and enqueues again. What it returns survives any crash."""

    def __init__(
        self,
        storage: Storage,
        access: AccessEngine,
        models: Catalog,
        clock: Clock,
        *,
        max_size: int,
        admission: Admission | None = None,
    ) -> None:
        self._storage = storage
        self._access = access
        self._models = models
        self._clock = clock
        self._max_size = max_size
        self._admission = admission

    async def known(self, batch: NewBatch) -> Enqueued | None:
        """What was accepted under the batch's key before. Raises Conflict if that was a different request."""
        return None if batch.idempotency_key is None else await self._storage.read(earlier, batch)

    async def make(self, actor: Actor, batch: NewBatch, order: Order) -> Enqueued:
        """Enqueue one item per picture.

        Raises:
            InvalidInput: the model or scheduler is unknown or unusable, or too many pictures are asked for.
            NotFound, Forbidden: the board, which is asked once more when a picture is stored; or a plugin refuses.
            Conflict: the key was used for a different request, or the batch id before.
            TooManyRequests: the queue is full, a limit is reached, or a plugin says so.
            ServiceUnavailable: a plugin that has a word in it can't be asked.
        """
        request = order.request
        if request.board_id is not None:
            await self._storage.read(self._access.authorize, actor, ADD.name, request.board_id)
        await look_for_models(dict(request), self._models)
        many = is_large(request)
        pictures = await off_loop(many, self._resolve, order)
        if order.is_intermediate:
            pictures = Pictures({**pictures.common, "is_intermediate": True}, pictures.own)
        us_per_work = await self._storage.read(_rates, pictures.models)
        items = await off_loop(many, price, pictures, us_per_work, self._native_sizes(pictures.models))
        await self._ask(actor, batch, pictures, items)
        batch = replace(batch, request=orjson.dumps(pictures.common).decode(), graph=order.graph)
        try:
            result = await self._enqueue(batch, items)
        except StorageConflict:
            # The same key at the same time, on a database that takes several writers: the other one was first.
            result = await self._enqueue(batch, items)
        failpoint("enqueue.after_commit")
        return result

    async def retry(self, actor: Actor, queue_id: str, item_ids: Sequence[int]) -> Retried:
        """Enqueue failed and canceled items again. Raises NotFound, Forbidden, TooManyRequests; then none is."""
        if self._admission is not None and self._admission.asked:
            asked = await self._storage.read(_about, self._access, actor, queue_id, item_ids)
            if asked.images:
                await self._admission.admit(asked)
        return await self._storage.write(
            retry, self._access, actor, queue_id, item_ids, max_size=self._max_size, now=self._now()
        )

    def _resolve(self, order: Order) -> Pictures:
        problems = list(order.also_wrong)
        try:
            pictures = resolve(order.request, self._models, new_seed=ids.new_seed)
        except InvalidInput as error:
            problems += error.problems if order.place is None else map(order.place, error.problems)
        if problems:
            raise InvalidInput(problems)
        return pictures

    def _native_sizes(self, models: frozenset[str]) -> dict[str, tuple[int, int] | None]:
        records = {model: self._models.get(model) for model in models}
        return {model: record.offer.native_size for model, record in records.items() if record is not None}

    async def _ask(self, actor: Actor, batch: NewBatch, pictures: Pictures, items: NewItems) -> None:
        if self._admission is None or not self._admission.asked:
            return
        await self._admission.admit(
            AdmissionRequest(
                actor=actor,
                queue_id=batch.queue_id,
                images=len(items),
                engine_s=sum(items.estimates_us) / 1e6,
                models=pictures.models,
                prompts=pictures.prompts,
                board_id=pictures.common["board_id"],
                origin=batch.origin,
                destination=batch.destination,
            )
        )

    async def _enqueue(self, batch: NewBatch, items: NewItems) -> Enqueued:
        return await self._storage.write(enqueue, batch, items, max_size=self._max_size, now=self._now())

    def _now(self) -> str:
        return timestamp(self._clock.now())


def is_large(request: GenerationRequest) -> bool:
    """Would working it out hold the event loop?"""
    return request.count * request.runs * how_many(request.data or ()) > _FEW


async def off_loop(many: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of that work, done on a thread if there is much of it."""
    return await asyncio.to_thread(work, *args, **kwargs) if many else work(*args, **kwargs)


def digest_of(queue_id: str, request: GenerationRequest) -> str:
    """What tells one request from another under the same idempotency key."""
    # A field that is younger than a key must not change what the key stands for.
    defaults = {"board_id": None, "data": None, "runs": 1}
    younger = {name for name, default in defaults.items() if getattr(request, name) == default}
    content = [queue_id, request.model_dump(mode="json", exclude=younger)]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def price(
    pictures: Pictures, us_per_work: Mapping[str, float], native_sizes: Mapping[str, tuple[int, int] | None]
) -> NewItems:
    """The items of these pictures, each with its work and what that is expected to take."""
    alike = not pictures.own or not {"model", "width", "height", "steps", "cfg_scale"} & pictures.own[0].keys()
    work = _work(pictures[0], native_sizes) if alike and pictures.own else 0.0
    model = pictures.common.get("model")
    return new_items(
        (
            NewItem(
                orjson.dumps(own).decode(),
                model or own["model"],
                work if alike else _work(pictures[index], native_sizes),
            )
            for index, own in enumerate(pictures.own)
        ),
        us_per_work,
    )


def _work(request: ResolvedRequest, native_sizes: Mapping[str, tuple[int, int] | None]) -> float:
    return cost.work(request, native_sizes.get(request.model))


@quick
def _rates(conn: Connection, models: frozenset[str]) -> dict[str, float]:
    return {model: rates.us_per_work(conn, model) for model in models}


def _about(
    conn: Connection, access: AccessEngine, actor: Actor, queue_id: str, item_ids: Sequence[int]
) -> AdmissionRequest:
    again = retryable(conn, access, actor, queue_id, item_ids)
    return AdmissionRequest(
        actor=actor,
        queue_id=queue_id,
        images=len(again),
        engine_s=sum(each.estimated_us for each in again) / 1e6,
        models=frozenset(each.model for each in again if each.model is not None),
        prompts=tuple(prompts(conn, again)),
        retry=True,
    )
