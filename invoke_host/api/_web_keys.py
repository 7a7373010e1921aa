"""Where the host puts what it found out about a request. Private: handlers use `actor_of`, `body_of` and `query_of`."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from invoke_host.api.identity import Actor


class RequestKeys:
    """Typed keys of the request mapping."""

    ACTOR: Final = web.RequestKey("invoke_host.actor", Actor)
    CALLER: Final[web.RequestKey[Any]] = web.RequestKey("invoke_host.caller", object)
    BODY: Final[web.RequestKey[Any]] = web.RequestKey("invoke_host.body", object)
    QUERY: Final[web.RequestKey[Any]] = web.RequestKey("invoke_host.query", object)
    REQUEST_ID: Final = web.RequestKey("invoke_host.request_id", str)
