"""One attempt at one item: from the claimed row to stored pictures, a reason, or back into the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger

from invoke_host import ids
from invoke_host.api import (
    BlobStore,
    ExecutionError,
    Executor,
    Job,
    JobDone,
    JobFailed,
    JobOutput,
    JobProgress,
    JobStarted,
    StorageError,
    WorkerDied,
)
from invoke_host.clock import Clock, timestamp
from invoke_host.generation.requests import ResolvedRequest
from invoke_host.models.service import ModelRecord
from invoke_host.queue.disk import DiskWatch
from invoke_host.queue.persist import patiently, persist
from invoke_host.queue.placing import Placement, Placements, nowhere, on_no_board
from invoke_host.queue.previews import Previews
from invoke_host.queue.save import DISK_CODES, NotStoredError, Saver, disk_error
from invoke_host.queue.store import finish, lease
from invoke_host.queue.store.items import QueueItem
from invoke_host.queue.store.templates import template_of
from invoke_host.storage import Storage

_SILENT = "The worker stopped working on this picture and did not say why."


class Models(Protocol):
    """What the dispatcher needs of the model catalogue."""

    async def require(self, key: str) -> ModelRecord:
        """The usable model with that key. Raises ModelUnusable."""
        ...


class Emitter(Protocol):
    """Where progress goes (`events.hub.EventHub`)."""

    def emit(self, kind: str, payload: Mapping[str, Any], audience: str | None) -> None:
        """Send a passing event."""
        ...


@dataclass(slots=True)
class Attempt:
    """An item that is being worked on under a lease. `lost`: somebody canceled, deleted or took it.

    `submitted` is set when the executor has the job, or will never get it.
    """

    item: QueueItem
    token: str
    submitted: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False
    saving: bool = False
    device: str | None = None
    board_id: str | None = None
    is_intermediate: bool = False
    outputs: list[JobOutput] = field(default_factory=list)


class AttemptRunner:
    """Carries attempts out. Nothing that goes wrong with one leaves `run`: the item gets the reason instead."""

    def __init__(
        self,
        storage: Storage,
        blobs: BlobStore,
        executor: Executor,
        models: Models,
        clock: Clock,
        emitter: Emitter,
        log: FilteringBoundLogger,
        *,
        most_deaths: int,
        stopping: asyncio.Event,
        disk: DiskWatch,
        placements: Placements = nowhere,
        previews: Previews | None = None,
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._executor = executor
        self._models = models
        self._clock = clock
        self._emitter = emitter
        self._log = log
        self._most_deaths = most_deaths
        self._stopping = stopping
        self._disk = disk
        self._placements = placements
        self._previews = previews or Previews(executor)
        self._saver = Saver(storage, blobs, clock, log)

    @property
    def saving(self) -> frozenset[str]:
        """Names of pictures that are being stored (see `Saver.names`)."""
        return self._saver.names

    async def run(self, attempt: Attempt) -> None:
        """Work on the item until it is finished in the database, or lost."""
        try:
            try:
                await self._run(attempt)
            except ExecutionError as error:
                await self._fail(attempt, error.code, str(error))
            except OSError as error:
                await self._executor.cancel(attempt.token)
                self._log.warning("an item failed at the disk", item_id=attempt.item.id, error=str(error))
                await self._fail(attempt, NotStoredError.code, str(disk_error(error)))
            except Exception:  # noqa: BLE001 - a bug here must cost one item, not the queue
                await self._executor.cancel(attempt.token)
                error_id = ids.error_id()
                self._log.exception(
                    "an item failed for an unforeseen reason", item_id=attempt.item.id, error_id=error_id
                )
                text = f"Something went wrong on the server (error {error_id}, see the server's log)."
                await self._fail(attempt, "internal_error", text)
        finally:
            attempt.submitted.set()
            await asyncio.to_thread(self._blobs.drop_staging, attempt.token)

    async def _run(self, attempt: Attempt) -> None:
        job = await self._job(attempt)
        end: JobDone | JobFailed | None = None
        events = self._executor.submit(job)
        attempt.submitted.set()
        with self._previews.of(job.id, attempt.item.user_id):
            async for event in events:
                if isinstance(event, JobProgress):
                    self._progress(attempt, event)
                elif isinstance(event, JobOutput):
                    attempt.outputs.append(event)
                elif isinstance(event, JobStarted):
                    await self._started(attempt, event.device)
                else:
                    end = event
        if isinstance(end, JobDone):
            await self._save(attempt, job, end.engine_s)
        else:
            await self._failed(attempt, end or JobFailed(job.id, WorkerDied.code, _SILENT, retry=True))

    async def _job(self, attempt: Attempt) -> Job:
        batch_id = attempt.item.batch_id
        template = await patiently(self._log, "template", lambda: self._storage.read(template_of, batch_id))
        try:
            request = ResolvedRequest.from_values(template.request(attempt.item.request))
        except ValueError as error:
            raise ExecutionError(
                "This item was written by another version of the host and can't be read any more. Enqueue it anew."
            ) from error
        attempt.board_id = request.board_id
        attempt.is_intermediate = request.is_intermediate
        record = await self._models.require(request.model)
        staging = await asyncio.to_thread(self._blobs.staging, attempt.token)
        return request.job(attempt.token, record, staging)

    async def _started(self, attempt: Attempt, device: str) -> None:
        attempt.device = device
        try:
            await self._storage.write(lease.started, attempt.token, device=device)
        except StorageError as error:  # nothing depends on it
            self._log.warning("the device of an item can't be noted", item_id=attempt.item.id, error=str(error))

    def _progress(self, attempt: Attempt, event: JobProgress) -> None:
        if attempt.lost:
            return  # nobody wants to see a canceled item move on
        item, preview = attempt.item, event.preview
        payload = {
            "item_id": item.id,
            "batch_id": item.batch_id,
            "queue_id": item.queue_id,
            "step": event.step,
            "steps": event.steps,
            "percentage": event.step / event.steps if event.steps else None,
            "message": event.message,
            "device": attempt.device,
        }
        if preview is not None:
            payload["image"] = {"width": preview.width, "height": preview.height, "dataURL": preview.data_url}
        self._emitter.emit("progress", payload, item.user_id)

    async def _save(self, attempt: Attempt, job: Job, engine_s: float) -> None:
        attempt.saving = True
        result = await self._saver.save(
            attempt.token,
            job.staging,
            attempt.outputs,
            device=attempt.device,
            engine_s=engine_s,
            placement=await self._placement(attempt),
            is_intermediate=attempt.is_intermediate,
        )
        if result == "lost":
            self._log.info("a picture came too late and was dropped", item_id=attempt.item.id)

    async def _placement(self, attempt: Attempt) -> Placement:
        owner_id, board_id = attempt.item.user_id, attempt.board_id
        if board_id is None:
            return on_no_board
        return await patiently(self._log, "placement", lambda: self._placements(owner_id, board_id))

    async def _failed(self, attempt: Attempt, event: JobFailed) -> None:
        if not event.retry:
            await self._fail(attempt, event.code, event.message)
            return
        if self._stopping.is_set():
            # Whatever stops the host may well have reached the worker too; it says nothing about the item.
            await self._give_back(attempt)
            return
        await persist(
            self._storage,
            self._log,
            finish.worker_died,
            attempt.token,
            most_deaths=self._most_deaths,
            code=event.code,
            message=event.message,
            now=self._now(),
        )

    async def _give_back(self, attempt: Attempt) -> None:
        await persist(self._storage, self._log, lease.give_back, [attempt.token], now=self._now())

    async def _fail(self, attempt: Attempt, code: str, message: str) -> None:
        if code in DISK_CODES and await self._disk.is_to_blame():
            await self._give_back(attempt)  # it would go like this with every item; they wait for the disk instead
            return
        unit = finish.fail
        await persist(self._storage, self._log, unit, attempt.token, code=code, message=message, now=self._now())

    def _now(self) -> str:
        return timestamp(self._clock.now())
