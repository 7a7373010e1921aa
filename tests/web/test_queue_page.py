"""The queue on the start page, in a real browser against a real host on which nothing is made: all waits."""

from __future__ import annotations

import json

import pytest

from tests.host.accounts import PASSWORD, Person, Team, add
from tests.host.client import QUEUE

from .browser import Page
from .people import complaints, fill, key, log_in, press, reads, reads_no_more

BADGE = "document.getElementById('queue-count').textContent"
ROWS = "[...document.querySelectorAll('#queue .item:not(.batch) .item-prompt')].map(each => each.textContent)"
OTHERS = "[...document.querySelectorAll('#queue .other')].map(each => each.textContent)"
PROMPT, COUNT = "What shall the picture show?", "Pictures "
BANNER = "document.getElementById('paused')"


@pytest.fixture
def alice(team: Team) -> Person:
    return add(team.admin, "alice")


@pytest.fixture
def bob(team: Team) -> Person:
    return add(team.admin, "bob")


@pytest.fixture(autouse=True)
def empty(team: Team) -> None:
    """The queue is everybody's, so every test begins with an empty one that runs."""
    assert team.admin.client.put(f"{QUEUE}/clear").status == 200
    assert team.admin.client.put(f"{QUEUE}/processor/resume").status == 200


async def visit(team: Team, page: Page, person: Person) -> None:
    await page.open(f"{team.url}/")
    await log_in(page, person.email, PASSWORD)
    await page.until("document.getElementById('connection').textContent == 'live'")


async def open_queue(page: Page) -> None:
    await page.evaluate("document.getElementById('queue-open').click()")
    await reads(page, "Your usage".upper())


async def badge(page: Page, text: str) -> None:
    """Wait until the badge says this; empty: until there is none."""
    shown = "document.getElementById('queue-count').checkVisibility()"
    await page.until(f"{shown} && {BADGE} == {json.dumps(text)}" if text else f"!{shown}")


async def rows(page: Page, *prompts: str) -> None:
    """Wait until these are the own items in the panel, in this order."""
    await page.until(f"JSON.stringify({ROWS}) == {json.dumps(json.dumps(prompts, separators=(',', ':')))}")


def statuses(person: Person, item_ids: list[int]) -> list[str]:
    return [person.client.item(each)["status"] for each in item_ids]


async def test_the_badge_counts_own_and_all_as_they_change(team, page, alice, bob):
    await visit(team, page, alice)
    await badge(page, "")
    theirs = bob.client.generate(count=3)["item_ids"]
    await badge(page, "0/3")
    await fill(page, **{PROMPT: "a red apple"})
    await press(page, "Generate")
    await badge(page, "1/4")
    assert await page.evaluate("document.getElementById('queue-open').ariaLabel") == "Queue, 1 of yours, 4 in all"
    bob.client.put(f"{QUEUE}/i/{theirs[0]}/cancel")
    await badge(page, "1/3")
    assert complaints(page) == []


async def test_one_sees_own_prompts_and_only_places_of_others(team, page, alice, bob):
    bob.client.generate("secret plans of bob")
    alice.client.generate("a green pear")
    await visit(team, page, alice)
    await open_queue(page)
    await rows(page, "a green pear")
    await page.until(f"{OTHERS}.length == 1 && {OTHERS}[0].startsWith('next in line')")
    await reads(page, "2nd in line")
    assert "secret" not in await page.evaluate("document.documentElement.outerHTML")
    await visit_anew(team, page, bob)
    await open_queue(page)
    await rows(page, "secret plans of bob")
    assert "green pear" not in await page.evaluate("document.documentElement.outerHTML")
    assert complaints(page) == []


async def visit_anew(team: Team, page: Page, person: Person) -> None:
    await page.send("Network.clearBrowserCookies")
    await visit(team, page, person)


async def test_administrators_see_whose_items_they_are_and_cancel_all_of_their_own_only(team, page, bob):
    theirs = bob.client.generate("a plan of bob", count=2)["item_ids"]
    own = team.admin.client.generate("a plan of root")["item_ids"]
    await visit(team, page, team.admin)
    await open_queue(page)
    await page.until(f'JSON.stringify({ROWS}.sort()) == \'["a plan of bob","a plan of bob","a plan of root"]\'')
    await reads(page, "by Bob · ")
    await press(page, "Cancel all")
    await press(page, "Cancel them")
    await badge(page, "0/2")
    assert statuses(team.admin, own + theirs) == ["canceled", "pending", "pending"]


