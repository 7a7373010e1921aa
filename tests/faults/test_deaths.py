"""kill -9 at each step from a request to a stored picture, one at a time, and what a user sees of it afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from contextlib import closing
from random import Random

import pytest

from .asking import generate, item, send, status_of
from .host import GONE, QUEUE, HostRoot, RunningHost
from .oracle import Oracle
from .rounds import log_problems
from .trouble import stop_worker

#: Runs for about a third of a second.
LONG = 120


async def dead(host: RunningHost) -> None:
    """Wait until it has died of its failpoint."""
    await host.dies()
    await host.gone()
    assert host.process.returncode == -signal.SIGKILL


async def killed_in_a_request(root: HostRoot, failpoint: str) -> RunningHost:
    """The next host after one that died at a failpoint over its first request, whose key is `once`."""
    host = await root.start(f"{failpoint}:kill9")
    with pytest.raises(GONE):
        await send(host, key="once")
    await dead(host)
    return await root.start()


async def sound(root: HostRoot, host: RunningHost, *, items: int) -> None:
    """Everything is finished, exactly once; so many items there are."""
    assert await host.terminate() == 0
    assert list(Oracle().problems(root.root, finished=True)) == []
    assert log_problems(root) == []
    with closing(sqlite3.connect(root.root / "invoke-host.db")) as db:
        assert db.execute("SELECT count(*) FROM queue_items").fetchone() == (items,)


def told(root: HostRoot, item_id: int) -> list[tuple[str, int]]:
    """(status, attempt) of all events of an item, as its owner's streams get them."""
    with closing(sqlite3.connect(root.root / "invoke-host.db")) as db:
        payloads = [
            json.loads(row[0])
            for row in db.execute("SELECT payload FROM outbox WHERE kind = 'queue_item_status_changed' ORDER BY id")
        ]
    return [(each["status"], each["attempt"]) for each in payloads if each["item_id"] == item_id]


async def test_f_01_before_the_commit_of_a_request_there_is_nothing_and_its_key_is_free(root: HostRoot) -> None:
    host = await killed_in_a_request(root, "enqueue.before_commit")
    status, answer = await send(host, key="once")
    assert status == 201
    await status_of(host, answer["item_ids"][0], "completed")
    await sound(root, host, items=1)


async def test_f_02_after_the_commit_the_same_key_gets_the_same_item(root: HostRoot) -> None:
    host = await killed_in_a_request(root, "enqueue.after_commit")
    status, answer = await send(host, key="once")
    assert status == 200
    await status_of(host, answer["item_ids"][0], "completed")
    await sound(root, host, items=1)


async def test_f_03_after_a_claim_the_item_is_made_at_the_second_attempt(root: HostRoot) -> None:
    host = await root.start("claim.after_commit:kill9")
    try:
        [item_id] = await generate(host, key="once")
    except GONE:
        item_id = 1
    await dead(host)
    host = await root.start()
    assert (await status_of(host, item_id, "completed", within_s=30))["attempt"] == 2
    await sound(root, host, items=1)


@pytest.mark.parametrize(
    ("who", "after_s"), [("worker", 0.0), ("host", 0.05), ("worker", 0.1), ("host", 0.2), ("worker", 0.3)]
)
async def test_f_04_in_the_middle_of_the_steps_it_begins_anew_and_says_so(
    root: HostRoot, who: str, after_s: float
) -> None:
    host = await root.start()
    [item_id] = await generate(host, steps=LONG)
    await status_of(host, item_id, "in_progress")
    await asyncio.sleep(after_s)
    if who == "host":
        await host.kill()
        host = await root.start()
    else:
        os.kill(host.workers()[-1], signal.SIGKILL)
    assert (await status_of(host, item_id, "completed"))["attempt"] in ((2,) if after_s < 0.2 else (1, 2))
    await sound(root, host, items=1)
    lives = told(root, item_id)
    again = [("in_progress", 1), ("pending", 1), ("in_progress", 2), ("completed", 2)]
    assert lives == again or (after_s >= 0.2 and lives == [("in_progress", 1), ("completed", 1)])


async def test_f_05_a_picture_that_is_half_written_gets_no_name_and_is_made_anew(root: HostRoot) -> None:
    host = await root.start("worker.half_written:kill9@2")
    await generate(host)
    [item_id] = await generate(host)
    assert (await status_of(host, item_id))["attempt"] == 2
    await sound(root, host, items=2)


@pytest.mark.parametrize(("passes", "case"), [(2, "f_06"), (1, "f_08")])
async def test_f_06_and_f_08_after_the_rename_of_picture_or_thumbnail_the_files_go_and_it_is_made_anew(
    root: HostRoot, passes: int, case: str
) -> None:
    host = await root.start(f"save.after_rename:kill9@{passes}")  # the picture is first, then its thumbnail
    [item_id] = await generate(host)
    await dead(host)
    host = await root.start()
    assert (await status_of(host, item_id))["attempt"] == 2
    await sound(root, host, items=1)


async def test_f_07_after_the_last_commit_the_picture_is_there_and_a_returning_client_hears_of_it(
    root: HostRoot,
) -> None:
    host = await root.start("save.after_commit:kill9")
    [item_id] = await generate(host)
    await dead(host)
    host = await root.start()
    found = await item(host, item_id)
    assert (found["status"], found["attempt"], len(found["image_names"])) == ("completed", 1, 1)
    async with host.session.get(f"{host.url}/api/v1/events", headers={"Last-Event-ID": "0"}) as stream:
        async with asyncio.timeout(10):
            heard = b""
            while b'"status":"completed"' not in heard.replace(b" ", b""):
                heard += await stream.content.readany()
    await sound(root, host, items=1)


async def test_f_13_an_item_that_costs_two_workers_is_quarantined_and_the_others_go_on(root: HostRoot) -> None:
    host = await root.start()
    [poison, other] = await generate(host, count=2, steps=LONG)
    for attempt in (1, 2):
        while (found := await status_of(host, poison, "in_progress", "failed"))["attempt"] < attempt:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        os.kill(host.workers()[-1], signal.SIGKILL)
    found = await status_of(host, poison)
    assert (found["status"], found["error_type"], found["attempt"]) == ("failed", "quarantined", 2)
    assert "retry it once the host's log has told the cause" in found["error_message"]
    assert (await status_of(host, other))["status"] == "completed"
    status, answer = await host.ask("PUT", f"{QUEUE}/retry_items_by_id", [poison])
    assert status == 200, answer
    again = answer["new_item_ids"][0] if "new_item_ids" in answer else answer["retried_item_ids"][0]
    assert (await status_of(host, again))["status"] == "completed"
    await sound(root, host, items=3)


async def test_f_14_a_worker_that_stands_still_is_replaced_and_does_no_harm_when_it_goes_on(root: HostRoot) -> None:
    host = await root.start()
    [item_id] = await generate(host, steps=LONG)
    await status_of(host, item_id, "in_progress")
    assert await stop_worker(host, Random(1))
    assert (await status_of(host, item_id))["attempt"] == 2
    await sound(root, host, items=1)
