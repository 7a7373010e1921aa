"""The limits page, in a real browser against a real host: what is changed there holds for the next picture."""

from __future__ import annotations

from typing import Any

import pytest

from tests.host.accounts import AUTH, PASSWORD, Person, Team, add
from tests.host.client import QUEUE

from .browser import Page
from .people import complaints, fill, log_in, press, reads, reads_no_more, value_of

LIMITS = "/api/v1/limits"


@pytest.fixture(autouse=True)
def empty(team: Team) -> None:
    """Limits and the queue are everybody's, so every test begins without."""
    assert team.admin.client.put(f"{QUEUE}/clear").status == 200
    for name in all_limits(team)["everyone"]["each"]:
        assert team.admin.client.delete(f"{LIMITS}/everyone/{name}").status == 200


@pytest.fixture
def dora(team: Team) -> Person:
    return add(team.admin, "dora")


def all_limits(team: Team) -> Any:
    return team.admin.client.get(LIMITS).json()


def asked(person: Person, count: int) -> tuple[int, int]:
    """The status of a request for so many pictures, and how many were taken."""
    body = {"positive_prompt": "an apple", "width": 64, "height": 64, "steps": 3, "count": count}
    answer = person.client.post(f"{QUEUE}/generate", body)
    return answer.status, answer.json().get("enqueued", 0)


async def administrate(team: Team, page: Page) -> None:
    await page.open(f"{team.url}/limits")
    await log_in(page, team.admin.email, PASSWORD)
    await reads(page, "Everyone")


async def show_user(page: Page, person: Person) -> None:
    """Give a user a row of their own."""
    await press(page, "Limits for …")
    await fill(page, User=person.email)
    await press(page, "Show them")
    await page.until("document.querySelector('dialog') == null")


async def change(page: Page, cell: str, before: str, value: str) -> None:
    """Type a new value into a cell, and wait until the page says that it is saved."""
    await press(page, f"{cell}: {before}")
    await fill(page, **{cell.partition(" of ")[0]: value})
    await press(page, "Save")
    await reads(page, f"{cell}: saved.")


async def test_a_limit_of_everyone_holds_for_the_next_picture(team, page, dora):
    await administrate(team, page)
    await change(page, "Pictures a day of Everyone", "default", "3")
    assert asked(dora, 5) == (201, 3)
    assert asked(dora, 1)[0] == 429
    await press(page, "Pictures a day of Everyone: 3")
    assert await value_of(page, "Pictures a day") == "3"
    await press(page, "Default")
    await press(page, "Pictures a day of Everyone: default")
    assert asked(dora, 5) == (201, 5)
    assert complaints(page) == []


async def test_a_user_is_freed_from_what_holds_for_everyone(team, page, dora):
    team.admin.client.patch(f"{LIMITS}/everyone", {"each": {"max_pending": 1}})
    assert asked(dora, 2) == (201, 1)
    await administrate(team, page)
    await show_user(page, dora)
    await press(page, f"Waiting of {dora.email}: default")
    await press(page, "No limit")
    await reads(page, f"Waiting of {dora.email}: saved.")
    assert asked(dora, 2) == (201, 2)
    await press(page, f"Waiting of {dora.email}: no limit")
    await press(page, "Default")
    await reads(page, f"Waiting of {dora.email}: saved.")
    assert asked(dora, 1)[0] == 429
    assert complaints(page) == []


async def test_a_group_has_limits_for_each_member_and_together(team, page, dora):
    group = team.admin.client.post("/api/v1/groups/", {"name": f"Design {dora.id[:6]}"}).json()
    name = group["name"]
    team.admin.client.put(f"/api/v1/groups/{group['group_id']}/members/{dora.id}")
    await administrate(team, page)
    await press(page, "Limits for …")
    await fill(page, For="group")
    await fill(page, Group=group["group_id"])
    await press(page, "Show them")
    await change(page, f"Share of {name}", "default", "2.5")
    await change(page, f"Device time a month of {name} together", "default", "90 min")
    found = next(each for each in all_limits(team)["groups"] if each["name"] == name)
    assert (found["each"], found["together"]) == ({"weight": 2.5}, {"engine_s_per_month": 5400})
    await press(page, f"Device time a month of {name} together: 1 h 30 min")
    assert await value_of(page, "Device time a month") == "90 min"
    usage = dora.client.get("/api/v1/me/usage").json()
    assert (usage["weight"], usage["limits"][0]["value"]) == (2.5, 5400)
    assert complaints(page) == []


@pytest.mark.parametrize(
    ("cell", "typed", "complaint"),
    [
        ("Pictures a day", "1.5", "must be a whole number"),
        ("Share", "0", "must be from 0.001 to 1000"),
        ("Waiting", "many", "A number."),
        ("Device time a day", "3 fortnights", "A time, as in 90 s, 30 min or 2 h."),
    ],
)
async def test_what_can_not_be_is_refused_where_it_was_typed(team, page, cell, typed, complaint):
    await administrate(team, page)
    await press(page, f"{cell} of Everyone: default")
    await fill(page, **{cell: typed})
    await press(page, "Save")
    assert await page.until("document.querySelector('.cell-form [role=alert]').textContent") == complaint
    await press(page, "Cancel")
    await page.until("document.querySelector('.cell-form') == null")
    assert all_limits(team)["everyone"]["each"] == {}


async def test_usage_of_everybody_is_told_and_searched(team, page, dora):
    emil = add(team.admin, "emil")
    dora.client.generate(count=4)
    await administrate(team, page)
    await fill(page, **{"Search by e-mail or name": dora.email})
    await page.until("document.querySelectorAll('#usage tbody tr').length == 1")
    assert await page.evaluate("document.querySelector('#usage [data-label=\"Pictures today\"]').textContent") == "4"
    assert await page.evaluate("document.querySelector('#usage [data-label=Waiting]').textContent") == "4"
    await fill(page, **{"Search by e-mail or name": emil.email})
    await reads_no_more(page, dora.email)
    assert await page.evaluate("document.querySelector('#usage [data-label=\"Pictures today\"]').textContent") == "–"
    assert complaints(page) == []


async def test_a_narrow_screen_shows_everything_one_below_the_other(team, page, dora):
    await page.send("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True)
    await administrate(team, page)
    await show_user(page, dora)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await press(page, f"Pictures a month of {dora.email}: default")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_a_user_who_is_no_administrator_sees_nothing_of_limits(team, page, dora):
    await page.open(f"{team.url}/limits")
    await log_in(page, dora.email, PASSWORD)
    await reads(page, "Only administrators can use this page.")
    assert not [each for each in page.requested if "/limits" in each and "/api/" in each]
    assert dora.client.get(f"{AUTH}/me").json()["is_admin"] is False
