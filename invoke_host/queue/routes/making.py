"""Asking for pictures: `generate`, graphs of InvokeAI clients, and retrying what failed or was canceled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from invoke_host.api import FieldProblem
from invoke_host.generation.requests import GenerationRequest
from invoke_host.queue.batch_schema import EnqueueResult
from invoke_host.queue.graphs.body import EnqueueBatch
from invoke_host.queue.names import checked_key
from invoke_host.queue.routes.common import ROOT, TAG, queue_id_of, route, service_of
from invoke_host.queue.schema import RetriedItems, RetryIds
from invoke_host.queue.store.enqueue import Enqueued
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, web


async def generate(request: web.Request) -> web.Response:
    """Make pictures: one item of the queue for each.

    Accepted work survives any crash. With the header `Idempotency-Key` (up to 255 visible ASCII characters) a request
    can be repeated safely: the answer to a repetition is 200 and names the same items.
    """
    body = body_of(request, GenerationRequest)
    done = await service_of(request).generate(
        actor_of(request), queue_id_of(request), body, idempotency_key=_key(request)
    )
    return json_response(_answer(done), status=200 if done.repeated else 201)


async def enqueue_batch(request: web.Request) -> web.Response:
    """Make pictures from a graph, as clients of InvokeAI send it: text-to-image with Stable Diffusion.

    What this host has no way to honour is refused, with its place in the graph. The ids are the newest first.
    """
    body = body_of(request, EnqueueBatch)
    done = await service_of(request).enqueue_batch(
        actor_of(request), queue_id_of(request), body, idempotency_key=_key(request)
    )
    return json_response({**_answer(done), "item_ids": done.item_ids[::-1]})


async def retry_items(request: web.Request) -> web.Response:
    """Put failed and canceled items into the queue again, as new items; others are passed over."""
    queue_id = queue_id_of(request)
    done = await service_of(request).retry(actor_of(request), queue_id, body_of(request, RetryIds))
    return json_response({"queue_id": queue_id, "retried_item_ids": done.old_ids, "new_item_ids": done.new_ids})


async def _more_problems(request: web.Request, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
    # Only for requests that are refused anyway: a repeated one is answered also if its model is gone by now.
    return await service_of(request).problems(values)


def _key(request: web.Request) -> str | None:
    return checked_key(request.headers.getall("Idempotency-Key", []))


def _answer(done: Enqueued) -> dict[str, Any]:
    return {
        "queue_id": done.queue_id,
        "enqueued": done.enqueued,
        "requested": done.requested,
        "batch": {"batch_id": done.batch_id, "origin": done.origin, "destination": done.destination},
        "priority": done.priority,
        "item_ids": done.item_ids,
        "limited_by": done.limited_by,
    }


#: Ten thousand long prompts.
_BODY_BYTES: Final = 8 * 1024 * 1024

_REFUSALS: Final = ((403, None), (404, None), (409, None), (429, None), (503, None))

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        f"{ROOT}/generate",
        generate,
        LOGGED_IN,
        summary="Make pictures",
        tag=TAG,
        body=GenerationRequest,
        review=_more_problems,
        scope="generate",
        responses=((201, EnqueueResult), (200, EnqueueResult), *_REFUSALS),
        body_limit_bytes=_BODY_BYTES,
    ),
    Route(
        "POST",
        f"{ROOT}/enqueue_batch",
        enqueue_batch,
        LOGGED_IN,
        summary="Make pictures from a graph",
        tag=TAG,
        body=EnqueueBatch,
        scope="generate",
        responses=((200, EnqueueResult), *_REFUSALS),
        body_limit_bytes=_BODY_BYTES,
    ),
    route(
        "PUT",
        f"{ROOT}/retry_items_by_id",
        retry_items,
        "Retry items",
        RetriedItems,
        body=RetryIds,
        refusals=(403, 404, 429),
        scope="generate",
    ),
)
