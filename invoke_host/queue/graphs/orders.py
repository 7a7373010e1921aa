"""From the body of `enqueue_batch` to an order: its model is looked up, and everything wrong is told at once."""

from __future__ import annotations

import hashlib

from invoke_host.api import FieldProblem, InvalidInput
from invoke_host.generation.judging import Catalog
from invoke_host.queue.graphs.asked import Asked, ask
from invoke_host.queue.graphs.body import EnqueueBatch
from invoke_host.queue.graphs.reading import Graph
from invoke_host.queue.graphs.wishes import Wish, wish
from invoke_host.queue.graphs.wrong import Wrong
from invoke_host.queue.making import Order, off_loop

#: Lists with more values than this are worked out on a thread.
_FEW = 100


async def order_of(body: EnqueueBatch, catalog: Catalog) -> Order:
    """What the batch asks for. Raises InvalidInput with paths into the batch."""
    graph, found = await off_loop(is_long(body), _wish, body)
    model, problems = await _model(graph, found, catalog)
    request, more = await off_loop(is_long(body), found.request, model)
    if request is None:
        raise InvalidInput([*problems, *more])
    return Order(
        request,
        graph=found.layout.to_json(),
        is_intermediate=found.asked.is_intermediate,
        place=found.place,
        also_wrong=problems,
    )


def digest_of_batch(queue_id: str, body: EnqueueBatch) -> str:
    """What tells one batch from another under the same idempotency key."""
    # Not orjson, which knows no numbers over 64 bits; a graph's metadata may hold anything.
    return hashlib.sha256(f"enqueue_batch {queue_id} {body.model_dump_json()}".encode()).hexdigest()


def is_long(body: EnqueueBatch) -> bool:
    """Would working it out hold the event loop?"""
    return sum(len(datum.items) for each in body.batch.data or () for datum in each) > _FEW


def _wish(body: EnqueueBatch) -> tuple[Graph, Wish]:
    wrong: list[Wrong] = []
    asked = ask(body.batch.graph, wrong)
    found: Wish | None = None
    if asked is not None:
        found = wish(*asked, body.batch, prepend=body.prepend, wrong=wrong)
    if asked is None or found is None:
        raise InvalidInput([FieldProblem(("body", "batch", *place), text, kind) for place, kind, text in wrong])
    return asked[0], found


async def _model(graph: Graph, found: Wish, catalog: Catalog) -> tuple[str, list[FieldProblem]]:
    """The model that the graph names, by its key, else by its name: keys differ from host to host."""
    asked: Asked = found.asked
    record = await catalog.find(asked.model_key)
    if record is None and asked.model_name is not None:
        record = catalog.get(asked.model_name)
    if record is None:
        return asked.model_key, []  # what the catalogue says of it is told with the rest
    base, kind = record.offer.base, graph.type_of(asked.loader)
    if base in asked.bases(graph):
        return record.key, []
    text = f"{kind} does not load {record.offer.name!r}, a model of the base {base!r}; take the loader for that"
    return record.key, [found.place(FieldProblem(("body", "model"), text, "model_unsupported"))]
