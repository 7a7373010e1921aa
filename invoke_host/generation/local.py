"""The executor `local`: worker processes on this machine, one per device. No torch in this process.

Work is handed out against credits. A worker grants one when it is idle and one when it enters the last step of the job
it has, so the next job is already there when the device is free, and who is next is decided as late as possible.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Literal

from structlog.typing import FilteringBoundLogger

from invoke_host.api import Device, Executor, Job, JobDone, JobEvent, JobFailed
from invoke_host.clock import Clock, SystemClock
from invoke_host.generation.device_slot import DeviceSlot
from invoke_host.generation.worker_process import WorkerSettings

_MOST_RETURNS = 3


class JobStream(AsyncIterator[JobEvent]):
    """The events of one job; ends after JobDone or JobFailed. Nothing is lost if it is read late."""

    def __init__(self) -> None:
        self._events: deque[JobEvent] = deque()
        self._more = asyncio.Event()
        self._over = False

    def put(self, event: JobEvent) -> None:
        """Add an event."""
        self._events.append(event)
        self._more.set()

    async def __anext__(self) -> JobEvent:
        while not self._events:
            if self._over:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        event = self._events.popleft()
        self._over = isinstance(event, JobDone | JobFailed)
        return event


class LocalExecutor(Executor):
    """Worker processes for `devices` (`auto` = every GPU that torch sees, else the CPU; a name may be given twice)."""

    name: ClassVar[str] = "local"

    def __init__(
        self,
        *,
        devices: Literal["auto"] | Sequence[str] = "auto",
        settings: WorkerSettings | None = None,
        log: FilteringBoundLogger,
        clock: Clock | None = None,
    ) -> None:
        self._wanted = ["auto"] if devices == "auto" else list(devices)
        self._settings = settings or WorkerSettings()
        self._log = log
        self._clock = clock or SystemClock()
        self._slots: list[DeviceSlot] = []
        self._lives: list[asyncio.Task[None]] = []
        self._waiting: deque[Job] = deque()
        self._streams: dict[str, JobStream] = {}
        self._previewed: set[str] = set()
        self._returned: Counter[str] = Counter()
        self._change = asyncio.Event()
        self._stopping = False

    async def start(self) -> None:
        for device in self._wanted:
            self._add_slot(device)

    async def stop(self, grace_s: float) -> None:
        self._stopping = True
        for job in list(self._waiting):
            self._fail(job.id, "worker_died", "The host was stopped before this picture was begun.", retry=True)
        try:
            async with asyncio.timeout(grace_s):
                while any(slot.jobs for slot in self._slots):
                    await self._next_change()
        except TimeoutError:
            pass  # what still runs is failed by its slot, below
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        for job_id in list(self._streams):
            self._fail(job_id, "worker_died", "The host was stopped while this picture was made.", retry=True)

    async def capacity(self) -> int:
        await asyncio.sleep(0)  # a caller that asks again and again must not keep the workers' words from being read
        while (free := sum(slot.credits for slot in self._slots) - len(self._waiting)) < 1 or self._stopping:
            await self._next_change()
        return free

    def submit(self, job: Job) -> AsyncIterator[JobEvent]:
        if job.id in self._streams:
            raise ValueError(f"job {job.id!r} is already running")
        stream = self._streams[job.id] = JobStream()
        if self._stopping:
            self._fail(job.id, "worker_died", "The host is stopping.", retry=True)
        else:
            self._waiting.append(job)
            self._hand_out()
        return stream

    async def cancel(self, job_id: str) -> None:
        if any(job.id == job_id for job in self._waiting):
            self._fail(job_id, "canceled", "The picture was canceled.")
        for slot in self._slots:
            slot.cancel(job_id)

    def preview(self, job_id: str, wanted: bool) -> None:
        if job_id not in self._streams or wanted == (job_id in self._previewed):
            return
        (self._previewed.add if wanted else self._previewed.discard)(job_id)
        for slot in self._slots:
            slot.preview(job_id, wanted=wanted)

    def devices(self) -> list[Device]:
        return [slot.device for slot in self._slots]

    def pids(self) -> dict[str, int]:
        """Process ids of the running workers by device, for the operator."""
        return {slot.name: slot.pid for slot in self._slots if slot.pid is not None}

    # What slots call (device_slot.Owner) ---------------------------------------------------------------------------

    def deliver(self, event: JobEvent) -> None:
        """Hand an event to its stream."""
        stream = self._streams.get(event.job_id)
        if stream is not None:
            stream.put(event)
        if isinstance(event, JobDone | JobFailed):
            self._streams.pop(event.job_id, None)
            self._previewed.discard(event.job_id)
            self._returned.pop(event.job_id, None)

    def give_back(self, jobs: list[Job]) -> None:
        """Take back jobs that a dead worker never began, to the front of the line; not more than a few times each."""
        for job in reversed(jobs):
            self._returned[job.id] += 1
            if self._returned[job.id] >= _MOST_RETURNS:
                text = "Workers ended again and again before they began this picture."
                self._fail(job.id, "worker_died", text, retry=True)
            else:
                self._waiting.appendleft(job)

    def found(self, devices: tuple[str, ...]) -> None:
        """Add the devices that the `auto` worker found beside its own."""
        for device in devices[1:]:
            self._add_slot(device)

    def changed(self) -> None:
        """Hand out what waits, then wake whoever waits for capacity."""
        self._hand_out()
        self._change.set()

    # ---------------------------------------------------------------------------------------------------------------

    def _add_slot(self, device: str) -> None:
        twins = sum(slot.configured == device for slot in self._slots)
        label = f"{device}#{twins + 1}" if twins else device
        slot = DeviceSlot(label, device, self._settings, self, self._clock, self._log)
        self._slots.append(slot)
        self._lives.append(asyncio.create_task(slot.live(), name=f"device {label}"))

    def _hand_out(self) -> None:
        while self._waiting and not self._stopping:
            free = [slot for slot in self._slots if slot.credits > 0]
            if not free:
                return
            job = self._waiting.popleft()
            # An idle device first; among those, one that has the model in memory.
            slot = min(free, key=lambda each: (len(each.jobs), each.last_model != job.model.key))
            slot.run(job, previews=job.id in self._previewed)

    def _fail(self, job_id: str, code: str, message: str, *, retry: bool = False) -> None:
        self._waiting = deque(job for job in self._waiting if job.id != job_id)
        self.deliver(JobFailed(job_id, code, message, retry))
        self._change.set()

    async def _next_change(self) -> None:
        self._change.clear()
        await self._change.wait()
