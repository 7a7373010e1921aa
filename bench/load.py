"""Requests over a few kept-alive connections, from a process of its own.

`python -m bench.load URL REQUESTS CONNECTIONS HEADERS`, the last as JSON. Every answer must be a 200, anything else
ends the run with exit status 1. Prints seconds and bytes as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import psutil
import uvloop

from bench.measure import ROOT, cpu_s


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of requests cost: the server's CPU and the wall time, both per request in microseconds."""

    cpu_us: float
    wall_us: float
    bytes: int


def load(
    url: str,
    server: psutil.Process,
    *,
    requests: int,
    connections: int = 8,
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Send the requests and wait for all answers; raises CalledProcessError when one of them is not a 200."""
    before = cpu_s(server)
    sent = json.dumps(dict(headers or {}))
    command = [sys.executable, "-m", "bench.load", url, str(requests), str(connections), sent]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    used = cpu_s(server) - before
    answer = json.loads(done.stdout)
    return Load(used / requests * 1e6, answer["wall_s"] / requests * 1e6, answer["bytes"])


async def _send(url: str, requests: int, connections: int, headers: Mapping[str, str]) -> tuple[float, int]:
    remaining = iter(range(requests))
    size = 0

    async def one_connection(client: aiohttp.ClientSession) -> None:
        nonlocal size
        for _ in remaining:
            async with client.get(url) as answer:
                body = await answer.read()
                if answer.status != 200:
                    sys.exit(f"{url} answered {answer.status}: {body[:300]!r}")
                size = len(body)

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as client:
        started = time.monotonic()
        await asyncio.gather(*(one_connection(client) for _ in range(connections)))
        return time.monotonic() - started, size


def main() -> None:
    """Send what the arguments say."""
    url, requests, connections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    wall_s, size = uvloop.run(_send(url, requests, connections, json.loads(sys.argv[4])))
    print(json.dumps({"wall_s": wall_s, "bytes": size}))


if __name__ == "__main__":
    main()
