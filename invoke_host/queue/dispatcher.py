"""Brings items to the executor and keeps their leases: claim, run, renew, stop what was canceled, drain at shutdown.

The database is the truth. A commit of this process wakes the loops at once; other processes' changes are found by
looking once a second. Who is next is decided when the executor has room, not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from invoke_host import ids
from invoke_host.api import BlobStore, Executor, Health, StorageError
from invoke_host.clock import Clock, timestamp
from invoke_host.config.schema import QueueConfig
from invoke_host.faults import failpoint
from invoke_host.queue.attempt import Attempt, AttemptRunner, Emitter, Models
from invoke_host.queue.disk import DiskWatch
from invoke_host.queue.placing import Placements, nowhere
from invoke_host.queue.previews import Presence, Previews
from invoke_host.queue.store import bulk, lease
from invoke_host.queue.store.claim import claim, claimable
from invoke_host.queue.store.items import QueueItem
from invoke_host.storage import Storage

T = TypeVar("T")

#: How often to look for what other processes changed.
POLL_S = 1.0

#: The shortest time between two looks for running items that were canceled: one look for all commits of that time.
WATCH_LEAST_S = 0.01

#: Finished pictures that may wait for disk and database; with more, nothing new is begun until one is stored.
MOST_SAVING = 8

#: What running jobs get to notice that they are stopped, and finished ones to be stored, after a drain's time is over.
GRACE_S = 5.0


class Dispatcher:
    """The one scheduler of this host. All methods belong to the event loop."""

    def __init__(
        self,
        storage: Storage,
        blobs: BlobStore,
        executor: Executor,
        models: Models,
        clock: Clock,
        hub: Emitter,
        log: FilteringBoundLogger,
        *,
        config: QueueConfig | None = None,
        poll_s: float = POLL_S,
        placements: Placements = nowhere,
        presence: Presence | None = None,
    ) -> None:
        """Without `presence` nothing is previewed."""
        settings = config or QueueConfig()
        self._storage = storage
        self._executor = executor
        self._clock = clock
        self._log = log
        self._lease_s = float(settings.lease_s)
        self._order = settings.order
        self._poll_s = poll_s
        self._running: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._work = asyncio.Event()
        self._look = asyncio.Event()
        self._stopping = asyncio.Event()
        self._disk = DiskWatch(blobs, clock, log)
        self._runner = AttemptRunner(
            storage,
            blobs,
            executor,
            models,
            clock,
            hub,
            log,
            most_deaths=settings.max_worker_deaths,
            stopping=self._stopping,
            disk=self._disk,
            placements=placements,
            previews=Previews(executor, presence),
        )
        self._loops: list[asyncio.Task[None]] = []
        self._claim_trouble = self._watch_trouble = ""

    @property
    def saving(self) -> frozenset[str]:
        """Names of pictures whose files may lie there before their row does (see `Saver.names`)."""
        return self._runner.saving

    async def health(self) -> Health:
        """Degraded while claiming or watching fails, until it works again; failed when nothing is claimed any more."""
        if not self._loops or any(loop.done() for loop in self._loops):
            return Health("queue", "failed", "nothing is taken from the queue any more; restart the host")
        trouble = self._claim_trouble or self._watch_trouble
        return Health("queue", "degraded" if trouble else "ok", trouble)

    @property
    def running(self) -> int:
        """How many items are being worked on now."""
        return len(self._running)

    def start(self) -> None:
        """Begin to claim. Recovery must be over, for what it finds in progress counts as dead."""
        self._storage.on_commit(self._wake)
        self._loops = [
            asyncio.create_task(self._claim_loop(), name="queue claims"),
            asyncio.create_task(self._watch_loop(), name="queue leases"),
        ]

    async def stop(self, drain_s: float) -> None:
        """Claim nothing more, let what runs finish for `drain_s`, give the rest back to the queue, and stop.

        What is given back counts as never begun. Call it before the executor is stopped; harmless when repeated.
        """
        self._stopping.set()
        self._work.set()  # it may be waiting for work
        if not self._loops:
            return
        claims, watch = self._loops
        await claims
        await self._finish_running(drain_s)
        await self._give_back()
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        self._loops = []

    def _wake(self) -> None:
        self._work.set()
        self._look.set()

    # Claiming ------------------------------------------------------------------------------------------------------

    async def _claim_loop(self) -> None:
        while not self._stopping.is_set():
            try:
                room = await self._unless_stopping(self._room())
                if room and (trouble := await self._disk.trouble()):
                    self._claim_trouble = f"nothing is begun: {trouble}"
                    await self._signal(self._stopping, self._poll_s)
                    continue
                begun = await self._fill(room) if room else 0
                self._claim_trouble = ""
                # `stop` may have set `_work` before it was cleared
                if room and not begun and not self._stopping.is_set():
                    await self._signal(self._work, self._poll_s)
            except StorageError as error:
                self._claim_trouble = f"the queue can't be read: {error}"
                self._log.warning("the queue can't be read, trying again", error=str(error))
                await self._signal(self._stopping, self._poll_s)
            except Exception:  # noqa: BLE001 - whatever it is, a host that claims no more is worse
                error_id = ids.error_id()
                self._claim_trouble = f"claiming failed (error {error_id}, see the server's log)"
                self._log.exception("claiming failed, trying again", error_id=error_id)
                await self._signal(self._stopping, self._poll_s)

    async def _room(self) -> int:
        """Wait until something can be begun; returns how many."""
        room = await self._executor.capacity()
        while self._saving() >= MOST_SAVING:
            tasks = [task for attempt, task in self._running.values() if attempt.saving]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # for the callback that takes it off the list
        return room

    def _saving(self) -> int:
        return sum(attempt.saving for attempt, _ in self._running.values())

    async def _fill(self, room: int) -> int:
        """Begin up to `room` items and hand them to the executor; returns how many were there."""
        begun: list[Attempt] = []
        self._work.clear()  # before looking, so that a commit in between is not missed
        while len(begun) < room and not self._stopping.is_set() and await self._storage.read(claimable, self._order):
            item = await self._storage.write(
                claim, token=ids.new_token(), lease_s=self._lease_s, now=self._now(), order=self._order
            )
            if item is None:
                break
            failpoint("claim.after_commit")
            begun.append(self._begin(item))
        for attempt in begun:  # or the executor would still say that it has room for more
            await attempt.submitted.wait()
        return len(begun)

    def _begin(self, item: QueueItem) -> Attempt:
        attempt = Attempt(item, item.lease_token or "")
        task = asyncio.create_task(self._runner.run(attempt), name=f"queue item {item.id}")
        self._running[attempt.token] = (attempt, task)
        task.add_done_callback(lambda done: self._ended(attempt, done))
        return attempt

    def _ended(self, attempt: Attempt, task: asyncio.Task[None]) -> None:
        self._running.pop(attempt.token, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("an item was left unfinished", item_id=attempt.item.id, exc_info=error)

    # Watching ------------------------------------------------------------------------------------------------------

    async def _watch_loop(self) -> None:
        renew_at = self._clock.monotonic() + self._lease_s / 3
        while True:
            self._look.clear()
            try:
                await self._stop_lost()
                if self._clock.monotonic() >= renew_at:
                    await self._renew()
                    renew_at = self._clock.monotonic() + self._lease_s / 3
                self._watch_trouble = ""
            except StorageError as error:
                self._watch_trouble = f"leases can't be renewed: {error}"
                self._log.warning("leases can't be renewed, trying again", error=str(error))
            except Exception:  # noqa: BLE001 - as in _claim_loop
                error_id = ids.error_id()
                self._watch_trouble = f"watching the queue failed (error {error_id}, see the server's log)"
                self._log.exception("watching the queue failed, trying again", error_id=error_id)
            await self._signal(self._look, self._poll_s)
            await asyncio.sleep(WATCH_LEAST_S)

    async def _stop_lost(self) -> None:
        """Stop the work on items that were canceled or deleted or whose owner was deactivated, by whichever process."""
        watched = [attempt for attempt, _ in self._running.values() if not (attempt.lost or attempt.saving)]
        if not watched:
            return
        held = await self._storage.read(lease.held, [attempt.token for attempt in watched])
        lost = [attempt for attempt in watched if attempt.token not in held]
        if not lost:
            return
        if await self._storage.read(lease.any_forsaken):
            # Before the work is stopped, or its end would be taken for a failure.
            await self._storage.write(bulk.cancel_forsaken, now=self._now())
        for attempt in lost:
            if not attempt.saving:
                attempt.lost = True
                await self._executor.cancel(attempt.token)

    async def _renew(self) -> None:
        if self._running:
            await self._storage.write(lease.renew, list(self._running), lease_s=self._lease_s)
        # After the renewal, so that a host that was stopped for a while does not take its own items for dead.
        if await self._storage.read(lease.any_expired):
            returned, failed = await self._storage.write(lease.recover, expired_only=True, now=self._now())
            self._log.warning("leases ran out", returned=len(returned), failed=len(failed))

    # Stopping ------------------------------------------------------------------------------------------------------

    async def _finish_running(self, timeout_s: float) -> None:
        if not self._running or timeout_s <= 0:
            return
        tasks = [task for _, task in self._running.values()]
        await asyncio.wait(tasks, timeout=timeout_s)

    async def _give_back(self) -> None:
        left = [attempt.token for attempt, _ in self._running.values() if not attempt.saving]
        if left:
            try:
                items = await self._storage.write(lease.give_back, left, now=self._now())
                self._log.info("unfinished items were given back", count=len(items))
            except StorageError as error:
                self._log.warning("unfinished items are recovered at the next start", error=str(error))
            for token in left:
                await self._executor.cancel(token)
        tasks = [task for _, task in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _unless_stopping(self, awaitable: Awaitable[T]) -> T | None:
        """What it returns, or None as soon as the dispatcher is told to stop."""
        wanted = asyncio.ensure_future(awaitable)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({wanted, stop}, return_when=asyncio.FIRST_COMPLETED)
            return wanted.result() if wanted.done() else None
        finally:
            stop.cancel()
            wanted.cancel()

    async def _signal(self, event: asyncio.Event, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await event.wait()

    def _now(self) -> str:
        return timestamp(self._clock.now())
