"""The pages that come with the host and the API description.

Our own files are few and small: they are read once and answered from memory, each under its exact name, so that no part
of a request ever becomes a path. Swagger UI's two files come from its package.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from invoke_host.api import PUBLIC, NotFound, Route
from invoke_host.web import web
from invoke_host.web.headers import DOCS_POLICY, PAGE_POLICY
from invoke_host.web.openapi import describe
from invoke_host.web.settings import WebSettings

TITLE = "Invoke Host"

# Not from the `mimetypes` module, which knows what the operating system's files say.
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_STATIC = files("invoke_host.web") / "static"
_PAGES = {
    "/": ("index.html", PAGE_POLICY),
    "/account": ("account.html", PAGE_POLICY),
    "/users": ("users.html", PAGE_POLICY),
    "/groups": ("groups.html", PAGE_POLICY),
    "/limits": ("limits.html", PAGE_POLICY),
    "/docs": ("docs.html", DOCS_POLICY),
}
_FILES = (
    "account.css", "account.js", "api.js", "app.css", "app.js", "board_dialogs.js", "boards.css", "boards.js",
    "docs.css", "docs.js", "dom.js", "downloads.js", "gallery.js", "gate.js", "groups.js", "icon.svg", "keyed.js",
    "limit_cell.js", "limits.css", "limits.js", "menu.js", "modal.js", "pace.js", "password.js", "prompts.js",
    "queue.css", "queue.js", "queue_badge.js", "queue_batch.js", "queue_data.js", "queue_item.js", "queue_panel.js",
    "queue_progress.js", "queue_strip.js", "queue_words.js", "rows.js", "selection.js", "sessions.js", "share.js",
    "shell.js", "tokens.js", "upload.js", "usage_meter.js", "usage_table.js", "user_content.js", "user_delete.js",
    "user_picker.js", "user_transfer.js", "users.js", "viewer.js",
)  # fmt: skip
_SWAGGER = ("swagger-ui-bundle.js", "swagger-ui.css")


def page_routes(config: WebSettings, table: Sequence[Route]) -> tuple[Route, ...]:
    """`/`, `/docs`, the account pages, `/openapi.json` and the files they need; `table` is what is described."""
    routes = [_memory_route(path, name, policy) for path, (name, policy) in _PAGES.items()]
    routes += [_memory_route(f"/static/{name}", name, PAGE_POLICY) for name in _FILES]
    routes.append(Route("GET", "/favicon.ico", _answer_file("icon.svg", PAGE_POLICY), PUBLIC, media="image/svg+xml"))
    routes += [
        Route("GET", f"/static/swagger/{name}", _answer_swagger(name), PUBLIC, media=_media_type(name))
        for name in _SWAGGER
    ]
    routes.append(_description_route(config, table))
    return tuple(routes)


def _description_route(config: WebSettings, table: Sequence[Route]) -> Route:
    made: list[_Content] = []
    lock = asyncio.Lock()

    def make() -> _Content:
        document = describe(table, title=TITLE, version=config.version, login=not config.single_user)
        return _Content(orjson.dumps(document), "application/json")

    async def openapi(request: web.Request) -> web.StreamResponse:
        async with lock:
            if not made:
                # A tenth of a second of work for a large table: not on the event loop.
                made.append(await asyncio.to_thread(make))
        return made[0].answer(request)

    return Route("GET", "/openapi.json", openapi, PUBLIC, "This description", "app", responses=((200, dict[str, Any]),))


class _Content:
    """Bytes that stay the same while the program runs; a browser asks whether they changed and gets 304."""

    def __init__(self, body: bytes, media: str, policy: str | None = None) -> None:
        self._body = body
        self._headers = {
            "Content-Type": media,
            "Cache-Control": "no-cache",
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        }
        if policy is not None:
            self._headers["Content-Security-Policy"] = policy

    def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == self._headers["ETag"]:
            return web.Response(status=304, headers=self._headers)
        return web.Response(body=self._body, headers=self._headers)


def _memory_route(path: str, name: str, policy: str) -> Route:
    return Route("GET", path, _answer_file(name, policy), PUBLIC, media=_media_type(name))


def _answer_file(name: str, policy: str) -> Callable[[web.Request], Any]:
    @cache
    def content() -> _Content:
        return _Content((_STATIC / name).read_bytes(), _media_type(name), policy)

    async def page(request: web.Request) -> web.StreamResponse:
        return content().answer(request)

    return page


def _answer_swagger(name: str) -> Callable[[web.Request], Any]:
    async def swagger_file(request: web.Request) -> web.StreamResponse:
        path = await asyncio.to_thread(_swagger_folder)
        if path is None:
            raise NotFound("the Python package swagger-ui-bundle-v2 is missing; install it, or read /openapi.json")
        headers = {"Content-Type": _media_type(name), "Cache-Control": "no-cache"}
        return web.FileResponse(path / name, headers=headers)

    return swagger_file


@cache
def _swagger_folder() -> Path | None:
    """Where the package keeps its files; found without importing it, because that imports a template engine."""
    spec = find_spec("swagger_ui_bundle")
    if spec is None or not spec.submodule_search_locations:
        return None
    found = sorted(Path(spec.submodule_search_locations[0]).glob(f"vendor/*/{_SWAGGER[0]}"))
    return found[-1].parent if found else None


def _media_type(name: str) -> str:
    return _MEDIA_TYPES[Path(name).suffix]
