"""`/api/v1/client_state/{queue_id}`: values that a user interface keeps for its user, with the paths of InvokeAI.

Of the caller only; `queue_id` is any short text and means nothing, as there.
"""

from __future__ import annotations

from typing import Final

from invoke_host.client_state.schema import MAX_VALUE_BYTES, KeyQuery, PrefixQuery
from invoke_host.client_state.service import ClientStateService
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, query_of, web

CLIENT_STATE: Final = web.AppKey("client state", ClientStateService)

#: A value of the greatest length that is JSON itself, with its quotes escaped.
_BODY_BYTES = 2 * MAX_VALUE_BYTES


async def get_by_key(request: web.Request) -> web.Response:
    """The value, or null if there is none."""
    key = query_of(request, KeyQuery).key
    return json_response(await request.app[CLIENT_STATE].get(actor_of(request), key))


async def get_keys_by_prefix(request: web.Request) -> web.Response:
    """Keys that begin with the prefix; those written last come first."""
    prefix = query_of(request, PrefixQuery).prefix
    return json_response(await request.app[CLIENT_STATE].keys(actor_of(request), prefix))


async def set_by_key(request: web.Request) -> web.Response:
    """Keep a value, in the place of the one before; the body is a JSON string."""
    value = body_of(request, str)
    await request.app[CLIENT_STATE].put(actor_of(request), query_of(request, KeyQuery).key, value)
    return json_response(value)


async def delete_by_key(request: web.Request) -> web.Response:
    """Forget one value; fine if there is none."""
    await request.app[CLIENT_STATE].remove(actor_of(request), query_of(request, KeyQuery).key)
    return json_response(None)


async def delete_all(request: web.Request) -> web.Response:
    """Forget all values of the caller."""
    await request.app[CLIENT_STATE].clear(actor_of(request))
    return json_response(None)


_ROOT = "/api/v1/client_state/{queue_id}"
_TAG = "client state"

ROUTES: tuple[Route, ...] = (
    Route("GET", f"{_ROOT}/get_by_key", get_by_key, LOGGED_IN, "Get a value", _TAG, query=KeyQuery,
          responses=((200, str | None),)),
    Route("GET", f"{_ROOT}/get_keys_by_prefix", get_keys_by_prefix, LOGGED_IN, "List keys", _TAG, query=PrefixQuery,
          responses=((200, list[str]),)),
    Route("POST", f"{_ROOT}/set_by_key", set_by_key, LOGGED_IN, "Set a value", _TAG, query=KeyQuery, body=str,
          responses=((200, str),), body_limit_bytes=_BODY_BYTES),
    Route("POST", f"{_ROOT}/delete_by_key", delete_by_key, LOGGED_IN, "Delete a value", _TAG, query=KeyQuery,
          responses=((200, None),)),
    Route("POST", f"{_ROOT}/delete", delete_all, LOGGED_IN, "Delete all values", _TAG, responses=((200, None),)),
)  # fmt: skip
