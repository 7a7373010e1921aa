"""Canceling and deleting items, one or many. Those that reach many reach the caller's own, for administrators all."""

from __future__ import annotations

from invoke_host.queue.names import checked_destination
from invoke_host.queue.routes.common import ITEM, ROOT, item_id_of, queue_id_of, route, service_of
from invoke_host.queue.schema import (
    BatchIds,
    CanceledCount,
    DeletedCount,
    DestinationQuery,
    PruneQuery,
    QueueItemDTO,
)
from invoke_host.web import Route, actor_of, body_of, json_response, query_of, web


async def delete_item(request: web.Request) -> web.Response:
    """Remove an item, stopping it if it runs; its pictures stay."""
    await service_of(request).delete(actor_of(request), queue_id_of(request), item_id_of(request))
    return json_response(None)


async def cancel_item(request: web.Request) -> web.Response:
    """Cancel an item. Once this is answered, no picture of it appears; a finished item stays as it is."""
    return json_response(await service_of(request).cancel(actor_of(request), queue_id_of(request), item_id_of(request)))


async def cancel_by_batch_ids(request: web.Request) -> web.Response:
    """Cancel what is unfinished in these batches."""
    batch_ids = body_of(request, BatchIds).batch_ids
    count = await service_of(request).cancel_by_batch_ids(actor_of(request), queue_id_of(request), batch_ids)
    return json_response({"canceled": count})


async def cancel_by_destination(request: web.Request) -> web.Response:
    """Cancel what is unfinished for a destination."""
    destination = query_of(request, DestinationQuery).destination
    count = await service_of(request).cancel_by_destination(actor_of(request), queue_id_of(request), destination)
    return json_response({"canceled": count})


async def cancel_all_except_current(request: web.Request) -> web.Response:
    """Cancel what waits; of the caller's own items, or of all for administrators."""
    count = await service_of(request).cancel_all_except_current(actor_of(request), queue_id_of(request))
    return json_response({"canceled": count})


async def delete_all_except_current(request: web.Request) -> web.Response:
    """Remove what waits; of the caller's own items, or of all for administrators."""
    count = await service_of(request).delete_all_except_current(actor_of(request), queue_id_of(request))
    return json_response({"deleted": count})


async def delete_by_destination(request: web.Request) -> web.Response:
    """Remove all items for a destination, stopping those that run."""
    destination = checked_destination(request.match_info["destination"])
    count = await service_of(request).delete_by_destination(actor_of(request), queue_id_of(request), destination)
    return json_response({"deleted": count})


async def clear(request: web.Request) -> web.Response:
    """Remove all items, stopping those that run; of the caller's own items, or of all for administrators."""
    return json_response({"deleted": await service_of(request).clear(actor_of(request), queue_id_of(request))})


async def prune(request: web.Request) -> web.Response:
    """Remove the finished items; of the caller's own items, or of all for administrators unless `mine` is set."""
    mine = query_of(request, PruneQuery).mine
    return json_response(
        {"deleted": await service_of(request).prune(actor_of(request), queue_id_of(request), mine=mine)}
    )


ROUTES: tuple[Route, ...] = (
    route("PUT", f"{ROOT}/cancel_all_except_current", cancel_all_except_current, "Cancel what waits", CanceledCount),
    route("PUT", f"{ROOT}/delete_all_except_current", delete_all_except_current, "Remove what waits", DeletedCount),
    route("PUT", f"{ROOT}/cancel_by_batch_ids", cancel_by_batch_ids, "Cancel batches", CanceledCount, body=BatchIds),
    route(
        "PUT",
        f"{ROOT}/cancel_by_destination",
        cancel_by_destination,
        "Cancel what goes to a destination",
        CanceledCount,
        query=DestinationQuery,
    ),
    route("PUT", f"{ROOT}/clear", clear, "Remove all items", DeletedCount),
    route("PUT", f"{ROOT}/prune", prune, "Remove finished items", DeletedCount, query=PruneQuery),
    route("DELETE", ITEM, delete_item, "Remove an item", None, refusals=(403, 404)),
    route("PUT", f"{ITEM}/cancel", cancel_item, "Cancel an item", QueueItemDTO, refusals=(403, 404)),
    route(
        "DELETE", f"{ROOT}/d/{{destination}}", delete_by_destination, "Remove what goes to a destination", DeletedCount
    ),
)
