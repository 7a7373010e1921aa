"""The web process starts at once and stays small: everything heavy lives in the worker."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from tests.machine import busy

from .conftest import NewHost
from .process import HostProcess, until
from .test_pictures import make

#: On a machine that tests keep busy; bench/ holds the host to its bar of 1.5 s.
START_S = 4.0
MOST_RESIDENT_BYTES = 150 * 10**6


def mapped(pid: int) -> str:
    """Files in a process's memory."""
    return Path(f"/proc/{pid}/maps").read_text()


def test_the_first_healthy_answer_comes_soon(new_host: NewHost):
    host = new_host()
    assert host.client.get("/healthz").status == 200
    took_s = time.monotonic() - host.started_at
    assert took_s < START_S * busy(), f"{took_s:.1f} s"


def test_torch_is_in_the_worker_and_not_in_the_web_process(host: HostProcess, painter):
    make(painter, count=3)
    for path in ("/", "/docs", "/openapi.json", "/readyz", "/api/v2/models/", "/api/v1/images/"):
        assert painter.get(path).status == 200
    for heavy in ("libtorch", "numpy", "safetensors", "PIL"):
        assert heavy not in mapped(host.pid)
    assert "libtorch" in mapped(host.worker().pid)
    assert psutil.Process(host.pid).memory_info().rss < MOST_RESIDENT_BYTES


def test_an_idle_host_costs_next_to_nothing(host: HostProcess, painter):
    process = psutil.Process(host.pid)
    until("nothing runs", lambda: not painter.get("/api/v1/queue/default/current").json())
    before, began = process.cpu_times(), time.monotonic()
    until("two seconds", lambda: time.monotonic() - began > 2)
    used = sum(process.cpu_times()[:2]) - sum(before[:2])
    assert used < 0.2, f"{used:.2f} s of processor time in two idle seconds"
