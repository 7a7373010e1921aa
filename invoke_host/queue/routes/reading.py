"""Reading items, batches and counts. Of somebody else's item everybody sees that it is there, and no more."""

from __future__ import annotations

from invoke_host.queue.batch_schema import BatchDetails, BatchStatus
from invoke_host.queue.names import checked_batch_id
from invoke_host.queue.routes.common import ITEM, ROOT, item_id_of, queue_id_of, route, service_of
from invoke_host.queue.schema import (
    DestinationCounts,
    DestinationQuery,
    IdsQuery,
    ItemIds,
    ItemIdsPage,
    LineQuery,
    ListQuery,
    QueueAndProcessorStatus,
    QueueItemDTO,
    QueueItemSummary,
)
from invoke_host.queue.store.listing import Filters
from invoke_host.web import Route, actor_of, body_of, json_response, query_of, web


async def list_all(request: web.Request) -> web.Response:
    """The newest items, the oldest of them first; with a batch or a destination only such as the caller may view."""
    query = query_of(request, ListQuery)
    items = await service_of(request).newest(
        actor_of(request),
        queue_id_of(request),
        Filters(query.status, query.batch_id, query.destination, query.mine),
        before=query.before,
        limit=query.limit,
    )
    return json_response(items)


async def line(request: web.Request) -> web.Response:
    """The first of those that wait, in the order in which they are begun."""
    query = query_of(request, LineQuery)
    items = await service_of(request).line(actor_of(request), queue_id_of(request), mine=query.mine, limit=query.limit)
    return json_response(items)


async def item_ids(request: web.Request) -> web.Response:
    """Ids of everybody's items, by default the newest first."""
    query = query_of(request, IdsQuery)
    page = await service_of(request).item_ids(
        queue_id_of(request), order=query.order_dir, start=query.start, limit=query.limit
    )
    return json_response(page)


async def items_by_ids(request: web.Request) -> web.Response:
    """Those of the items that exist, in the order asked for."""
    wanted = body_of(request, ItemIds).item_ids
    return json_response(await service_of(request).by_ids(actor_of(request), queue_id_of(request), wanted))


async def item_summaries_by_ids(request: web.Request) -> web.Response:
    """The same without requests and pictures."""
    wanted = body_of(request, ItemIds).item_ids
    return json_response(await service_of(request).summaries(actor_of(request), queue_id_of(request), wanted))


async def current(request: web.Request) -> web.Response:
    """The running item, the one that was begun first where several run; null if none does."""
    return json_response(await service_of(request).current(actor_of(request), queue_id_of(request)))


async def upcoming(request: web.Request) -> web.Response:
    """The item that is taken next, by the scheduler's own order; null if none waits."""
    return json_response(await service_of(request).upcoming(actor_of(request), queue_id_of(request)))


async def status(request: web.Request) -> web.Response:
    """Counts over all users, the caller's own, and the processor."""
    return json_response(await service_of(request).status(actor_of(request), queue_id_of(request)))


async def batch_status(request: web.Request) -> web.Response:
    """How far a batch is."""
    batch_id = checked_batch_id(request.match_info["batch_id"])
    return json_response(await service_of(request).batch_status(actor_of(request), queue_id_of(request), batch_id))


async def batch(request: web.Request) -> web.Response:
    """A batch: what was asked for, and how far it is."""
    batch_id = checked_batch_id(request.match_info["batch_id"])
    return json_response(await service_of(request).batch(actor_of(request), queue_id_of(request), batch_id))


async def counts_by_destination(request: web.Request) -> web.Response:
    """The caller's items for a destination, by status."""
    destination = query_of(request, DestinationQuery).destination
    counts = await service_of(request).counts_by_destination(actor_of(request), queue_id_of(request), destination)
    return json_response(counts)


async def get_item(request: web.Request) -> web.Response:
    """One item."""
    return json_response(await service_of(request).get(actor_of(request), queue_id_of(request), item_id_of(request)))


ROUTES: tuple[Route, ...] = (
    route("GET", f"{ROOT}/list_all", list_all, "List the newest items", list[QueueItemDTO], query=ListQuery),
    route("GET", f"{ROOT}/line", line, "List what waits, the next first", list[QueueItemDTO], query=LineQuery),
    route("GET", f"{ROOT}/item_ids", item_ids, "List ids of items", ItemIdsPage, query=IdsQuery),
    route(
        "POST", f"{ROOT}/items_by_ids", items_by_ids, "Get items by id", list[QueueItemDTO], body=ItemIds, scope="read"
    ),
    route(
        "POST",
        f"{ROOT}/item_summaries_by_ids",
        item_summaries_by_ids,
        "Get items by id, shortened",
        list[QueueItemSummary],
        body=ItemIds,
        scope="read",
    ),
    route("GET", f"{ROOT}/current", current, "The running item", QueueItemDTO | None),
    route("GET", f"{ROOT}/next", upcoming, "The item that is taken next", QueueItemDTO | None),
    route("GET", f"{ROOT}/status", status, "Status of queue and processor", QueueAndProcessorStatus),
    route("GET", f"{ROOT}/b/{{batch_id}}", batch, "Get a batch", BatchDetails, refusals=(404,)),
    route("GET", f"{ROOT}/b/{{batch_id}}/status", batch_status, "Status of a batch", BatchStatus, refusals=(404,)),
    route(
        "GET",
        f"{ROOT}/counts_by_destination",
        counts_by_destination,
        "Count the items for a destination",
        DestinationCounts,
        query=DestinationQuery,
    ),
    route("GET", ITEM, get_item, "Get an item", QueueItemDTO, refusals=(404,)),
)
