"""HTTP routes, background tasks and health checks that a plugin can add, and what its handlers read and answer with.

A handler is `async def handler(request: web.Request) -> web.StreamResponse`. Before it runs, the host has found the
caller, enforced the route's Access and validated query and body; `actor_of`, `query_of` and `body_of` hand these out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel

from invoke_host.api.access import Access
from invoke_host.api.errors import FieldProblem, InvokeHostError
from invoke_host.api.identity import Actor
from invoke_host.api.storage import Health

if TYPE_CHECKING:
    from aiohttp import web

    from invoke_host.api._web_keys import RequestKeys

Handler = Callable[["web.Request"], Awaitable["web.StreamResponse"]]

#: Finds what else is wrong with a body that is refused: gets its right values, defaults filled in, not yet converted.
Review = Callable[["web.Request", Mapping[str, Any]], Awaitable[Sequence[FieldProblem]]]

T = TypeVar("T")

#: What an API token may be good for. A route needs exactly one; `session` marks routes that no token opens, because
#: what they do (tokens, passwords, sessions) must stay with somebody who has logged in.
Scope = Literal["read", "generate", "manage-own", "admin", "session"]

#: Default limit of a request body.
DEFAULT_BODY_LIMIT_BYTES = 64 * 1024

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the table: path, handler, who may call it, and what OpenAPI says about it.

    `body` (a pydantic model, or any type pydantic can validate, such as `list[int]`) and `query` are validated before
    the handler runs, which reads them with `body_of(request, Model)` and `query_of(request, Model)`. `responses` maps
    status codes to a pydantic model, a `list[...]` of one, or None for no content. `consumes` is the content type a
    request body must have; a body of another type than JSON is the handler's to read, within `body_limit_bytes`.
    `media` is the content type of the answer where it is not JSON; `stream` marks answers that stay open, such as event
    streams. Plugin routes are mounted under `/x/<plugin>/`. GET routes answer HEAD as well, and a path that ends in a
    slash is found without it. The description in the API page is the handler's docstring.

    With `raw_body` the handler reads the JSON body itself, to the byte; `body` is then only what the API page says.

    `review` is for handlers that refuse values which the model takes, such as a name that does not exist: it is asked
    when the model refuses other fields of a body, so that the client is told everything at once.

    `scope` is what an API token needs to open the route; by default `admin` where access is ADMIN, else `read` for GET
    and `manage-own` for the other methods. Callers without a token are not asked.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    access: Access
    summary: str = ""
    tag: str = ""
    body: type[BaseModel] | Any | None = None
    query: type[BaseModel] | None = None
    responses: tuple[tuple[int, Any], ...] = ((200, None),)
    body_limit_bytes: int = DEFAULT_BODY_LIMIT_BYTES
    media: str | None = None
    stream: bool = False
    consumes: str = JSON_TYPE
    review: Review | None = None
    scope: Scope | None = None
    raw_body: bool = False

    @property
    def needed_scope(self) -> Scope:
        """The scope that a token needs, default filled in."""
        if self.scope is not None:
            return self.scope
        if self.access.level == "admin":
            return "admin"
        return "read" if self.method == "GET" else "manage-own"


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """Work repeated every `interval_s`; a failure is logged, health turns degraded, and it is tried again later.

    Taking longer than `timeout_s` counts as a failure. The task is canceled when the host stops.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    interval_s: float
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A named question to a part of the host; counted as failed when it takes over 200 ms."""

    name: str
    run: Callable[[], Awaitable[Health]]


def actor_of(request: web.Request) -> Actor:
    """The caller of this request; always ANONYMOUS on PUBLIC routes, where nobody is asked who they are."""
    actor: Actor = request[_keys().ACTOR]
    return actor


def body_of(request: web.Request, model: type[T]) -> T:
    """The validated body of a route that declares `body=model`.

    Raises:
        InvokeHostError: the route declares another body, or none: a mistake in the route table.
    """
    return _declared(request.get(_keys().BODY), model, "body")


def query_of(request: web.Request, model: type[T]) -> T:
    """The validated query parameters of a route that declares `query=model`.

    Raises:
        InvokeHostError: the route declares another query model, or none: a mistake in the route table.
    """
    return _declared(request.get(_keys().QUERY), model, "query")


def json_response(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON. Takes what orjson takes (dict, list, dataclass, datetime, ...) and pydantic models in it.

    Rows go out as they are: nothing is validated here, the tests check every answer against the route's `responses`.
    """
    from aiohttp import web

    body = orjson.dumps(data, default=_model_as_dict)
    return web.Response(body=body, status=status, headers={"Content-Type": JSON_TYPE, **(headers or {})})


def _declared(value: Any, model: type[T], part: str) -> T:
    # `list[int]` and other generic aliases are not classes; what pydantic made of them is right by construction.
    if isinstance(model, type) and not isinstance(value, model):
        raise InvokeHostError(
            f"the handler asks for a {part} of type {model.__name__}, the route has {type(value).__name__}; "
            f"declare it as Route(..., {part}={model.__name__})"
        )
    return value


def _model_as_dict(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be sent as JSON")


def _keys() -> type[RequestKeys]:
    # aiohttp costs a tenth of a second to import; the worker and the command line use this package without it.
    from invoke_host.api._web_keys import RequestKeys

    return RequestKeys
