"""Batches go with their last item, unless a client may still repeat the request that made them."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select

from invoke_host.access.engine import AccessEngine
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import batches as batch_store
from invoke_host.queue.store.batches import KEY_LIFE, prune_task
from invoke_host.queue.tables import batches

from .conftest import ALICE, Line, ToyModels


def kept(conn: Connection) -> set[str]:
    return set(conn.scalars(select(batches.c.id)))


@pytest.fixture
def service(each_line: Line, access: AccessEngine, models: ToyModels) -> QueueService:
    return QueueService(each_line.storage, access, models, each_line.clock)


async def test_a_batch_goes_with_its_last_item(each_line: Line, service: QueueService) -> None:
    batch = each_line.add(ALICE, 2)

    await service.delete(ALICE, "default", batch.item_ids[0])
    assert each_line.storage.run_read(kept) == {batch.batch_id}
    await service.delete(ALICE, "default", batch.item_ids[1])
    assert each_line.storage.run_read(kept) == set()


async def test_an_empty_batch_answers_its_key_for_a_day_and_is_then_forgotten(
    each_line: Line, service: QueueService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_store, "STEP", 2)
    task = prune_task(each_line.storage, each_line.clock)
    old = [each_line.add(ALICE, 1, key=f"old-{number}") for number in range(5)]
    used = each_line.add(ALICE, 1, key="used")
    each_line.clock.advance(60)
    young = each_line.add(ALICE, 1, key="young")
    for batch in [*old, young]:
        await service.delete(ALICE, "default", batch.item_ids[0])
    everything = {batch.batch_id for batch in [*old, used, young]}

    await task.run()
    assert each_line.storage.run_read(kept) == everything
    assert each_line.add(ALICE, 1, key="old-0").repeated

    each_line.clock.advance(KEY_LIFE.total_seconds() - 30)
    await task.run()
    assert each_line.storage.run_read(kept) == {used.batch_id, young.batch_id}
    each_line.clock.advance(60)
    await task.run()
    assert each_line.storage.run_read(kept) == {used.batch_id}
