"""A host with login for benchmarks: its configuration, its first administrator, and people who can log in."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.host_process import RunningHost

PASSWORD = "correct horse battery staple 42"
ADMIN = "admin@example.org"

#: Everything as it is by default; what attackers send comes through a proxy, so that they can have many addresses.
CONFIGURATION = """\
multiuser = true

[server]
trusted_proxies = ["127.0.0.1"]
"""


def configure(root: Path, more: str = "") -> None:
    """Make a root whose host has a login."""
    root.mkdir(mode=0o700)
    (root / "invoke-host.toml").write_text(CONFIGURATION + more)


def first_admin(host: RunningHost, log: Path) -> str:
    """Make the first administrator with the code from the host's log; the token of a session."""
    call(f"{host.url}/api/v1/auth/setup", {"email": ADMIN, "password": PASSWORD, "setup_code": _setup_code(log)})
    return login(host.url, ADMIN)


def login(url: str, email: str) -> str:
    """The token of a new session."""
    answer = call(f"{url}/api/v1/auth/login", {"email": email, "password": PASSWORD})
    return str(answer["token"])


def call(url: str, body: Any, token: str | None = None, *, headers: Mapping[str, str] | None = None) -> Any:
    """POST of JSON; the parsed answer. Raises urllib.error.HTTPError on 4xx and 5xx."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), sent)
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)


def _setup_code(log: Path, timeout_s: float = 10) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if line.startswith("{") and (entry := json.loads(line))["event"] == "setup_required":
                return str(entry["setup_code"])
        time.sleep(0.05)  # it is logged when the host is ready, just after the port answers
    raise TimeoutError(f"the host told no setup code in {log}")
