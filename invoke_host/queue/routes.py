"""The queue routes, with the paths, names and success codes that InvokeAI clients know, and `generate`.

They are LOGGED_IN and not `requires(...)`: everybody may see that an item exists, so an item that may not be changed
answers 403, which the units of work decide in the transaction that changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Literal

from invoke_host.api import FieldProblem, Scope
from invoke_host.generation.requests import GenerationRequest
from invoke_host.queue.names import checked_batch_id, checked_destination, checked_key, checked_queue_id
from invoke_host.queue.schema import (
    MAX_ITEMS,
    BatchIds,
    BatchStatus,
    CanceledCount,
    DeletedCount,
    DestinationCounts,
    DestinationQuery,
    EnqueueResult,
    IdsQuery,
    ItemIds,
    ItemIdsPage,
    ListQuery,
    ProcessorStatus,
    QueueAndProcessorStatus,
    QueueItemDTO,
    QueueItemSummary,
    RetriedItems,
    RetryIds,
)
from invoke_host.queue.service import QueueService
from invoke_host.web import ADMIN, LOGGED_IN, Access, Route, actor_of, body_of, json_response, path_int, query_of, web

QUEUE: Final = web.AppKey("queue", QueueService)


async def generate(request: web.Request) -> web.Response:
    """Make pictures: one item of the queue for each.

    Accepted work survives any crash. With the header `Idempotency-Key` (up to 255 visible ASCII characters) a request
    can be repeated safely: the answer to a repetition is 200 and names the same items.
    """
    body = body_of(request, GenerationRequest)
    key = checked_key(request.headers.getall("Idempotency-Key", []))
    done = await _service(request).generate(actor_of(request), _queue_id(request), body, idempotency_key=key)
    answer = {
        "queue_id": done.queue_id,
        "enqueued": done.enqueued,
        "requested": done.requested,
        "batch": {"batch_id": done.batch_id, "origin": done.origin, "destination": done.destination},
        "priority": done.priority,
        "item_ids": done.item_ids,
    }
    return json_response(answer, status=200 if done.repeated else 201)


async def _more_problems(request: web.Request, values: Mapping[str, Any]) -> Sequence[FieldProblem]:
    # Only for requests that are refused anyway: a repeated one is answered also if its model is gone by now.
    return await _service(request).problems(values)


async def list_all(request: web.Request) -> web.Response:
    """The newest items, the oldest of them first."""
    query = query_of(request, ListQuery)
    items = await _service(request).newest(
        actor_of(request),
        _queue_id(request),
        destination=query.destination,
        before=query.before,
        limit=query.limit,
    )
    return json_response(items)


async def item_ids(request: web.Request) -> web.Response:
    """Ids of everybody's items, by default the newest first."""
    query = query_of(request, IdsQuery)
    page = await _service(request).item_ids(
        _queue_id(request), order=query.order_dir, start=query.start, limit=query.limit
    )
    return json_response(page)


async def items_by_ids(request: web.Request) -> web.Response:
    """Those of the items that exist, in the order asked for."""
    wanted = body_of(request, ItemIds).item_ids
    return json_response(await _service(request).by_ids(actor_of(request), _queue_id(request), wanted))


async def item_summaries_by_ids(request: web.Request) -> web.Response:
    """The same without requests and pictures."""
    wanted = body_of(request, ItemIds).item_ids
    return json_response(await _service(request).summaries(actor_of(request), _queue_id(request), wanted))


async def current(request: web.Request) -> web.Response:
    """The running item, the one that was begun first where several run; null if none does."""
    return json_response(await _service(request).current(actor_of(request), _queue_id(request)))


async def upcoming(request: web.Request) -> web.Response:
    """The item that is taken next, by the scheduler's own order; null if none waits."""
    return json_response(await _service(request).upcoming(actor_of(request), _queue_id(request)))


async def status(request: web.Request) -> web.Response:
    """Counts over all users, the caller's own, and the processor."""
    return json_response(await _service(request).status(actor_of(request), _queue_id(request)))


async def batch_status(request: web.Request) -> web.Response:
    """How far a batch is."""
    batch_id = checked_batch_id(request.match_info["batch_id"])
    return json_response(await _service(request).batch_status(actor_of(request), _queue_id(request), batch_id))


