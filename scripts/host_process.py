"""A real host in a process of its own, started as a user starts it: for `make run`, the docs tests and bench."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from invoke_host.cli.running import ends_with_parent

READY_POLL_S = 0.02
#: How much of a failed host's output is told.
TAIL_CHARACTERS = 3000


class HostStartError(Exception):
    """The host did not become ready; the message has the end of its output."""


@dataclass(frozen=True, slots=True)
class RunningHost:
    """A started host: where it answers, its process, and how long the first healthy answer took."""

    url: str
    root: Path
    process: subprocess.Popen[bytes]
    start_s: float


def invoke_host_command() -> str:
    """The `invoke-host` of this environment."""
    return str(Path(sys.executable).parent / "invoke-host")


def free_port() -> int:
    """A port on loopback that nothing used a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def running_host(
    root: Path,
    *,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    path: str = "/readyz",
    timeout_s: float = 120,
) -> Iterator[RunningHost]:
    """`invoke-host --root ROOT serve`, answering 200 on `path` inside the block and stopped after it.

    Raises HostStartError when the process ends or `timeout_s` passes before that. Without `output` it prints here.
    """
    chosen = free_port() if port is None else port
    url = f"http://127.0.0.1:{chosen}"
    command = [invoke_host_command(), "--root", str(root), "serve", "--host", "127.0.0.1", "--port", str(chosen)]
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,  # a Ctrl-C reaches this process only, which then asks the host once to stop
        preexec_fn=ends_with_parent(),
    )
    try:
        try:
            wait_until_healthy(url + path, process, timeout_s)
        except HostStartError as error:
            printed = "" if output is None else "\n" + Path(output.name).read_text(errors="replace")[-TAIL_CHARACTERS:]
            raise HostStartError(f"{error}{printed}") from None
        yield RunningHost(url, root, process, time.monotonic() - started)
    finally:
        stop(process)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Return at the first 200 of `url`; raise HostStartError when `process` ends first or time is up."""
    deadline = time.monotonic() + timeout_s
    answer = "nothing"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise HostStartError(f"the host ended with exit status {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            answer = str(error)
        time.sleep(READY_POLL_S)  # there is no event to wait for before the port answers
    raise HostStartError(f"{url} did not answer 200 within {timeout_s:.0f} s, but {answer}")


def stop(process: subprocess.Popen[bytes], *, grace_s: float = 45) -> int:
    """SIGTERM, then SIGKILL after `grace_s` or at a second Ctrl-C; the exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(grace_s)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        return process.wait()
