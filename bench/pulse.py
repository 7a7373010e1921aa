"""One request after another at a steady beat, from a process of its own: how long each took, and when it was due.

`python -m bench.pulse URL TOKEN PER_SECOND` until its standard input closes; then prints `[[due_s, took_ms], ...]` as
JSON, by the clock that all processes of a machine share. What is late because the answer before it was late counts
from when it was due, as a visitor would (coordinated omission).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from bench.measure import ROOT

Beats = list[tuple[float, float]]


@contextlib.contextmanager
def pulse(url: str, token: str, *, per_s: int) -> Iterator[Beats]:
    """Beat inside the block; the list is filled when it ends. Raises CalledProcessError when an answer is no 200."""
    command = [sys.executable, "-m", "bench.pulse", url, token, str(per_s)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    beats: Beats = []
    try:
        yield beats
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command[:3])
    beats.extend((due, took) for due, took in json.loads(output))


def _beat(url: str, token: str, per_s: int, stop: threading.Event) -> Beats:
    parts = urlsplit(url)
    # The plainest client there is: it must not be what is measured.
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    path = f"{parts.path}?{parts.query}"
    beats: Beats = []
    due = time.monotonic()
    while not stop.is_set():
        due += 1 / per_s
        stop.wait(max(0.0, due - time.monotonic()))
        # Woken up late is the scheduler's delay of this process, not the host's, unless an answer before was late.
        started = time.monotonic() if not beats or beats[-1][0] + beats[-1][1] / 1000 < due else due
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(f"{url} answered {answer.status}: {body[:300]!r}")
        beats.append((started, (time.monotonic() - started) * 1000))
    return beats


def main() -> None:
    """Beat until standard input closes."""
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    print(json.dumps(_beat(sys.argv[1], sys.argv[2], int(sys.argv[3]), stop)))


if __name__ == "__main__":
    main()
