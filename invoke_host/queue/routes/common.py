"""What the queue routes have in common: their paths, their declarations, and what they read from a path."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel

from invoke_host.api.web import Handler, Scope
from invoke_host.queue.names import checked_queue_id
from invoke_host.queue.schema import MAX_ITEMS
from invoke_host.queue.service import QueueService
from invoke_host.web import LOGGED_IN, Access, Route, path_int, web

QUEUE: Final = web.AppKey("queue", QueueService)

ROOT: Final = "/api/v1/queue/{queue_id}"
ITEM: Final = f"{ROOT}/i/{{item_id}}"

TAG: Final = "queue"

_IDS_BODY_BYTES: Final = 64 * MAX_ITEMS


def service_of(request: web.Request) -> QueueService:
    """The queue of this host."""
    return request.app[QUEUE]


def queue_id_of(request: web.Request) -> str:
    """The queue id in the path. Raises InvalidInput."""
    return checked_queue_id(request.match_info["queue_id"])


def item_id_of(request: web.Request) -> int:
    """The item id in the path. Raises InvalidInput."""
    return path_int(request, "item_id")


def route(
    method: Literal["GET", "POST", "PUT", "DELETE"],
    path: str,
    handler: Handler,
    summary: str,
    answer: object,
    *,
    body: Any = None,
    query: type[BaseModel] | None = None,
    access: Access = LOGGED_IN,
    refusals: tuple[int, ...] = (),
    scope: Scope | None = None,
) -> Route:
    """A route that answers 200 and takes no more than ids."""
    return Route(
        method,
        path,
        handler,
        access,
        summary=summary,
        tag=TAG,
        body=body,
        query=query,
        responses=((200, answer), *((status, None) for status in refusals)),
        body_limit_bytes=_IDS_BODY_BYTES,
        scope=scope,
    )
