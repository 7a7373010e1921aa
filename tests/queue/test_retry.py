"""Asking once more for what failed or was canceled: each item once, all of them or none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, AdmissionRequest, Forbidden, TooManyRequests
from invoke_host.events.store import read_after
from invoke_host.limits.tables import limits
from invoke_host.queue.service import QueueService
from invoke_host.queue.store import bulk
from invoke_host.queue.store.retry import Retried, retry
from invoke_host.queue.tables import queue_items

from .conftest import ADMIN, ALICE, BOB, NOW, Line, ToyModels


@pytest.fixture
def canceled(each_line: Line, access: AccessEngine) -> Line:
    """Alice's items 1 to 3 and Bob's 4 are canceled."""
    each_line.add(ALICE, 3)
    each_line.add(BOB)
    for item_id in range(1, 5):
        each_line.storage.run_write(bulk.cancel_one, access, ADMIN, "default", item_id, now=each_line.now())
    return each_line


def again(line: Line, access: AccessEngine, actor: Actor, *item_ids: int, max_size: int = 1000) -> Retried:
    done: Retried = line.storage.run_write(retry, access, actor, "default", item_ids, max_size=max_size, now=line.now())
    assert line.drift() == []
    return done


def limit(line: Line, **values: float) -> None:
    """For everybody."""

    def unit(conn: Connection) -> None:
        rows = [{"subject": "everyone", "scope": "each", "name": name, "value": v} for name, v in values.items()]
        conn.execute(insert(limits), [{**row, "updated_at": NOW} for row in rows])

    line.storage.run_write(unit)


def successors(line: Line) -> dict[int, int | None]:
    """What each item was retried as."""
    columns = (queue_items.c.id, queue_items.c.retried_as_item_id)
    return dict(line.storage.run_read(lambda conn: conn.execute(select(*columns)).tuples().all()))


def test_an_item_is_retried_once_and_then_its_successor(canceled: Line, access: AccessEngine) -> None:
    first = again(canceled, access, ALICE, 1, 2)
    assert first == Retried([1, 2], [5, 6])
    assert successors(canceled) == {1: 5, 2: 6, 3: None, 4: None, 5: None, 6: None}
    assert again(canceled, access, ALICE, 1, 2, 3) == Retried([3], [7])
    canceled.storage.run_write(bulk.cancel_one, access, ALICE, "default", 5, now=canceled.now())
    assert again(canceled, access, ALICE, 1, 5) == Retried([5], [8])
    assert canceled.item(8).retried_from_item_id == 1


def test_an_item_that_is_named_twice_is_retried_once(canceled: Line, access: AccessEngine) -> None:
    assert again(canceled, access, ALICE, 2, 2, 1, 2) == Retried([1, 2], [5, 6])


async def test_of_two_who_retry_the_same_at_once_one_makes_the_new_item(canceled: Line, access: AccessEngine) -> None:
    done = await asyncio.gather(*(asyncio.to_thread(again, canceled, access, ADMIN, 1, 4) for _ in range(6)))
    assert sorted(each.old_ids for each in done) == [[]] * 5 + [[1, 4]]
    assert len(successors(canceled)) == 6


def test_new_items_belong_to_the_owners_and_each_owner_is_told_of_their_own(
    canceled: Line, access: AccessEngine
) -> None:
    assert again(canceled, access, ADMIN, 4, 1) == Retried([1, 4], [5, 6])
    assert (canceled.item(5).user_id, canceled.item(6).user_id) == ("alice", "bob")
    events = canceled.storage.run_read(read_after, 0, 100)
    told = [(each.audience, each.payload["item_ids"]) for each in events if each.payload.get("change") == "retried"]
    assert told == [("alice", [5]), ("bob", [6])]


def test_a_full_queue_takes_all_or_none(canceled: Line, access: AccessEngine) -> None:
    with pytest.raises(TooManyRequests, match="max_size"):
        again(canceled, access, ALICE, 1, 2, max_size=1)
    assert set(successors(canceled).values()) == {None}
    assert again(canceled, access, ALICE, 1, 2, max_size=2).new_ids == [5, 6]


def test_a_limit_that_not_all_fit_into_lets_none_in_and_says_how_many_would_fit(
    canceled: Line, access: AccessEngine
) -> None:
    limit(canceled, images_per_day=2)
    with pytest.raises(TooManyRequests, match=r"room for 2 of these 3 items \(images_per_day is 2\)") as refused:
        again(canceled, access, ALICE, 1, 2, 3)
    assert int(refused.value.headers["Retry-After"]) > 3600
    assert len(again(canceled, access, ALICE, 1, 2).new_ids) == 2
    with pytest.raises(TooManyRequests, match="Everybody's limit images_per_day is 2"):
        again(canceled, access, ALICE, 3)
    assert len(again(canceled, access, BOB, 4).new_ids) == 1


def test_what_belongs_to_somebody_else_makes_all_of_it_forbidden(canceled: Line, access: AccessEngine) -> None:
    with pytest.raises(Forbidden, match="nothing was retried"):
        again(canceled, access, BOB, 4, 1)
    assert set(successors(canceled).values()) == {None}


class Asked:
    """An admission that notes what it is asked, and refuses if it is told to."""

    def __init__(self) -> None:
        self.requests: list[AdmissionRequest] = []
        self.refuse = False
        self.asked = True

    async def admit(self, request: AdmissionRequest) -> None:
        self.requests.append(request)
        if self.refuse:
            raise Forbidden("Not today.")


async def test_plugins_are_asked_about_what_is_retried_before_it_is(
    canceled: Line, access: AccessEngine, models: ToyModels
) -> None:
    plugins: Any = Asked()
    service = QueueService(canceled.storage, access, models, canceled.clock, admission=plugins)
    assert (await service.retry(ADMIN, "default", [1, 2, 4])).new_ids == [5, 6, 7]
    (asked,) = plugins.requests
    assert (asked.images, asked.models, asked.prompts, asked.retry) == (3, {"toy"}, ("a red apple",), True)
    assert asked.engine_s > 0
    assert (await service.retry(ALICE, "default", [1])).new_ids == []
    assert len(plugins.requests) == 1
    plugins.refuse = True
    with pytest.raises(Forbidden, match="Not today"):
        await service.retry(ALICE, "default", [3])
    assert successors(canceled)[3] is None
