"""The account page: name, password, sessions and API tokens, in a real browser against a real host."""

from __future__ import annotations

import pytest

from tests.host.accounts import AUTH, PASSWORD, Bearer, Person, Team, add
from tests.host.accounts import log_in as begin_session

from .browser import Page
from .people import complaints, fill, log_in, press, reads, reads_no_more, value_of

NEW_PASSWORD = "ten brass doors open"
NASTY = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture
async def carla(team: Team, page: Page) -> Person:
    """Somebody who looks at her account page, and has another session elsewhere."""
    person = add(team.admin, "carla")
    await page.open(f"{team.url}/account")
    await log_in(page, person.email, PASSWORD)
    await reads(page, "this one")
    return person


async def test_the_name_is_changed(carla, page):
    await fill(page, Name="Carla Bley")
    await press(page, "Save")
    await reads(page, "Saved.")
    await page.until("document.querySelector('#account-menu summary').textContent == 'Carla Bley'")
    assert carla.client.get(f"{AUTH}/me").json()["display_name"] == "Carla Bley"
    assert complaints(page) == []


async def test_a_new_password_ends_the_other_sessions_and_not_this_one(team, carla, page):
    await fill(page, Current_password="wrong", New_password=NEW_PASSWORD, The_same_again=NEW_PASSWORD)
    await press(page, "Change password")
    await page.until("document.querySelector('#password [role=alert]').checkVisibility()")
    assert "ncorrect" in await page.evaluate("document.querySelector('#password [role=alert]').innerText")
    await fill(page, Current_password=PASSWORD, New_password="password1", The_same_again="password1")
    await press(page, "Change password")
    await reads(page, "one of the most common ones")
    await fill(page, New_password=NEW_PASSWORD, The_same_again=NEW_PASSWORD)
    await press(page, "Change password")
    await reads(page, "Changed. Your other sessions have ended.")
    await page.until("document.querySelectorAll('#sessions li').length == 1")
    assert await value_of(page, "New password") == ""
    assert carla.client.get(f"{AUTH}/me").status == 401
    assert begin_session(carla.client.url, carla.email, NEW_PASSWORD).client.get(f"{AUTH}/me").status == 200


async def test_sessions_are_listed_and_ended_one_by_one_and_all_at_once(team, carla, page):
    second, third = carla.again(), carla.again(remember=True)
    await page.open(f"{team.url}/account")
    await page.until("document.querySelectorAll('#sessions li').length == 4")
    await reads(page, "Chrome on Linux")
    await reads(page, "127.0.0.1")
    await reads(page, "remembered")
    await page.evaluate("document.querySelector('#sessions li:nth-child(2) button').click()")  # this one stands first
    await page.until("document.querySelectorAll('#sessions li').length == 3")
    assert third.client.get(f"{AUTH}/me").status == 401
    assert second.client.get(f"{AUTH}/me").status == 200
    await press(page, "End all others")
    await reads(page, "You stay logged in here, and nowhere else.")
    await press(page, "End")
    await page.until("document.querySelectorAll('#sessions li').length == 1")
    assert second.client.get(f"{AUTH}/me").status == 401
    await reads(page, "this one")


async def test_a_token_is_shown_once_works_and_is_revoked(team, carla, page):
    await press(page, "New token")
    await reads(page, "see pictures, queue and events")
    await fill(page, Name=NASTY, generate=True, Expires_after="90")
    await press(page, "Make it")
    text = await value_of(page, "The token")
    assert text.startswith("ivh_")
    client = Bearer(team.url, text)
    assert client.get("/api/v1/images/").status == 200
    assert client.get(f"{AUTH}/tokens").status == 403
    await page.send("Emulation.setFocusEmulationEnabled", enabled=True)
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    await page.send("Browser.grantPermissions", permissions=allowed, browserContextId=page.context)
    await press(page, "Copy")
    await reads(page, "Copied.")
    assert await page.evaluate("navigator.clipboard.readText()") == text
    await press(page, "Done")
    await reads(page, NASTY)
    await reads(page, "read, generate")
    assert text not in await page.evaluate("document.documentElement.outerHTML")
    await press(page, f"Revoke {NASTY}")
    await reads(page, "It can't be brought back.")
    await press(page, "Revoke")
    await reads_no_more(page, NASTY)
    assert client.get("/api/v1/images/").status == 401
    assert await page.evaluate("document.title") == "Account · Invoke Host"


async def test_a_token_needs_a_name_and_something_that_it_may_do(carla, page):
    await press(page, "New token")
    await fill(page, read=False)
    await press(page, "Make it")
    assert await page.evaluate("document.querySelector('dialog :invalid') != null")
    await fill(page, Name="nothing")
    await press(page, "Make it")
    await reads(page, "scopes")
    assert carla.client.get(f"{AUTH}/tokens").json() == []
    assert not await page.evaluate("[...document.querySelectorAll('dialog code')].some(c => c.textContent == 'admin')")


async def test_what_was_typed_outlives_the_session(team, carla, page):
    await fill(page, Name="half a na")
    await press(page, "New token")
    await fill(page, Name="half a tok")
    team.admin.client.delete(f"{AUTH}/users/{carla.id}/sessions")
    await press(page, "Make it")
    await reads(page, "Your session has ended.")
    await log_in(page, carla.email, PASSWORD)
    assert await value_of(page, "Name") == "half a tok"  # the dialog is open again
    await press(page, "Make it")
    await value_of(page, "The token")
    await press(page, "Done")
    assert await value_of(page, "Name") == "half a na"


async def test_groups_that_one_is_in_are_told(team, carla, page):
    group = team.admin.client.post("/api/v1/groups/", {"name": f"Design of {carla.id[:8]}"}).json()
    team.admin.client.put(f"/api/v1/groups/{group['group_id']}/members/{carla.id}")
    await page.open(f"{team.url}/account")
    await reads(page, f"in {group['name']}")