async def test_an_item_is_canceled_retried_and_removed(team, page, alice):
    [one, two] = [alice.client.generate(prompt)["item_ids"][0] for prompt in ("an apple", "a pear")]
    await visit(team, page, alice)
    await open_queue(page)
    await rows(page, "an apple", "a pear")
    await press(page, "Cancel: an apple")
    await reads(page, "Canceled")
    assert statuses(alice, [one, two]) == ["canceled", "pending"]
    await badge(page, "1/1")
    await press(page, "Retry: an apple")
    await reads_no_more(page, "Canceled")
    await rows(page, "a pear", "an apple")
    await press(page, "Cancel: a pear")
    await press(page, "Remove: a pear")
    await rows(page, "an apple")
    assert alice.client.get(f"{QUEUE}/i/{two}").status == 404
    assert complaints(page) == []


async def test_all_of_ones_own_is_canceled_and_cleared_and_nothing_of_others(team, page, alice, bob):
    theirs = bob.client.generate()["item_ids"]
    mine = alice.client.generate(count=3)["item_ids"] + alice.client.generate()["item_ids"]
    await visit(team, page, alice)
    await open_queue(page)
    await press(page, "Cancel all")
    await reads(page, "What is being made stops at its next step")
    await press(page, "Cancel them")
    await badge(page, "0/1")
    assert statuses(alice, mine) == ["canceled"] * 4
    bob.client.put(f"{QUEUE}/i/{theirs[0]}/cancel")
    await reads(page, "Canceled")
    await press(page, "Clear my finished")
    await reads_no_more(page, "Canceled")
    await rows(page)
    await reads(page, "Say what you would like to see")
    assert [alice.client.get(f"{QUEUE}/i/{each}").status for each in mine] == [404] * 4
    assert statuses(bob, theirs) == ["canceled"]
    assert complaints(page) == []


async def test_administrators_clear_only_what_is_their_own(team, page, bob):
    finished = [each.client.generate()["item_ids"][0] for each in (bob, team.admin)]
    for each in finished:
        team.admin.client.put(f"{QUEUE}/i/{each}/cancel")
    await visit(team, page, team.admin)
    await open_queue(page)
    await reads(page, "Canceled")
    await press(page, "Clear my finished")
    await reads_no_more(page, "Canceled")
    await rows(page)
    assert [team.admin.client.get(f"{QUEUE}/i/{each}").status for each in finished] == [200, 404]


async def test_a_batch_has_its_own_line_and_is_canceled_as_a_whole(team, page, alice):
    batch = alice.client.generate("a fox", count=40)["item_ids"]
    alice.client.generate("a bear")
    alice.client.put(f"{QUEUE}/i/{batch[0]}/cancel")
    await visit(team, page, alice)
    await open_queue(page)
    await reads(page, "Batch of 39 pictures · 0 done · 39 to go")
    await rows(page, "a fox", "a fox", "a fox", "a bear", "a fox")  # its next ones; the last one was canceled
    await reads(page, "and 36 more")
    await press(page, "Cancel the batch of 39")
    await rows(page, "a bear", *["a fox"] * 30)
    await badge(page, "1/1")
    await press(page, "Retry these")
    await badge(page, "31/31")
    await rows(page, "a bear", *["a fox"] * (3 + 10))
    assert complaints(page) == []


async def test_own_pictures_are_paused_and_go_on(team, page, alice, bob):
    alice.client.generate("a lemon")
    bob.client.generate()
    await visit(team, page, alice)
    await open_queue(page)
    await press(page, "Pause mine")
    await reads(page, "Your pictures are paused.")
    status = alice.client.get(f"{QUEUE}/status").json()
    assert (status["queue"]["user_paused"], status["processor"]["is_started"]) == (True, True)
    assert bob.client.get(f"{QUEUE}/status").json()["queue"]["user_paused"] is False
    # with the next answer, and not only when the page looks by itself, which it does every twenty seconds
    await page.until("document.querySelector('#queue .item-facts').textContent == 'paused'", timeout_s=10)
    await press(page, "Go on")
    await reads_no_more(page, "Your pictures are paused.")
    assert alice.client.get(f"{QUEUE}/status").json()["queue"]["user_paused"] is False
    assert complaints(page) == []


async def test_everybody_reads_that_an_administrator_has_paused_the_queue(team, page, alice):
    await visit(team, page, alice)
    team.admin.client.put(f"{QUEUE}/processor/pause")
    await reads(page, "The queue is paused by an administrator.")
    assert not await page.evaluate(f"{BANNER}.querySelector('button')")
    team.admin.client.put(f"{QUEUE}/processor/resume")
    await page.until(f"!{BANNER}.checkVisibility()")


async def test_an_administrator_pauses_and_starts_the_queue_at_the_page(team, page):
    await visit(team, page, team.admin)
    await open_queue(page)
    await press(page, "Pause the queue")
    await reads(page, "The queue is paused by an administrator.")
    assert team.admin.client.get(f"{QUEUE}/status").json()["processor"]["is_started"] is False
    await press(page, "Start it again")
    await page.until(f"!{BANNER}.checkVisibility()")
    assert team.admin.client.get(f"{QUEUE}/status").json()["processor"]["is_started"] is True
    assert complaints(page) == []


