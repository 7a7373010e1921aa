"""The life of one device: its worker is started, fed, watched, and started again when it dies."""

from __future__ import annotations

import asyncio
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from invoke_host.api import Device, Job, JobDone, JobEvent, JobFailed, JobOutput, JobProgress, JobStarted
from invoke_host.clock import Clock
from invoke_host.generation.protocol import (
    Cancel,
    Credit,
    Frame,
    Heartbeat,
    Previews,
    ProtocolError,
    Ready,
    Refused,
    Run,
)
from invoke_host.generation.worker_process import WorkerProcess, WorkerSettings


class Owner(Protocol):
    """What a slot tells the executor."""

    def deliver(self, event: JobEvent) -> None:
        """Hand an event to the job's stream."""

    def give_back(self, jobs: list[Job]) -> None:
        """Jobs that the dead worker never began; they go to the next one."""

    def changed(self) -> None:
        """Credits, readiness or jobs are different now."""

    def found(self, devices: tuple[str, ...]) -> None:
        """An `auto` worker says which devices exist; the first is its own."""


class DeviceSlot:
    """One device. `configured` is what torch calls it, `name` what people see (two workers may share a device).

    `credits` is how many more jobs its worker will take now; `jobs` are those it holds.
    """

    def __init__(
        self,
        name: str,
        device: str,
        settings: WorkerSettings,
        owner: Owner,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self.name = name
        self.configured = device
        self.credits = 0
        self.jobs: dict[str, Job] = {}
        self.last_model = ""
        self._settings = settings
        self._owner = owner
        self._clock = clock
        self._log = log.bind(device=name)
        self._state: Device = Device(name, "", "starting")
        self._begun: set[str] = set()
        self._progress_at = 0.0
        self._failures = 0
        self._worker: WorkerProcess | None = None

    @property
    def device(self) -> Device:
        """The device and how it is."""
        if self._state.state == "ready" and self.jobs:
            return Device(self.name, self._state.kind, "busy", self._state.detail)
        return self._state

    @property
    def pid(self) -> int | None:
        """Process id of the worker that is running now."""
        return self._worker.pid if self._worker else None

    def run(self, job: Job, *, previews: bool) -> None:
        """Give the worker a job against one of its credits."""
        if self._worker is None or self.credits < 1:
            raise RuntimeError(f"device {self.name} has no credit")  # a bug in the executor, never a client's doing
        self.credits -= 1
        self.jobs[job.id] = job
        self.last_model = job.model.key
        self._progress_at = self._clock.monotonic()
        self._worker.send(Run(job))
        if previews:
            self.preview(job.id, wanted=True)

    def cancel(self, job_id: str) -> None:
        """Ask the worker to stop a job at its next step."""
        if self._worker is not None and job_id in self.jobs:
            self._worker.send(Cancel(job_id))

    def preview(self, job_id: str, *, wanted: bool) -> None:
        """Tell the worker whether anybody wants to see how that job goes."""
        if self._worker is not None and job_id in self.jobs:
            self._worker.send(Previews(job_id, wanted))

    async def live(self) -> None:
        """Keep a worker running until cancelled, or until it refuses for good."""
        try:
            while await self._one_life():
                wait_s = min(self._settings.restart_first_s * 2**self._failures, self._settings.restart_most_s)
                self._failures = min(self._failures + 1, 16)
                await asyncio.sleep(wait_s)
        finally:
            if self._state.state != "failed":
                self._state = Device(self.name, self._state.kind, "stopped", self._state.detail)

    async def _one_life(self) -> bool:
        """From start to end of one process; False when another one would fare no better."""
        self._state = Device(self.name, self._state.kind, "starting")
        try:
            self._worker = await WorkerProcess.start(self.configured, self._settings, self._log)
        except OSError as error:
            self._log.error("worker.start_failed", error=str(error))
            self._state = Device(self.name, "", "failed", f"the worker can't be started: {error}")
            return True
        refused, why = None, "the host was stopped"
        try:
            refused, why = await self._serve(self._worker)
        finally:
            worker, self._worker, self.credits = self._worker, None, 0
            ended = await asyncio.shield(_end(worker, why))
            self._lose_jobs(f"The worker on {self.name} ended while it made this picture: {ended}.")
        if refused is not None:
            self._log.error("worker.refused", reason=refused)
            self._state = Device(self.name, "", "failed", refused)
            self._owner.changed()
            return False
        self._log.warning("worker.died", reason=ended, restarts=self._failures + 1)
        return True

    async def _serve(self, worker: WorkerProcess) -> tuple[str | None, str]:
        """Speak with the worker until it is gone: (why it refused for good, why the host ends it)."""
        settings = self._settings
        started_at = self._clock.monotonic()
        while True:
            try:
                frame = await worker.receive(settings.heartbeat_timeout_s)
            except TimeoutError:
                return None, f"it gave no sign of life for {settings.heartbeat_timeout_s:g} s"
            except ProtocolError as error:
                return None, f"it broke the protocol: {error}"
            if frame is None:
                return None, ""
            if isinstance(frame, Refused):
                return frame.message, "it refused"
            if not self._take(frame):
                return None, f"it broke the protocol: unexpected {type(frame).__name__}"
            now = self._clock.monotonic()
            if self._state.state == "starting" and now - started_at > settings.start_timeout_s:
                return None, f"it was not ready after {settings.start_timeout_s:g} s"
            if self.jobs and now - self._progress_at > settings.step_timeout_s:
                return None, f"it made no progress for {settings.step_timeout_s:g} s"

    def _take(self, frame: Frame) -> bool:
        """Act on a frame; False if it has no place here."""
        if isinstance(frame, Heartbeat):
            return True
        if isinstance(frame, Ready):
            return self._ready(frame)
        if isinstance(frame, Credit):
            self.credits += 1
        elif isinstance(frame, JobStarted | JobProgress | JobOutput | JobDone | JobFailed):
            if frame.job_id not in self.jobs:
                return False
            self._progress_at = self._clock.monotonic()
            self._follow(frame)
        else:
            return False
        self._owner.changed()
        return True

    def _ready(self, frame: Ready) -> bool:
        if self.configured == "auto":
            self.configured = self.name = frame.device  # a restart takes the same device again
            self._log = self._log.bind(device=frame.device)
            self._owner.found(frame.available)
        self._state = Device(self.name, frame.kind, "ready", frame.detail)
        self._log.info("worker.ready", pid=frame.pid, detail=frame.detail)
        self._owner.changed()
        return True

    def _follow(self, event: JobEvent) -> None:
        if isinstance(event, JobStarted):
            self._begun.add(event.job_id)
            event = JobStarted(event.job_id, self.name)
        elif isinstance(event, JobDone | JobFailed):
            del self.jobs[event.job_id]
            self._begun.discard(event.job_id)
            self._failures = 0
        self._owner.deliver(event)

    def _lose_jobs(self, message: str) -> None:
        """The begun ones fail and may be tried again; the others were never touched and go to another worker."""
        waiting = [job for job in self.jobs.values() if job.id not in self._begun]
        begun, self.jobs, self._begun = self._begun, {}, set()
        for job_id in sorted(begun):
            self._owner.deliver(JobFailed(job_id, "worker_died", message, retry=True))
        self._owner.give_back(waiting)
        self._owner.changed()


async def _end(worker: WorkerProcess, why: str) -> str:
    """End the process and say how it came to its end; a reason of the host's own (`why`) means it is killed."""
    if why:
        worker.kill()
    ended = await worker.end()
    return why or ended
