"""What all benchmarks share: CPU and memory of processes, medians, and the line that each prints."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from scripts.host_process import free_port, stop, wait_until_healthy

ROOT = Path(__file__).resolve().parent.parent


def cpu_s(process: psutil.Process) -> float:
    """User and system seconds that this process, without its children, has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def tree(process: psutil.Process) -> list[psutil.Process]:
    """The process and everything it started."""
    return [process, *process.children(recursive=True)]


def tree_cpu_s(process: psutil.Process) -> float:
    """User and system seconds of the process and of its living children."""
    return sum(cpu_s(one) for one in tree(process))


def resident_mb(process: psutil.Process) -> float:
    """Resident memory of this process alone, in MB of 10^6 bytes."""
    return float(process.memory_info().rss) / 1e6


def median(values: Sequence[float]) -> float:
    """The middle value: one pause of a neighbour does not move it."""
    return statistics.median(values)


def report(name: str, bars: dict[str, tuple[float, str, float]], **fields: Any) -> dict[str, Any]:
    """Print and return the JSON line. A bar is `(measured, "<=" or ">=", limit)`; `ok` says whether all hold."""
    judged = {
        bar: {"measured": _short(measured), "bar": f"{sign} {limit}", "ok": _holds(measured, sign, limit)}
        for bar, (measured, sign, limit) in bars.items()
    }
    line = {
        "bench": name,
        "ok": all(bar["ok"] for bar in judged.values()),
        "bars": judged,
        **{key: _short(value) for key, value in fields.items()},
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": _short(os.getloadavg()[0])},
    }
    print(json.dumps(line), flush=True)
    return line


def _holds(measured: float, sign: str, limit: float) -> bool:
    return measured <= limit if sign == "<=" else measured >= limit


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_short(one) for one in value]
    return value


@contextlib.contextmanager
def bare_peer(page: Path | None = None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The bare aiohttp application of `bench.peer`, with that page: URL and process, healthy inside the block."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peer", str(port), *([str(page)] if page else [])]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url + "/", process, timeout_s=30)
        yield url, process
    finally:
        stop(process)
