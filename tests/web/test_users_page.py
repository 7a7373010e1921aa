"""The pages for administrators, users and groups, in a real browser against a real host."""

from __future__ import annotations

import pytest

from tests.host.accounts import AUTH, PASSWORD, Team, add, start_team
from tests.host.accounts import log_in as begin_session

from .browser import Page
from .people import complaints, fill, log_in, press, reads, reads_no_more, value_of

SHOWN = "document.querySelectorAll('#users li').length"


async def administrate(team: Team, page: Page, path: str = "/users") -> None:
    await page.open(f"{team.url}{path}")
    await log_in(page, team.admin.email, PASSWORD)
    await page.until("document.getElementById('total').textContent != ''")


async def search(page: Page, text: str, count: int = 1) -> None:
    await fill(page, **{"Search by e-mail or name": text})
    await page.until(f"document.getElementById('total').textContent == '{count} of {count}'")


async def test_a_user_is_made_with_a_password_that_the_host_chose(team, page):
    await administrate(team, page)
    await press(page, "New user")
    await fill(page, **{"E-mail": "not an address", "Name": "Emil"})
    await press(page, "Make one")
    await page.until("document.querySelector('dialog [autocomplete=new-password]').value.length == 16")
    password = await value_of(page, "Password")
    await fill(page, **{"E-mail": "Emil@Example.org"})
    await press(page, "Make the account")
    await reads(page, "emil@example.org")
    assert begin_session(team.url, "emil@example.org", password).client.get(f"{AUTH}/me").status == 200
    await press(page, "New user")
    await fill(page, **{"E-mail": "emil@example.org", "Password": PASSWORD, "The same again": PASSWORD})
    await press(page, "Make the account")
    await page.until("document.querySelector('dialog [role=alert]').checkVisibility()")
    assert complaints(page) == []


async def test_the_list_is_paged_and_searched(tmp_path, page):
    team = start_team(tmp_path / "root")
    for number in range(52):
        body = {"email": f"user{number:02}@example.org", "password": PASSWORD}
        assert team.admin.client.post(f"{AUTH}/users", body).status == 201
    await administrate(team, page)
    await page.until(f"{SHOWN} == 50 && document.getElementById('total').textContent == '50 of 53'")
    await press(page, "Show more")
    await page.until(f"{SHOWN} == 53 && !document.getElementById('more').checkVisibility()")
    await search(page, "USER07")
    await reads(page, "user07@example.org")
    team.host.end()


async def test_rights_and_activity_are_changed(team, page):
    dora = add(team.admin, "dora")
    await administrate(team, page)
    await search(page, dora.email)
    await press(page, "Change Dora")
    await fill(page, Name="Dora Maar", Administrator=True)
    await press(page, "Save")
    await reads(page, "administrator")
    assert dora.client.get(f"{AUTH}/me").json()["is_admin"] is True
    await press(page, "Change Dora Maar")
    await fill(page, Administrator=False, Active=False)
    await press(page, "Save")
    await reads(page, "deactivated")
    assert dora.client.get(f"{AUTH}/me").status == 401


async def test_the_last_administrator_stays_one(tmp_path, page):
    team = start_team(tmp_path / "root")
    await administrate(team, page)
    await press(page, "Change Root")
    await fill(page, Administrator=False)
    await press(page, "Save")
    await reads(page, "Cannot remove the last administrator")
    team.host.end()


async def test_a_password_is_reset(team, page):
    dora = add(team.admin, "dora")
    await administrate(team, page)
    await search(page, dora.email)
    await press(page, "Change Dora")
    await press(page, "Set a new password …")
    await reads(page, "All sessions of this user end.")
    await fill(page, Password="ten brass doors open", The_same_again="ten brass doors open")
    await press(page, "Set it")
    await page.until("document.querySelectorAll('dialog[open]').length == 1")
    assert dora.client.get(f"{AUTH}/me").status == 401
    assert begin_session(team.url, dora.email, "ten brass doors open").client.get(f"{AUTH}/me").status == 200


