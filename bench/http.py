"""Server CPU per request: small reads and the list of 50 out of 100,000 images, against bare aiohttp handlers.

The bars are judged by the least that aiohttp can do, a handler that returns constant bytes. Printed beside them are the
ratios to the handler of aiohttp's documentation, `return web.json_response({"version": ...})` (`json`), and, for the
list, to one that makes JSON of a ready object of the same size (`same_size`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import psutil

from bench.images import fill
from bench.load import Load, load
from bench.measure import bare_peer, median, report
from scripts.client import ask, fetch
from scripts.host_process import running_host

LISTING = "/api/v1/images/?limit=50"
IMAGES = 100_000
PAGE = 1000
ROUNDS = 5
BAR_SMALL = 5
BAR_LIST = 10
BAR_DEPTH = 1.2


def main() -> dict[str, Any]:
    """Make the data, then interleaved rounds of all requests; prints the line."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as output:
        root = Path(folder, "root")
        with running_host(root, output=output):
            pass  # makes the database
        names = fill(root / "invoke-host.db", IMAGES)
        page = Path(folder, "page.json")
        with running_host(root, output=output) as host:
            page.write_bytes(fetch(f"{host.url}{LISTING}"))
        with running_host(root, output=output) as host, bare_peer(page) as (peer_url, peer):
            server, peer_server = psutil.Process(host.process.pid), psutil.Process(peer.pid)
            listing = f"{host.url}{LISTING}"
            deep = _cursor_after(host.url, IMAGES - PAGE)
            plan = {
                "bare": (f"{peer_url}/constant", peer_server, 8000),
                "bare_json": (f"{peer_url}/", peer_server, 8000),
                "bare_page": (f"{peer_url}/page", peer_server, 4000),
                "version": (f"{host.url}/api/v1/app/version", server, 4000),
                "image": (f"{host.url}/api/v1/images/i/{names[len(names) // 2]}", server, 3000),
                "list_first": (listing, server, 1000),
                "list_deep": (f"{listing}&cursor={deep}", server, 1000),
            }
            for url, process, requests in plan.values():
                load(url, process, requests=requests // 10)  # warm-up
            rounds: dict[str, list[Load]] = {name: [] for name in plan}
            for _ in range(ROUNDS):
                for name, (url, process, requests) in plan.items():
                    rounds[name].append(load(url, process, requests=requests))
    return _report(rounds)


def _cursor_after(url: str, count: int) -> str:
    """Walk like a client that wants the end of the gallery; the cursor behind the first `count` images."""
    cursor = ""
    for _ in range(count // PAGE):
        cursor = ask(f"{url}/api/v1/images/?limit={PAGE}" + (f"&cursor={cursor}" if cursor else ""))["next_cursor"]
    return cursor


def _report(rounds: dict[str, list[Load]]) -> dict[str, Any]:
    cpu_us = {name: median([one.cpu_us for one in loads]) for name, loads in rounds.items()}
    per_s = {name: 1e6 / median([one.wall_us for one in loads]) for name, loads in rounds.items()}

    def ratio(name: str, to: str) -> float:
        return median([one.cpu_us / peer.cpu_us for one, peer in zip(rounds[name], rounds[to], strict=True)])

    return report(
        "http",
        {
            "small_read_cpu_ratio": (ratio("image", "bare"), "<=", BAR_SMALL),
            "list_cpu_ratio": (ratio("list_first", "bare"), "<=", BAR_LIST),
            "list_deep_to_first": (ratio("list_deep", "list_first"), "<=", BAR_DEPTH),
        },
        cpu_us_per_request=cpu_us,
        requests_per_s=per_s,
        version_cpu_ratio=ratio("version", "bare"),
        small_read_json_ratio=ratio("image", "bare_json"),
        list_json_ratio=ratio("list_first", "bare_json"),
        list_same_size_ratio=ratio("list_first", "bare_page"),
        answer_bytes={name: loads[0].bytes for name, loads in rounds.items()},
        images=IMAGES,
        rounds=ROUNDS,
        event_loop="uvloop",
    )


if __name__ == "__main__":
    main()
