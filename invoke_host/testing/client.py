"""A client for tests: speaks real HTTP to a running app and hands back whole answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson
from aiohttp import web

#: Names the caller to an app built by `make_app`; stands for whatever a login provider would look at.
CALLER_HEADER = "X-Test-Caller"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer. Header names are in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON; an empty body is None."""
        return orjson.loads(self.body) if self.body else None

    @property
    def detail(self) -> Any:
        """`detail` of an error answer: a sentence, or the list of wrong fields."""
        return self.json()["detail"]


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Sends requests to one host. `headers` go with each of them; redirects are not followed. `app` is what answers."""

    url: str
    session: aiohttp.ClientSession
    headers: Mapping[str, str]
    app: web.Application

    def as_caller(self, name: str | None) -> ApiClient:
        """The same client as another caller, one of those that `make_app` knows; None = anonymous."""
        rest = {key: value for key, value in self.headers.items() if key != CALLER_HEADER}
        return replace(self, headers=rest if name is None else {**rest, CALLER_HEADER: name})

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """Any request; `options` as for `aiohttp.ClientSession.request` (`json`, `data`, `headers`, `params`)."""
        headers = {**self.headers, **(options.pop("headers", None) or {})}
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **options
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return await self.request("GET", path, **options)

    async def head(self, path: str, **options: Any) -> Answer:
        """HEAD."""
        return await self.request("HEAD", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        """POST; `json` is sent as the body unless it is None."""
        return await self.request("POST", path, **_with_json(json, options))

    async def put(self, path: str, json: Any = None, **options: Any) -> Answer:
        """PUT; `json` is sent as the body unless it is None."""
        return await self.request("PUT", path, **_with_json(json, options))

    async def patch(self, path: str, json: Any = None, **options: Any) -> Answer:
        """PATCH; `json` is sent as the body unless it is None."""
        return await self.request("PATCH", path, **_with_json(json, options))

    async def delete(self, path: str, json: Any = None, **options: Any) -> Answer:
        """DELETE; `json` is sent as the body unless it is None."""
        return await self.request("DELETE", path, **_with_json(json, options))


def _with_json(json: Any, options: dict[str, Any]) -> dict[str, Any]:
    return options if json is None else {**options, "json": json}
