"""What the image routes have in common: their paths, their declarations, and how a name is read from a path."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel

from invoke_host.api.web import Handler, Scope
from invoke_host.images.schema import ImageNames
from invoke_host.web import LOGGED_IN, Access, Route, web

ROOT: Final = "/api/v1/images"
ONE: Final = f"{ROOT}/i/{{name}}"

_TAG = "images"

#: A thousand names of the host's own length, with room to spare.
NAMES_BODY_BYTES: Final = 256 * 1024


def name_of(request: web.Request) -> str:
    """The image name in the path, whatever the client wrote there."""
    return request.match_info["name"]


def names_route(path: str, handler: Handler, summary: str, answer: object, *, scope: Scope = "manage-own") -> Route:
    """A POST with a list of names."""
    return Route(
        "POST",
        f"{ROOT}/{path}",
        handler,
        LOGGED_IN,
        summary=summary,
        tag=_TAG,
        body=ImageNames,
        responses=((200, answer),),
        body_limit_bytes=NAMES_BODY_BYTES,
        scope=scope,
    )


def route(
    method: Literal["GET", "PATCH", "DELETE"],
    path: str,
    handler: Handler,
    summary: str,
    answer: object,
    *,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    access: Access = LOGGED_IN,
    media_type: str | None = None,
    refusals: tuple[int, ...] = (),
) -> Route:
    """Any other, answering 200."""
    return Route(
        method,
        path,
        handler,
        access,
        summary=summary,
        tag=_TAG,
        query=query,
        body=body,
        responses=((200, answer), *((status, None) for status in refusals)),
        media=media_type,
    )