async def counts_by_destination(request: web.Request) -> web.Response:
    """The caller's items for a destination, by status."""
    destination = query_of(request, DestinationQuery).destination
    service = _service(request)
    return json_response(await service.counts_by_destination(actor_of(request), _queue_id(request), destination))


async def get_item(request: web.Request) -> web.Response:
    """One item."""
    return json_response(await _service(request).get(actor_of(request), _queue_id(request), _item_id(request)))


async def delete_item(request: web.Request) -> web.Response:
    """Remove an item, stopping it if it runs; its pictures stay."""
    await _service(request).delete(actor_of(request), _queue_id(request), _item_id(request))
    return json_response(None)


async def cancel_item(request: web.Request) -> web.Response:
    """Cancel an item. Once this is answered, no picture of it appears; a finished item stays as it is."""
    return json_response(await _service(request).cancel(actor_of(request), _queue_id(request), _item_id(request)))


async def cancel_by_batch_ids(request: web.Request) -> web.Response:
    """Cancel what is unfinished in these batches."""
    batch_ids = body_of(request, BatchIds).batch_ids
    count = await _service(request).cancel_by_batch_ids(actor_of(request), _queue_id(request), batch_ids)
    return json_response({"canceled": count})


async def cancel_by_destination(request: web.Request) -> web.Response:
    """Cancel what is unfinished for a destination."""
    destination = query_of(request, DestinationQuery).destination
    count = await _service(request).cancel_by_destination(actor_of(request), _queue_id(request), destination)
    return json_response({"canceled": count})


async def cancel_all_except_current(request: web.Request) -> web.Response:
    """Cancel what waits; of the caller's own items, or of all for administrators."""
    count = await _service(request).cancel_all_except_current(actor_of(request), _queue_id(request))
    return json_response({"canceled": count})


async def delete_all_except_current(request: web.Request) -> web.Response:
    """Remove what waits; of the caller's own items, or of all for administrators."""
    count = await _service(request).delete_all_except_current(actor_of(request), _queue_id(request))
    return json_response({"deleted": count})


async def delete_by_destination(request: web.Request) -> web.Response:
    """Remove all items for a destination, stopping those that run."""
    destination = checked_destination(request.match_info["destination"])
    count = await _service(request).delete_by_destination(actor_of(request), _queue_id(request), destination)
    return json_response({"deleted": count})


async def clear(request: web.Request) -> web.Response:
    """Remove all items, stopping those that run; of the caller's own items, or of all for administrators."""
    return json_response({"deleted": await _service(request).clear(actor_of(request), _queue_id(request))})


async def prune(request: web.Request) -> web.Response:
    """Remove the finished items; of the caller's own items, or of all for administrators."""
    return json_response({"deleted": await _service(request).prune(actor_of(request), _queue_id(request))})


async def retry_items(request: web.Request) -> web.Response:
    """Put failed and canceled items into the queue again, as new items; others are passed over."""
    queue_id = _queue_id(request)
    done = await _service(request).retry(actor_of(request), queue_id, body_of(request, RetryIds))
    return json_response({"queue_id": queue_id, "retried_item_ids": done.old_ids, "new_item_ids": done.new_ids})


async def pause(request: web.Request) -> web.Response:
    """Take no more items, of any queue, until resumed; what runs is finished. Lasts over restarts."""
    _queue_id(request)
    return json_response(await _service(request).set_paused(True))


async def resume(request: web.Request) -> web.Response:
    """Take items again."""
    _queue_id(request)
    return json_response(await _service(request).set_paused(False))


def _service(request: web.Request) -> QueueService:
    return request.app[QUEUE]


def _queue_id(request: web.Request) -> str:
    return checked_queue_id(request.match_info["queue_id"])


def _item_id(request: web.Request) -> int:
    return path_int(request, "item_id")


_ROOT = "/api/v1/queue/{queue_id}"
_ITEM = f"{_ROOT}/i/{{item_id}}"
_IDS_BODY_BYTES = 64 * MAX_ITEMS

_Handler = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


