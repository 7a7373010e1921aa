"""From nothing to the first healthy answer: wall, CPU and memory of the web process, beside a bare aiohttp."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench.measure import bare_peer, cpu_s, median, report, resident_mb
from scripts.host_process import running_host, wait_until_healthy

ROUNDS = 5
BAR_WALL_S = 1.5
BAR_RESIDENT_MB = 150


def main() -> dict[str, Any]:
    """One cold start that makes the database, then the measured rounds; prints the line."""
    host: dict[str, list[float]] = {"wall_s": [], "cpu_s": [], "resident_mb": [], "ready_s": []}
    peer: dict[str, list[float]] = {"wall_s": [], "cpu_s": [], "resident_mb": []}
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as output:
        root = Path(folder, "root")
        with running_host(root, output=output) as first:
            cold_s = first.start_s
        for _ in range(ROUNDS):
            with running_host(root, output=output, path="/healthz") as host_process:
                process = psutil.Process(host_process.process.pid)
                host["wall_s"].append(host_process.start_s)
                host["cpu_s"].append(cpu_s(process))
                wait_until_healthy(host_process.url + "/readyz", host_process.process, timeout_s=60)
                host["ready_s"].append(time.time() - process.create_time())
                host["resident_mb"].append(resident_mb(process))
            started = time.monotonic()
            with bare_peer() as (_, peer_process):
                peer["wall_s"].append(time.monotonic() - started)
                process = psutil.Process(peer_process.pid)
                peer["cpu_s"].append(cpu_s(process))
                peer["resident_mb"].append(resident_mb(process))
    ours = {key: median(values) for key, values in host.items()}
    theirs = {key: median(values) for key, values in peer.items()}
    return report(
        "start",
        {
            "start_to_healthy_s": (ours["wall_s"], "<=", BAR_WALL_S),
            "web_process_mb": (ours["resident_mb"], "<=", BAR_RESIDENT_MB),
        },
        host=ours,
        bare_aiohttp=theirs,
        ratio={key: ours[key] / theirs[key] for key in theirs},
        cold_start_s=cold_s,
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()
