"""A plugin for the whole host whose executor paints instead of denoising, in a worker that can be killed or stopped.

A worker that says nothing for `SILENCE_S` is given up and not ended: it may go on later, as one does that was cut off,
and must not do any harm then.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from invoke_host.api import (
    Device,
    Executor,
    HostView,
    Job,
    JobDone,
    JobEvent,
    JobFailed,
    JobOutput,
    JobProgress,
    JobStarted,
    PluginManifest,
    hookimpl,
)

manifest = PluginManifest(
    name="painter", api=">=1.0,<2", provides=frozenset({"executor"}), description="Paints without a model"
)

WORKER = Path(__file__).with_name("painter_worker.py")

#: A worker with a job that was silent for so long is given up; and once more, for a host that stood still itself.
SILENCE_S = 1.0
AGAIN_S = 0.3

#: Written to the host's log when a worker was killed, and not by this plugin.
KILLED = "painter: the worker was killed"


class PainterExecutor(Executor):
    """One worker process, one job at a time; a dead worker is replaced and its job may be tried again."""

    name: ClassVar[str] = "painter"

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._given_up: list[asyncio.subprocess.Process] = []
        self._life: asyncio.Task[None] | None = None
        self._job: Job | None = None
        self._events: asyncio.Queue[JobEvent] = asyncio.Queue()
        self._ready = False
        self._change = asyncio.Event()

    async def start(self) -> None:
        self._life = asyncio.create_task(self._live())

    async def stop(self, grace_s: float) -> None:
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        for process in self._given_up:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def capacity(self) -> int:
        while not self._ready or self._job is not None:
            self._change.clear()
            await self._change.wait()
        return 1

    def submit(self, job: Job) -> AsyncIterator[JobEvent]:
        self._job = job
        self._send({"id": job.id, "prompt": job.positive_prompt, "seed": job.seed, "steps": job.steps})
        return self._stream(job)

    async def cancel(self, job_id: str) -> None:
        self._send({"cancel": job_id})

    def devices(self) -> list[Device]:
        return [Device("painter:0", "painter", "ready" if self._ready else "starting")]

    def _send(self, message: dict[str, Any]) -> None:
        if self._job is not None and "id" in message:
            message["staging"] = str(self._job.staging)
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _stream(self, job: Job) -> AsyncIterator[JobEvent]:
        while True:
            event = await self._events.get()
            if event.job_id != job.id:
                continue
            yield event
            if isinstance(event, JobDone | JobFailed):
                return

    async def _live(self) -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(WORKER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            self._process = process
            try:
                while line := await self._line(process):
                    self._take(json.loads(line))
                if line is None:
                    self._given_up.append(process)
                elif await process.wait() == -signal.SIGKILL:
                    _say(KILLED)
            finally:
                self._ready = False
                if process not in self._given_up:
                    if process.returncode is None:
                        process.kill()
                    await process.wait()
            if self._job is not None:
                self._end(JobFailed(self._job.id, "worker_died", "The painter ended.", retry=True))

    async def _line(self, process: asyncio.subprocess.Process) -> bytes | None:
        """What it says; None = it has a job and says nothing."""
        assert process.stdout is not None
        reading = asyncio.ensure_future(process.stdout.readline())
        try:
            while True:
                job = self._job
                for wait_s in (SILENCE_S, AGAIN_S):
                    if (await asyncio.wait({reading}, timeout=wait_s))[0]:
                        return reading.result()
                if job is not None and self._job is job:
                    return None
        finally:
            reading.cancel()

    def _take(self, message: dict[str, Any]) -> None:
        kind, job_id = message["kind"], message.get("job", "")
        if kind == "ready":
            self._ready = True
            self._change.set()
        elif self._job is None or job_id != self._job.id:
            return
        elif kind == "started":
            self._events.put_nowait(JobStarted(job_id, "painter:0"))
        elif kind == "progress":
            self._events.put_nowait(JobProgress(job_id, message["step"], message["steps"]))
        elif kind == "failed":
            self._end(JobFailed(job_id, message["code"], message["message"], message["retry"]))
        else:
            self._events.put_nowait(self._output(self._job, message))
            self._end(JobDone(job_id, 0.01))

    def _output(self, job: Job, message: dict[str, Any]) -> JobOutput:
        return JobOutput(
            job.id,
            0,
            job.staging / "0.png",
            message["sha256"],
            job.staging / "0.webp",
            message["thumbnail_sha256"],
            message["side"],
            message["side"],
            dict(job.metadata),
        )

    def _end(self, event: JobEvent) -> None:
        self._job = None
        self._events.put_nowait(event)
        self._change.set()


def _say(text: str) -> None:
    with suppress(OSError):  # the log's disk may be full
        print(text, file=sys.stderr, flush=True)


@hookimpl
def invoke_executors(host: HostView) -> Iterable[Executor]:
    return [PainterExecutor()]
