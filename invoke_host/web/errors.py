"""Turns every exception into an answer in the shape of RFC 9457, `application/problem+json`.

`{"type", "title", "status", "detail"}`, where `detail` is a sentence, or for 422 the list of everything that is wrong
with the input, `[{"loc", "msg", "type"}]`, as InvokeAI clients read it. A 5xx carries `error_id`, which the log has
too, with the traceback; the client gets neither traceback nor driver message.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from structlog.typing import FilteringBoundLogger

from invoke_host import ids
from invoke_host.api import (
    HookFailed,
    InvalidInput,
    RequestError,
    StorageConflict,
    StorageReadOnly,
    StorageUnavailable,
)
from invoke_host.api._web_keys import RequestKeys

PROBLEM_TYPE = "application/problem+json"

_TITLES = {404: "Not found", 405: "Method not allowed", 413: "Payload too large", 500: "Internal error"}


def problem(
    status: int, title: str, detail: Any, *, headers: Mapping[str, str] | None = None, error_id: str | None = None
) -> web.Response:
    """The answer for one error."""
    kind = f"urn:invoke-host:error:{title.lower().replace(' ', '-')}"
    content: dict[str, Any] = {"type": kind, "title": title, "status": status, "detail": detail}
    if error_id is not None:
        content["error_id"] = error_id
    return web.Response(
        body=orjson.dumps(content), status=status, headers={"Content-Type": PROBLEM_TYPE, **(headers or {})}
    )


def answer_to(error: Exception, request: web.Request, log: FilteringBoundLogger) -> web.StreamResponse:
    """The answer a client gets for this exception; logs what the client is not told."""
    if isinstance(error, InvalidInput):
        detail = [{"loc": list(p.loc), "msg": p.message, "type": p.kind} for p in error.problems]
        return problem(error.status, error.title, detail, headers=error.headers)
    if isinstance(error, RequestError):
        return problem(error.status, error.title, error.detail, headers=error.headers)
    if isinstance(error, web.HTTPException):
        return _answer_to_aiohttp(error, request)
    if isinstance(error, StorageConflict):
        log.info("storage_conflict", path=request.path, error=str(error))
        return problem(409, "Conflict", "this conflicts with something already stored")
    if isinstance(error, StorageUnavailable):
        return _logged(error, request, log, 503, "Service unavailable", "the database is busy or away; try again")
    if isinstance(error, StorageReadOnly):
        return _logged(error, request, log, 507, "Insufficient storage", "the database takes no changes at the moment")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _logged(error, request, log, 507, "Insufficient storage", "there is no room on the host's disk")
    if isinstance(error, HookFailed):
        return _logged(error, request, log, 500, "Internal error", f"plugin {error.plugin!r} failed")
    return _logged(error, request, log, 500, "Internal error", "something went wrong on the server")


def _logged(
    error: Exception, request: web.Request, log: FilteringBoundLogger, status: int, title: str, detail: str
) -> web.Response:
    error_id = ids.error_id()
    log.error(
        "request_failed",
        error_id=error_id,
        request_id=request.get(RequestKeys.REQUEST_ID),
        method=request.method,
        path=request.path,
        status=status,
        exc_info=error,
    )
    headers = {"Retry-After": "2"} if status == 503 else None
    return problem(
        status, title, f"{detail} (error {error_id}, see the server's log)", headers=headers, error_id=error_id
    )


def _answer_to_aiohttp(error: web.HTTPException, request: web.Request) -> web.StreamResponse:
    if error.status < 400:
        return error
    headers = {name: error.headers[name] for name in ("Allow", "Retry-After") if name in error.headers}
    if isinstance(error, web.HTTPMethodNotAllowed):
        detail = f"{request.method} is not possible here; allowed: {', '.join(sorted(error.allowed_methods))}"
    elif error.status == 404:
        detail = "there is nothing at this path; /docs lists what there is"
    else:
        detail = error.reason
    return problem(error.status, _TITLES.get(error.status, error.reason), detail, headers=headers)