def _route(
    method: Literal["GET", "POST", "PUT", "DELETE"],
    path: str,
    handler: _Handler,
    summary: str,
    answer: object,
    *,
    body: object = None,
    query: type[ListQuery | IdsQuery | DestinationQuery] | None = None,
    access: Access = LOGGED_IN,
    refusals: tuple[int, ...] = (),
    scope: Scope | None = None,
) -> Route:
    return Route(
        method,
        path,
        handler,
        access,
        summary=summary,
        tag="queue",
        body=body,
        query=query,
        responses=((200, answer), *((status, None) for status in refusals)),
        body_limit_bytes=_IDS_BODY_BYTES,
        scope=scope,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        f"{_ROOT}/generate",
        generate,
        LOGGED_IN,
        summary="Make pictures",
        tag="queue",
        body=GenerationRequest,
        review=_more_problems,
        scope="generate",
        responses=((201, EnqueueResult), (200, EnqueueResult), (404, None), (409, None), (429, None)),
    ),
    _route("GET", f"{_ROOT}/list_all", list_all, "List the newest items", list[QueueItemDTO], query=ListQuery),
    _route("GET", f"{_ROOT}/item_ids", item_ids, "List ids of items", ItemIdsPage, query=IdsQuery),
    _route(
        "POST",
        f"{_ROOT}/items_by_ids",
        items_by_ids,
        "Get items by id",
        list[QueueItemDTO],
        body=ItemIds,
        scope="read",
    ),
    _route(
        "POST",
        f"{_ROOT}/item_summaries_by_ids",
        item_summaries_by_ids,
        "Get items by id, shortened",
        list[QueueItemSummary],
        body=ItemIds,
        scope="read",
    ),
    _route("PUT", f"{_ROOT}/processor/resume", resume, "Resume the processor", ProcessorStatus, access=ADMIN),
    _route("PUT", f"{_ROOT}/processor/pause", pause, "Pause the processor", ProcessorStatus, access=ADMIN),
    _route("PUT", f"{_ROOT}/cancel_all_except_current", cancel_all_except_current, "Cancel what waits", CanceledCount),
    _route("PUT", f"{_ROOT}/delete_all_except_current", delete_all_except_current, "Remove what waits", DeletedCount),
    _route("PUT", f"{_ROOT}/cancel_by_batch_ids", cancel_by_batch_ids, "Cancel batches", CanceledCount, body=BatchIds),
    _route(
        "PUT",
        f"{_ROOT}/cancel_by_destination",
        cancel_by_destination,
        "Cancel what goes to a destination",
        CanceledCount,
        query=DestinationQuery,
    ),
    _route(
        "PUT",
        f"{_ROOT}/retry_items_by_id",
        retry_items,
        "Retry items",
        RetriedItems,
        body=RetryIds,
        refusals=(403, 404, 429),
        scope="generate",
    ),
    _route("PUT", f"{_ROOT}/clear", clear, "Remove all items", DeletedCount),
    _route("PUT", f"{_ROOT}/prune", prune, "Remove finished items", DeletedCount),
    _route("GET", f"{_ROOT}/current", current, "The running item", QueueItemDTO | None),
    _route("GET", f"{_ROOT}/next", upcoming, "The item that is taken next", QueueItemDTO | None),
    _route("GET", f"{_ROOT}/status", status, "Status of queue and processor", QueueAndProcessorStatus),
    _route("GET", f"{_ROOT}/b/{{batch_id}}/status", batch_status, "Status of a batch", BatchStatus, refusals=(404,)),
    _route(
        "GET",
        f"{_ROOT}/counts_by_destination",
        counts_by_destination,
        "Count the items for a destination",
        DestinationCounts,
        query=DestinationQuery,
    ),
    _route("GET", _ITEM, get_item, "Get an item", QueueItemDTO, refusals=(404,)),
    _route("DELETE", _ITEM, delete_item, "Remove an item", None, refusals=(403, 404)),
    _route("PUT", f"{_ITEM}/cancel", cancel_item, "Cancel an item", QueueItemDTO, refusals=(403, 404)),
    _route(
        "DELETE", f"{_ROOT}/d/{{destination}}", delete_by_destination, "Remove what goes to a destination", DeletedCount
    ),
)