async def test_each_line_is_a_prompt_of_its_own(team, page, alice):
    await visit(team, page, alice)
    await fill(
        page,
        **{
            "One prompt per line": True,
            PROMPT: "an apple\n\n  a pear \na fox",
            COUNT: "2",
        },
    )
    await reads(page, "3 prompts × 2 = 6 pictures")
    await press(page, "Generate")
    await badge(page, "6/6")
    items = alice.client.get(f"{QUEUE}/list_all").json()
    assert sorted(each["request"]["positive_prompt"] for each in items) == sorted(["an apple", "a pear", "a fox"] * 2)
    assert len({each["batch_id"] for each in items}) == 1
    assert complaints(page) == []


async def test_the_page_says_which_limit_let_only_some_in_and_how_much_is_left(team, page, alice):
    path = f"/api/v1/limits/users/{alice.id}"
    assert team.admin.client.patch(path, {"each": {"images_per_day": 2, "max_pending": 50}}).status == 200
    await visit(team, page, alice)
    await fill(page, **{PROMPT: "an apple", COUNT: "5"})
    await press(page, "Generate")
    await reads(page, "2 of 5 pictures were taken: the limit is 2 pictures a day. It begins anew ")
    await open_queue(page)
    await page.until("document.querySelectorAll('.usage li').length == 2")
    await reads(page, "Pictures a day")
    await reads(page, "2 of 2")
    await reads(page, "2 of 50")
    await press(page, "Close")
    await press(page, "Generate")
    refusal = await page.until("document.getElementById('problems').textContent")
    assert "images_per_day" in refusal or "a day" in refusal
    assert complaints(page) == []


async def test_without_limits_the_usage_is_told_without_bars(team, page, alice):
    alice.client.generate(count=2)
    await visit(team, page, alice)
    await open_queue(page)
    await reads(page, "Today: 2 pictures")
    assert await page.evaluate("document.querySelectorAll('.usage li').length") == 0


async def test_the_panel_is_opened_and_closed_by_keyboard(team, page, alice):
    await visit(team, page, alice)
    await page.evaluate("document.getElementById('queue-open').focus()")
    await key(page, "Enter", text="\r")
    await page.until("document.activeElement.id == 'queue-title'")
    assert await page.evaluate("document.getElementById('queue-open').ariaExpanded") == "true"
    await key(page, "Escape")
    await page.until("document.activeElement.id == 'queue-open' && !document.getElementById('queue').checkVisibility()")
    assert await page.evaluate("document.getElementById('queue-open').ariaExpanded") == "false"


async def test_whoever_cancels_by_keyboard_stays_in_the_list(team, page, alice):
    for prompt in ("an apple", "a pear"):
        alice.client.generate(prompt)
    await visit(team, page, alice)
    await open_queue(page)
    await rows(page, "an apple", "a pear")
    await page.evaluate("document.querySelector('[aria-label=\"Cancel: an apple\"]').focus()")
    await key(page, "Enter", text="\r")
    await page.until("document.activeElement.ariaLabel == 'Cancel: a pear'")


@pytest.mark.parametrize("width", [360, 768])
async def test_nothing_sticks_out_on_narrow_screens(team, page, alice, bob, width):
    alice.client.generate("verylongword" * 30)
    bob.client.generate()
    await page.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True)
    await visit(team, page, alice)
    await page.until("document.getElementById('now').checkVisibility()")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await open_queue(page)
    await rows(page, "verylongword" * 30)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert await page.evaluate("document.querySelector('.queue-body').scrollWidth") <= width


async def test_prompts_are_text_and_never_markup(team, page, alice):
    alice.client.generate("<img src=x onerror=\"document.title='owned'\"><b>bold</b>")
    await visit(team, page, alice)
    await open_queue(page)
    await reads(page, "<b>bold</b>")
    assert await page.evaluate("document.querySelectorAll('.item-prompt *').length") == 0
    assert await page.evaluate("document.title") == "Invoke Host"


async def test_what_was_in_the_queue_is_gone_from_the_page_after_a_logout(team, page, alice):
    alice.client.generate("a private thing")
    await visit(team, page, alice)
    await open_queue(page)
    await rows(page, "a private thing")
    alice_in_browser = "fetch('/api/v1/auth/logout', {method: 'POST'})"
    await page.evaluate(alice_in_browser)
    await page.until("!document.getElementById('gate').hidden")
    assert not await page.evaluate("document.getElementById('queue').checkVisibility()")
    assert not await page.evaluate("document.getElementById('queue-open').checkVisibility()")
