"""One JSON request, blocking."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def ask(url: str, body: Any = None) -> Any:
    """GET, or POST of `body` as JSON; the parsed answer. Raises urllib.error.HTTPError on 4xx and 5xx."""
    request = urllib.request.Request(url)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def fetch(url: str) -> bytes:
    """The body of a GET."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bytes(answer.read())
