"""An executor without a model: paints a small picture that depends on prompt and seed only, and does as it is told."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections import deque
from collections.abc import AsyncIterator
from typing import ClassVar

from PIL import Image

from invoke_host.api import (
    Device,
    Executor,
    Job,
    JobDone,
    JobEvent,
    JobFailed,
    JobOutput,
    JobProgress,
    JobStarted,
)

#: What the executor says of a job whose worker has died.
DEATH = JobFailed("", "worker_died", "The worker on painter:0 ended.", retry=True)


def paint(prompt: str, seed: int, side: int = 64) -> tuple[bytes, bytes]:
    """A PNG and its WebP thumbnail; the same for the same words and seed."""
    pixels = hashlib.shake_128(f"{seed}:{prompt}".encode()).digest(side * side * 3)
    image = Image.frombytes("RGB", (side, side), pixels)
    png, webp = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG", compress_level=1)
    image.resize((side // 2, side // 2)).save(webp, "WEBP")
    return png.getvalue(), webp.getvalue()


class Painter(Executor):
    """`places` jobs at a time. While `open` is not set, jobs stop before their second step."""

    name: ClassVar[str] = "painter"

    def __init__(self, places: int = 1) -> None:
        self.places = places
        self.open = asyncio.Event()
        self.open.set()
        self.failures: deque[JobFailed] = deque()
        self.jobs: list[Job] = []
        self.canceled: list[str] = []
        self.damage: str | None = None
        self.twice = False
        self.begun: asyncio.Queue[Job] = asyncio.Queue()
        self._stops: dict[str, asyncio.Event] = {}
        self._change = asyncio.Event()

    async def start(self) -> None: ...

    async def stop(self, grace_s: float) -> None: ...

    async def capacity(self) -> int:
        while (room := self.places - len(self._stops)) < 1:
            self._change.clear()
            await self._change.wait()
        return room

    def submit(self, job: Job) -> AsyncIterator[JobEvent]:
        self.jobs.append(job)
        self._stops[job.id] = asyncio.Event()
        return self._work(job)

    async def cancel(self, job_id: str) -> None:
        self.canceled.append(job_id)
        if stop := self._stops.get(job_id):
            stop.set()

    def devices(self) -> list[Device]:
        return [Device("painter:0", "painter", "ready")]

    async def _work(self, job: Job) -> AsyncIterator[JobEvent]:
        try:
            yield JobStarted(job.id, "painter:0")
            yield JobProgress(job.id, 1, job.steps)
            await self.begun.put(job)
            if not await self._may_go_on(job):
                yield JobFailed(job.id, "canceled", "The picture was canceled.")
                return
            if self.failures:
                failure = self.failures.popleft()
                yield JobFailed(job.id, failure.code, failure.message, failure.retry)
                return
            for _ in range(2 if self.twice else 1):
                yield self._output(job)
            yield JobDone(job.id, 0.25)
        finally:
            del self._stops[job.id]
            self._change.set()

    async def _may_go_on(self, job: Job) -> bool:
        waits = [asyncio.ensure_future(self.open.wait()), asyncio.ensure_future(self._stops[job.id].wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return not self._stops[job.id].is_set()

    def _output(self, job: Job) -> JobOutput:
        png, webp = paint(job.positive_prompt, job.seed)
        image, thumbnail = job.staging / "0.png", job.staging / "0.webp"
        image.write_bytes(png[: len(png) // 2] if self.damage == "truncated" else png)
        thumbnail.write_bytes(webp)
        if self.damage == "missing":
            thumbnail.unlink()
        return JobOutput(
            job.id,
            0,
            image,
            hashlib.sha256(png).hexdigest(),
            thumbnail,
            hashlib.sha256(webp).hexdigest(),
            64,
            64,
            dict(job.metadata),
        )
