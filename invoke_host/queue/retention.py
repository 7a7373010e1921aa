"""Forgetting finished items after `[queue] keep_days`, and beyond the newest `[queue] keep_items`; pictures stay.

In the background, in steps as short as those of bulk operations, and with rests between them: a history of years that
is to go at once takes minutes, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from invoke_host.api import BackgroundTask
from invoke_host.clock import Clock, timestamp
from invoke_host.config.schema import QueueConfig
from invoke_host.queue.bulk import in_steps
from invoke_host.queue.pace import PATIENT_TARGET_S, Pace
from invoke_host.queue.store import retention
from invoke_host.queue.store.batches import KEY_LIFE
from invoke_host.storage import Storage

INTERVAL_S = 600.0

#: How long a step is followed by nothing, in times of what it took: others have the writer most of the time.
REST = 4.0

_Find = Callable[[Connection], Sequence[int]]


def retention_task(
    storage: Storage, clock: Clock, config: QueueConfig, *, interval_s: float = INTERVAL_S, rest: float = REST
) -> BackgroundTask:
    """Repeated work that removes what need not be kept; it does nothing where both settings are 0."""
    pace = Pace(target_s=PATIENT_TARGET_S, rest=rest)

    async def forget() -> None:
        if config.keep_days:
            before = timestamp(clock.now() - timedelta(days=config.keep_days))
            await forget_found(partial(retention.older_than, before=before), keep=None)
        if config.keep_items:
            await forget_found(partial(retention.beyond, keep=config.keep_items), keep=config.keep_items)

    async def forget_found(find: _Find, *, keep: int | None) -> None:
        def step(conn: Connection, ids: Sequence[int]) -> int:
            now = clock.now()
            before = timestamp(now - KEY_LIFE)
            return retention.forget_step(conn, ids, keep=keep, forget_before=before, now=timestamp(now))

        while ids := await storage.read(find):
            if not await in_steps(storage, ids, step, pace):
                return  # somebody else was faster; the next run looks again

    return BackgroundTask("forget finished items", forget, interval_s)
