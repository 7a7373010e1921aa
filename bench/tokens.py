"""What it costs to know who is calling: server CPU of one route without login, and with each kind of credential.

Two hosts on equal databases, one in single-user mode, one with login, asked in turn for the first ten of the same
pictures, which an administrator sees all of.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.accounts import call, configure, first_admin
from bench.images import fill
from bench.load import Load, load
from bench.measure import median, report
from scripts.host_process import RunningHost, running_host

ROUTE = "/api/v1/images/?limit=10"
IMAGES = 1000
REQUESTS = 3000
ROUNDS = 5
BAR_MS = 0.3


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to ask."""

    url: str
    server: psutil.Process
    headers: Mapping[str, str]

    def load(self, requests: int) -> Load:
        return load(self.url, self.server, requests=requests, headers=self.headers)


def main() -> dict[str, Any]:
    """Make both hosts, then interleaved rounds of all ways; prints the line."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        single = _host(Path(folder, "single"), stack, login=False)
        multi = _host(Path(folder, "multi"), stack, login=True)
        token = first_admin(multi, Path(folder, "multi.log"))
        wanted = {"name": "bench", "scopes": ["read", "admin"]}  # the same pictures
        api_token = call(f"{multi.url}/api/v1/auth/tokens", wanted, token)["token"]
        ways = {
            "single_user": _way(single, {}),
            "session": _way(multi, {"Authorization": f"Bearer {token}"}),
            "cookie": _way(multi, {"Cookie": f"invoke_session={token}"}),
            "api_token": _way(multi, {"Authorization": f"Bearer {api_token}"}),
        }
        for way in ways.values():
            way.load(REQUESTS // 10)  # warm-up
        rounds: dict[str, list[Load]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                rounds[name].append(way.load(REQUESTS))
    costs = {name: _cost_ms(rounds[name], rounds["single_user"]) for name in ways if name != "single_user"}
    return report(
        "tokens",
        {"session_ms": (costs["session"], "<=", BAR_MS)},
        cost_ms=costs,
        cpu_us_per_request={name: median([one.cpu_us for one in loads]) for name, loads in rounds.items()},
        route=ROUTE,
        images=IMAGES,
        rounds=ROUNDS,
    )


def _cost_ms(mine: list[Load], free: list[Load]) -> float:
    """By the pairs of each round, so that a busy minute of the machine weighs on both sides."""
    return median([(one.cpu_us - other.cpu_us) / 1000 for one, other in zip(mine, free, strict=True)])


def _host(root: Path, stack: ExitStack, *, login: bool) -> RunningHost:
    if login:
        configure(root)
    output = stack.enter_context(root.with_suffix(".log").open("wb"))
    with running_host(root, output=output):
        pass  # makes the database
    fill(root / "invoke-host.db", IMAGES)
    output.truncate(0)  # the next start makes a new setup code
    output.seek(0)
    return stack.enter_context(running_host(root, output=output))


def _way(host: RunningHost, headers: Mapping[str, str]) -> _Way:
    return _Way(f"{host.url}{ROUTE}", psutil.Process(host.process.pid), headers)


if __name__ == "__main__":
    main()
