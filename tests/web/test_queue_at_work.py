"""What the start page shows of pictures that are being made: a real browser, a real host, its real model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.accounts import Person, Team, add, start_team
from tests.host.client import QUEUE
from tests.host.process import until

from .browser import Page
from .people import complaints, press, reads
from .test_queue_page import badge, open_queue, rows, visit

#: Takes seconds on any machine, so that one can look at it.
LONG = {"steps": 150, "width": 256, "height": 256}
DRAWN = "document.querySelector('{} .preview')?.classList.contains('drawn')"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A host with a worker, on which a picture has failed when its worker has died once."""
    started = start_team(tmp_path_factory.mktemp("work") / "root", {"INVOKE_HOST_QUEUE__MAX_WORKER_DEATHS": "1"})
    started.host.wait_ready()
    yield started
    started.host.end()


@pytest.fixture
def alice(team: Team) -> Person:
    team.host.wait_ready()
    return add(team.admin, "alice")


def running(person: Person, item_id: int) -> None:
    until("it is being made", lambda: person.client.item(item_id)["status"] == "in_progress")


async def test_a_picture_shows_how_far_it_is_and_what_it_looks_like_and_is_canceled(team, page, alice):
    await visit(team, page, alice)
    first, second = alice.client.generate("a red apple", count=2, **LONG)["item_ids"]
    await page.until(DRAWN.format("#now"))
    await page.until("document.getElementById('progress').value > 0.02")
    await reads(page, "1 more waiting")
    await open_queue(page)
    await page.until(DRAWN.format("#queue"))
    await page.until("document.querySelector('#queue .item-facts').textContent.match(/^step [0-9]+ of 150 · cpu/)")
    await press(page, "Close")
    await press(page, "Cancel this one")
    await badge(page, "1/1")
    assert alice.client.item(first)["status"] == "canceled"
    running(alice, second)
    await page.until("document.getElementById('now').checkVisibility()")
    await press(page, "Cancel this one")
    await badge(page, "")
    await page.until("!document.getElementById('now').checkVisibility()")
    assert complaints(page) == []


async def test_what_is_made_arrives_among_the_pictures_and_leaves_the_queue(team, page, alice):
    await visit(team, page, alice)
    await open_queue(page)
    alice.client.generate("a blue car", count=2)
    await page.until("document.querySelectorAll('.tile').length == 2")
    await badge(page, "")
    await rows(page)
    await reads(page, "Today: 2 pictures")


async def test_administrators_see_how_far_others_are_and_no_preview(team, page, alice):
    await visit(team, page, team.admin)
    await open_queue(page)
    [item_id] = alice.client.generate("a private thing", **LONG)["item_ids"]
    await page.until("document.querySelector('#queue .item-facts')?.textContent.match(/^by Alice · step [1-9]/)")
    assert not await page.evaluate(DRAWN.format("#queue"))
    assert not await page.evaluate("document.getElementById('now').checkVisibility()")
    alice.client.put(f"{QUEUE}/i/{item_id}/cancel")


async def test_a_failed_one_tells_why_and_is_asked_for_again(team, page, alice):
    await visit(team, page, alice)
    await open_queue(page)
    [item_id] = alice.client.generate("a stubborn apple", **LONG)["item_ids"]
    running(alice, item_id)
    until("it has made steps", lambda: alice.client.item(item_id)["device"])
    team.host.worker().kill()
    await page.until("document.querySelector('#queue .danger.reason') != null")
    reason = alice.client.item(item_id)["error_message"]
    await reads(page, f"Failed: {reason}")
    await page.until("!document.getElementById('problems').hidden")
    await press(page, "Retry: a stubborn apple")
    await badge(page, "1/1")
    await page.until("document.querySelector('#queue .danger.reason') == null")
    alice.client.put(f"{QUEUE}/cancel_all_except_current")
    team.admin.client.put(f"{QUEUE}/clear")
    assert complaints(page) == []


async def test_another_window_of_the_same_user_follows(team, page: Page, alice):
    [item_id] = alice.client.generate("a fox", **LONG)["item_ids"]
    await visit(team, page, alice)  # a window that is opened while it is being made
    await page.until("document.getElementById('now').checkVisibility()")
    await page.until(DRAWN.format("#now"))
    alice.client.put(f"{QUEUE}/i/{item_id}/cancel")
    await page.until("!document.getElementById('now').checkVisibility()")
