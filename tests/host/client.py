"""Speaks HTTP to a host in another process. Every JSON answer is compared with what its route declares."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from json import dumps
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from invoke_host.testing.client import Answer
from invoke_host.testing.schemas import assert_matches_schema

from .table import ROUTES, Row

PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}


class Client:
    """Blocking requests, one connection each, so that a test can't be disturbed by the one before."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        parts = urlsplit(url)
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self.headers = dict(headers or {})

    def request(
        self, method: str, path: str, json: Any = None, *, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """One request; `json` becomes the body unless it is None. Redirects are not followed."""
        sent = {**self.headers, **(JSON if json is not None else {}), **headers}
        answer = self.exchange(method, path, dumps(json).encode() if json is not None else body, sent)
        check(method, path, answer)
        return answer

    def exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send one request and read its answer whole."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            got = connection.getresponse()
            return Answer(got.status, CaseInsensitive(got.getheaders()), got.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Answer:
        """GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Answer:
        """POST."""
        return self.request("POST", path, json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> Answer:
        """PUT."""
        return self.request("PUT", path, json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> Answer:
        """PATCH."""
        return self.request("PATCH", path, json, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, **options)

    def generate(self, prompt: str = "a red apple", *, key: str | None = None, **wishes: Any) -> dict[str, Any]:
        """Enqueue pictures; the parsed answer."""
        body = {"positive_prompt": prompt, "steps": 3, "width": 64, "height": 64, **wishes}
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = self.post(f"{QUEUE}/generate", body, headers=headers)
        assert answer.status in (200, 201), answer.text
        return answer.json()

    def item(self, item_id: int) -> dict[str, Any]:
        """A queue item."""
        answer = self.get(f"{QUEUE}/i/{item_id}")
        assert answer.status == 200, answer.text
        return answer.json()

    def names(self) -> list[str]:
        """All pictures, newest first."""
        return self.get("/api/v1/images/names?starred_first=false").json()["image_names"]

    def raw(self, data: bytes, *, timeout_s: float = 30.0) -> bytes:
        """Send bytes as they are and read until the host closes, or the end of the head if that comes first."""
        with self.connect(timeout_s) as connection:
            with suppress(ConnectionError):  # the host need not take all of it
                connection.sendall(data)
            received = b""
            with suppress(ConnectionError, TimeoutError):
                while b"\r\n\r\n" not in received and (chunk := connection.recv(65536)):
                    received += chunk
            return received

    def connect(self, timeout_s: float = 30.0) -> socket.socket:
        """A connection to write anything to."""
        return socket.create_connection((self.host, self.port), timeout=timeout_s)

    def close(self) -> None:
        """Nothing is kept open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


QUEUE = "/api/v1/queue/default"


class CaseInsensitive(dict[str, str]):
    """Headers by name in any case; `cookies` are all lines of Set-Cookie."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__((name.lower(), value) for name, value in pairs)
        self.cookies = [value for name, value in pairs if name.lower() == "set-cookie"]

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def check(method: str, path: str, answer: Answer) -> None:
    """What holds for every answer of every host: no traceback, no 5xx, the headers, the declared schema."""
    assert b"Traceback (most" not in answer.body, answer.text[:2000]
    assert answer.status < 500 or path.startswith("/readyz"), f"{method} {path}: {answer.status} {answer.body[:500]!r}"
    assert answer.headers.get("x-content-type-options") == "nosniff", f"{method} {path}: {dict(answer.headers)}"
    assert "content-security-policy" in answer.headers
    assert answer.headers["server"] == "invoke-host"
    kind = answer.headers.get("content-type", "")
    if method == "HEAD" or not answer.body or "json" not in kind:
        return
    row = find(method, path)
    content = orjson.loads(answer.body)
    if answer.status >= 400:
        assert kind == PROBLEM or path.startswith("/readyz")
        assert content.get("status", answer.status) == answer.status or path.startswith("/readyz")
    if row is not None and path != "/openapi.json":
        assert_matches_schema(row.route, answer.status, content)


def find(method: str, path: str) -> Row | None:
    """The row of the table that a request belongs to."""
    bare = path.partition("?")[0]
    return next((row for row in ROUTES if row.route.method == method and re.fullmatch(row.pattern, bare)), None)