async def test_sessions_and_tokens_of_a_user_are_ended(team, page):
    dora = add(team.admin, "dora")
    assert dora.client.post(f"{AUTH}/tokens", {"name": "night", "scopes": ["read"]}).status == 201
    await administrate(team, page)
    await search(page, dora.email)
    await press(page, "Sessions of Dora")
    await reads(page, "night")
    await press(page, "Revoke night")
    await press(page, "Revoke")
    await page.until("document.querySelectorAll('dialog[open]').length == 1")
    await press(page, "End all")
    await press(page, "End")
    await reads(page, "Nowhere.")
    assert dora.client.get(f"{AUTH}/me").status == 401


@pytest.mark.parametrize(
    ("choice", "left"), [("Keep it", "system"), ("Give it to another user", "heir"), ("Delete it", None)]
)
async def test_deleting_asks_what_becomes_of_the_content(team, page, choice, left):
    dora, heir = add(team.admin, "dora"), add(team.admin, "heir")
    item_id = dora.client.generate()["item_ids"][0]
    await administrate(team, page)
    await search(page, dora.email)
    await press(page, "Delete Dora")
    await reads(page, "What becomes of their pictures and queue history?")
    await fill(page, **{choice: True})
    if left == "heir":
        await fill(page, New_owner="nobody@example.org")
        await press(page, "Delete the account")
        await reads(page, "There is no other user with the e-mail nobody@example.org.")
        await fill(page, New_owner=heir.email)
    await press(page, "Delete the account")
    await page.until("document.querySelectorAll('dialog').length == 0")
    await page.until("document.getElementById('total').textContent == '0 of 0'")
    assert team.admin.client.get(f"{AUTH}/users/{dora.id}").status == 404
    item = team.admin.client.get(f"/api/v1/queue/default/i/{item_id}")
    owner = item.json()["user_id"] if item.status == 200 else None
    assert owner == {"heir": heir.id}.get(left, left)


async def test_content_of_the_host_itself_is_handed_over(team, page):
    dora, heir = add(team.admin, "dora"), add(team.admin, "heir")
    item_id = dora.client.generate()["item_ids"][0]
    assert team.admin.client.delete(f"{AUTH}/users/{dora.id}").status == 204  # it goes to `system`
    await administrate(team, page)
    await press(page, "Hand it over …")
    await fill(page, New_owner=heir.email, Pictures=False)
    await press(page, "Hand over")
    await reads(page, "Queue history: ")
    await press(page, "Close")
    assert heir.client.get(f"/api/v1/queue/default/i/{item_id}").json()["user_id"] == heir.id


async def test_groups_are_made_filled_changed_and_deleted(team, page):
    dora = add(team.admin, "dora")
    await administrate(team, page, "/groups")
    await press(page, "New group")
    await fill(page, Name="Design", Description="who draws")
    await press(page, "Make the group")
    await reads(page, "0 members · who draws")
    await press(page, "Members of Design")
    await fill(page, Add=dora.email.upper())
    await press(page, "Add")
    await press(page, f"Take {dora.email} out")
    await reads(page, "Nobody is in it.")
    await fill(page, Add=dora.email)
    await press(page, "Add")
    await reads(page, "Dora")
    await press(page, "Close")
    await reads(page, "1 member · who draws")
    await press(page, "Change Design")
    await fill(page, Name="Drawing")
    await press(page, "Save")
    await press(page, "Delete Drawing")
    await press(page, "Delete")
    await reads_no_more(page, "Drawing")
    assert complaints(page) == []


async def test_a_user_who_is_no_administrator_sees_only_that(team, page):
    dora = add(team.admin, "dora")
    await page.open(f"{team.url}/users")
    await log_in(page, dora.email, PASSWORD)
    await reads(page, "Only administrators can use this page.")
    assert await page.evaluate(SHOWN) == 0
    assert not [each for each in page.requested if each.endswith("/auth/users") or "/auth/users?" in each]
