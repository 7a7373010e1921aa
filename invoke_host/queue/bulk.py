"""Operations on many items: found on a reader, then changed in steps between which other writers get their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

from sqlalchemy import Connection

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor
from invoke_host.clock import Clock, timestamp
from invoke_host.faults import failpoint
from invoke_host.queue.access import CANCEL, DELETE
from invoke_host.queue.pace import Pace
from invoke_host.queue.store import bulk
from invoke_host.queue.store.batches import KEY_LIFE
from invoke_host.queue.store.candidates import Page, Selection, candidates, newest_id
from invoke_host.storage import Storage

#: One step: changes those of the items that it still may, and returns how many.
Step = Callable[[Connection, Sequence[int]], int]


def _nothing() -> None: ...


class Bulk:
    """Cancels and removes what a selection and the actor's rights allow. Each call counts what it did itself."""

    def __init__(self, storage: Storage, access: AccessEngine, clock: Clock) -> None:
        self._storage = storage
        self._access = access
        self._clock = clock

    async def cancel(self, actor: Actor, which: Selection) -> int:
        """Cancel a selection of unfinished items; returns how many this call canceled."""

        def step(conn: Connection, ids: Sequence[int]) -> int:
            return bulk.cancel_step(conn, self._access, actor, ids, which.statuses, now=self._now())

        return await self._all(actor, CANCEL.name, which, step, after=partial(failpoint, "cancel.after_commit"))

    async def delete(self, actor: Actor, which: Selection) -> int:
        """Remove a selection, stopping what runs; returns how many items this call removed."""
        before = timestamp(self._clock.now() - KEY_LIFE)

        def step(conn: Connection, ids: Sequence[int]) -> int:
            statuses = which.statuses
            return bulk.delete_step(conn, self._access, actor, ids, statuses, forget_before=before, now=self._now())

        return await self._all(actor, DELETE.name, which, step)

    async def delete_all(self, actor: Actor, which: Selection) -> int:
        """Remove a selection of unfinished and finished items, the former first; returns how many."""
        # What is enqueued from now on is in neither pass; what finishes meanwhile is in the second.
        which = replace(which, through=await self._storage.read(newest_id))
        return await self.delete(actor, replace(which, statuses=bulk.UNFINISHED)) + await self.delete(actor, which)

    async def _all(
        self, actor: Actor, action: str, which: Selection, step: Step, *, after: Callable[[], None] = _nothing
    ) -> int:
        count, pace = 0, Pace()
        rest: Selection | None = which
        while rest is not None:
            page: Page = await self._storage.read(candidates, self._access, actor, action, rest)
            count += await in_steps(self._storage, page.ids, step, pace, after=after)
            rest = page.rest
        return count

    def _now(self) -> str:
        return timestamp(self._clock.now())


async def in_steps(
    storage: Storage, ids: Sequence[int], step: Step, pace: Pace, *, after: Callable[[], None] = _nothing
) -> int:
    """Run the step over all ids, each time as many as the pace says; returns the sum of what the steps return."""
    count = at = 0
    while at < len(ids):
        some = ids[at : at + pace.rows]
        done, seconds = await storage.write(partial(_timed, step, some))
        pace.took(len(some), seconds)
        after()
        if pace.rest_s:
            await asyncio.sleep(pace.rest_s)
        count, at = count + done, at + len(some)
    return count


def _timed(step: Step, ids: Sequence[int], conn: Connection) -> tuple[int, float]:
    started = perf_counter()
    return step(conn, ids), perf_counter() - started
