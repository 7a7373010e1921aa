"""A plugin whose executor hands out one prepared picture, with steps and previews on the way: work for the queue and
the event streams of a benchmark, and none for a device. It runs in the host's own process and loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import ClassVar

from PIL import Image

from invoke_host.api import (
    Device,
    Executor,
    HostView,
    Job,
    JobDone,
    JobEvent,
    JobFailed,
    JobOutput,
    JobPreview,
    JobProgress,
    JobStarted,
    PluginManifest,
    hookimpl,
)

manifest = PluginManifest(
    name="sketcher", api=">=1.0,<2", provides=frozenset({"executor"}), description="One picture, again and again"
)

PLACES = 4
STEPS = 3
STEP_S = 0.01
#: As large as previews are.
PREVIEW = "data:image/jpeg;base64," + "A" * 8000


def install(site: Path) -> None:
    """Make this file a distribution in `site`, which a host gets on its PYTHONPATH."""
    info = site / "bench_sketcher-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-sketcher\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[invoke_host.plugins]\nsketcher = bench_sketcher\n")
    (site / "bench_sketcher.py").write_text(Path(__file__).read_text())


def _encoded(kind: str) -> tuple[bytes, str]:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, kind)
    return out.getvalue(), hashlib.sha256(out.getvalue()).hexdigest()


class Sketcher(Executor):
    """`PLACES` jobs at a time."""

    name: ClassVar[str] = "sketcher"

    def __init__(self) -> None:
        self._png, self._webp = _encoded("PNG"), _encoded("WEBP")
        self._jobs: dict[str, bool] = {}
        self._watched: set[str] = set()
        self._change = asyncio.Event()

    async def start(self) -> None: ...

    async def stop(self, grace_s: float) -> None: ...

    async def capacity(self) -> int:
        while (room := PLACES - len(self._jobs)) < 1:
            self._change.clear()
            await self._change.wait()
        return room

    def submit(self, job: Job) -> AsyncIterator[JobEvent]:
        self._jobs[job.id] = True
        return self._work(job)

    async def cancel(self, job_id: str) -> None:
        if job_id in self._jobs:
            self._jobs[job_id] = False

    def preview(self, job_id: str, wanted: bool) -> None:
        (self._watched.add if wanted else self._watched.discard)(job_id)

    def devices(self) -> list[Device]:
        return [Device("sketcher:0", "sketcher", "ready")]

    async def _work(self, job: Job) -> AsyncIterator[JobEvent]:
        try:
            yield JobStarted(job.id, "sketcher:0")
            for step in range(1, STEPS + 1):
                await asyncio.sleep(STEP_S)
                if not self._jobs[job.id]:
                    yield JobFailed(job.id, "canceled", "Canceled.")
                    return
                preview = JobPreview(64, 64, PREVIEW) if job.id in self._watched else None
                yield JobProgress(job.id, step, STEPS, preview=preview)
            image, thumbnail = job.staging / "0.png", job.staging / "0.webp"
            await asyncio.to_thread(self._write, image, thumbnail)
            yield JobOutput(job.id, 0, image, self._png[1], thumbnail, self._webp[1], 64, 64, dict(job.metadata))
            yield JobDone(job.id, STEPS * STEP_S)
        finally:
            self._jobs.pop(job.id, None)
            self._watched.discard(job.id)
            self._change.set()

    def _write(self, image: Path, thumbnail: Path) -> None:
        image.write_bytes(self._png[0])
        thumbnail.write_bytes(self._webp[0])


@hookimpl
def invoke_executors(host: HostView) -> Iterable[Executor]:
    return [Sketcher()]
