"""Bulk operations against each other, against claims, finishing items and new ones, all at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest

from invoke_host import ids
from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, UserId
from invoke_host.config.schema import QueueConfig
from invoke_host.queue import bulk as bulk_service
from invoke_host.queue.bulk import Bulk
from invoke_host.queue.pace import Pace
from invoke_host.queue.retention import retention_task
from invoke_host.queue.store import bulk, finish, lease
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.store.claim import claim
from invoke_host.queue.store.items import STATUSES, TERMINAL

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line
from .test_bulk import statuses, told

PEOPLE = (ALICE, BOB, CAROL)


def changed(line: Line, change: str) -> Counter[int]:
    """How often each item was said to be canceled, or deleted."""
    seen: Counter[int] = Counter()
    for kind, _, payload in line.storage.run_read(told):
        if kind == "queue_items_changed" and payload["change"] == change:
            seen.update(payload["item_ids"])
        elif kind == "queue_item_status_changed" and payload["status"] == change:
            seen[payload["item_id"]] += 1
    return seen


class Crowd:
    """Everybody does everything at once; each notes what their calls said that they did."""

    def __init__(self, line: Line, access: AccessEngine, seed: int) -> None:
        self.line = line
        self.access = access
        self.random = Random(seed)
        self.work = Bulk(line.storage, access, line.clock)
        self.canceled = 0
        self.deleted = 0
        self.completed: list[int] = []

    async def cancel(self, actor: Actor) -> None:
        which = self.random.choice(
            [
                Selection("default", ("pending",)),
                Selection("default", bulk.UNFINISHED),
                Selection("default", bulk.UNFINISHED, destination="canvas"),
                Selection("default", bulk.UNFINISHED, batch_ids=tuple(self.random.sample(self.batches, 2))),
            ]
        )
        done = await self.work.cancel(actor, which)  # before the sum is read: others add to it meanwhile
        self.canceled += done

    async def delete(self, actor: Actor) -> None:
        if self.random.random() < 0.5:
            done = await self.work.delete(actor, Selection("default", TERMINAL))
        else:
            done = await self.work.delete_all(actor, Selection("default", STATUSES, destination="canvas"))
        self.deleted += done

    async def serve(self) -> None:
        """A device: takes items, and finishes them, fails them, or gives them back."""
        for _ in range(15):
            token = ids.new_token()
            item = await self.line.storage.write(claim, token=token, lease_s=30.0, now=NOW)
            if item is None:
                continue
            await asyncio.sleep(0)
            how = self.random.choice(["fail", "fail", "give back"])
            if how == "give back":
                await self.line.storage.write(lease.give_back, [token], now=NOW)
            elif await self.line.storage.write(finish.fail, token, code="x", message="x", now=NOW):
                self.completed.append(item.id)

    def enqueue(self) -> None:
        added = [
            self.line.add(who, self.random.randint(5, 40), destination=self.random.choice([None, "canvas"]))
            for who in PEOPLE * 2
        ]
        self.batches = [batch.batch_id for batch in added]
        self.added = {item_id for batch in added for item_id in batch.item_ids}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_races_counts_events_and_items_agree(
    each_line: Line, access: AccessEngine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(bulk_service, "Pace", lambda: Pace(first=4))
    crowd = Crowd(each_line, access, seed)
    crowd.enqueue()
    everybody = [*PEOPLE, ADMIN, ALICE]
    calls: list[Any] = [crowd.cancel(who) for who in everybody]
    calls += [crowd.delete(who) for who in everybody]
    calls += [crowd.serve(), crowd.serve()]
    crowd.random.shuffle(calls)
    await asyncio.gather(*calls)

    canceled, deleted = changed(each_line, "canceled"), changed(each_line, "deleted")
    assert set(canceled.values()) | set(deleted.values()) <= {1}
    assert (crowd.canceled, crowd.deleted) == (len(canceled), len(deleted))
    left = each_line.storage.run_read(statuses)
    assert set(left) == crowd.added - set(deleted)
    assert {item_id for item_id, status in left.items() if status == "canceled"} == set(canceled) - set(deleted)
    assert {item_id for item_id, status in left.items() if status == "failed"} == set(crowd.completed) - set(deleted)
    assert each_line.drift() == []


async def test_two_who_cancel_the_same_share_the_count(each_line: Line, access: AccessEngine) -> None:
    each_line.add(ALICE, 120)
    work = Bulk(each_line.storage, access, each_line.clock)
    which = Selection("default", ("pending",))
    counts = await asyncio.gather(*(work.cancel(who, which) for who in (ALICE, ADMIN, ALICE, BOB)))
    assert sum(counts) == 120
    assert counts[3] == 0
    assert each_line.drift() == []


async def test_retention_and_everybody_else_leave_exactly_what_is_to_be_kept(
    each_line: Line, access: AccessEngine
) -> None:
    each_line.add(ALICE, 60)
    each_line.add(BOB, 60)
    work = Bulk(each_line.storage, access, each_line.clock)
    assert await work.cancel(ADMIN, Selection("default", ("pending",))) == 120
    task = retention_task(each_line.storage, each_line.clock, QueueConfig(keep_items=50), rest=0.0)
    nobody = Actor(id=UserId("nobody"), kind="user", display_name="Nobody", provider="test")
    await asyncio.gather(task.run(), task.run(), work.delete(nobody, Selection("default", TERMINAL)))
    assert len(each_line.storage.run_read(statuses)) == 50
    assert set(changed(each_line, "deleted").values()) == {1}
    assert each_line.drift() == []
