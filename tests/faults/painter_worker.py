"""The painter's worker: one picture per line on stdin, events as lines on stdout, files in the staging folder.

It passes the failpoints of the real worker, so that it dies in the same places, and paints in milliseconds.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from PIL import Image

from invoke_host.faults import failpoint

SIDE = 48

#: How long a step takes.
STEP_S = float(os.environ.get("PAINTER_STEP_S", "0.002"))


def paint(prompt: str, seed: int) -> bytes:
    """The PNG of a prompt and a seed; always the same."""
    pixels = hashlib.shake_128(f"{seed}:{prompt}".encode()).digest(SIDE * SIDE * 3)
    image = Image.frombytes("RGB", (SIDE, SIDE), pixels)
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def thumbnail(png: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).resize((SIDE // 2, SIDE // 2)).save(out, "WEBP")
    return out.getvalue()


def tell(**event: Any) -> None:
    print(json.dumps(event), flush=True)


def work(job: dict[str, Any], canceled: set[str]) -> None:
    tell(kind="started", job=job["id"])
    for step in range(1, job["steps"] + 1):
        if job["id"] in canceled:
            tell(kind="failed", job=job["id"], code="canceled", message="Canceled.", retry=False)
            return
        failpoint("worker.step")
        threading.Event().wait(STEP_S)
        tell(kind="progress", job=job["id"], step=step, steps=job["steps"])
    failpoint("worker.before_encode")
    png = paint(job["prompt"], job["seed"])
    webp = thumbnail(png)
    staging = Path(job["staging"])
    with (staging / "0.png").open("wb") as file:
        file.write(png[: len(png) // 2])
        file.flush()
        failpoint("worker.half_written")
        file.write(png[len(png) // 2 :])
    (staging / "0.webp").write_bytes(webp)
    hashes = [hashlib.sha256(data).hexdigest() for data in (png, webp)]
    tell(kind="done", job=job["id"], sha256=hashes[0], thumbnail_sha256=hashes[1], side=SIDE)


def main() -> None:
    jobs: queue.Queue[dict[str, Any] | None] = queue.Queue()
    canceled: set[str] = set()

    def listen() -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "cancel" in message:
                canceled.add(message["cancel"])
            else:
                jobs.put(message)
        jobs.put(None)  # the host is gone

    threading.Thread(target=listen, daemon=True).start()
    tell(kind="ready")
    while (job := jobs.get()) is not None:
        try:
            work(job, canceled)
        except BrokenPipeError:
            raise
        except OSError as error:
            # The staging folder goes when an attempt is given up.
            tell(kind="failed", job=job["id"], code="storage_failed", message=str(error), retry=False)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)  # the host is gone
