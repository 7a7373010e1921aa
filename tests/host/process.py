"""A complete host as its user starts it: a process of its own with a folder of its own, told to end by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import orjson
import psutil

from .client import Client

T = TypeVar("T")

#: How long anything may take on a busy machine; nothing waits for so long unless it is broken.
PATIENCE_S = 60.0

#: No worker: for tests of what the web process does alone.
NO_DEVICES = {"INVOKE_HOST_GENERATION__DEVICES": "[]"}


def until(what: str, look: Callable[[], T], *, within_s: float = PATIENCE_S) -> T:
    """The first truthy answer of `look`, for what another process does without telling anybody."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.01)
    return found


@dataclass(slots=True)
class HostProcess:
    """A started host. `started_at` is the monotonic time of the start; `log` what it has written to standard error.

    `extra` is what its environment has beside the test's own, for commands on the same folder.
    """

    root: Path
    process: subprocess.Popen[bytes]
    started_at: float
    log_file: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    _client: Client | None = field(default=None)

    @property
    def pid(self) -> int:
        """Process id of the web process."""
        return self.process.pid

    @property
    def log(self) -> str:
        """Everything it wrote."""
        return self.log_file.read_text(errors="replace")

    @property
    def client(self) -> Client:
        """Speaks to it; waits until it listens."""
        if self._client is None:
            url = until("the host announces its URL", self._announced)
            self._client = Client(url)
        return self._client

    def _announced(self) -> str | None:
        assert self.process.poll() is None, f"the host ended with {self.process.returncode}:\n{self.log}"
        try:
            found = orjson.loads((self.root / "run" / "host.json").read_bytes())
        except FileNotFoundError:
            return None
        return found["url"] if found["pid"] == self.pid else None

    def wait_ready(self) -> Client:
        """Its client, once a device is ready to work."""

        def devices() -> bool:
            checks = {check["name"]: check for check in self.client.get("/readyz").json()["checks"]}
            return checks["devices"]["status"] == "ok"

        until(f"a device is ready:\n{self.log}", devices)
        return self.client

    def worker(self) -> psutil.Process:
        """Its worker process."""
        return until("a worker process runs", lambda: next(iter(self.workers()), None))

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        try:
            return [child for child in psutil.Process(self.pid).children() if is_worker(child)]
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def end(self) -> None:
        """Kill what is left of it."""
        if self._client is not None:
            self._client.close()
        self.process.kill()
        self.process.wait()


def is_worker(process: psutil.Process) -> bool:
    """Is this a worker, and not a zombie?"""
    try:
        return "invoke_host.generation.worker" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command(root: Path | str, *arguments: str) -> list[str]:
    """The command line of a host on any free port."""
    return [sys.executable, "-m", "invoke_host", "--root", str(root), "serve", "--port", "0", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's own environment without settings for hosts, and these."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("INVOKE_HOST_")}
    # One thread of arithmetic, so that a picture does not depend on the number of cores.
    return own | {"INVOKE_HOST_GENERATION__THREADS": "1", **(extra or {})}


def start(
    root: Path, extra: Mapping[str, str] | None = None, *, cwd: Path | None = None, arguments: tuple[str, ...] = ()
) -> HostProcess:
    """Start a host; returns at once."""
    log_file = root.with_name(f"{root.name}-{time.monotonic_ns()}.log")
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command(root, *arguments),
            env=environment(extra),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return HostProcess(root, process, time.monotonic(), log_file, dict(extra or {}))
