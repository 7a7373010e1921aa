"""Boards at the start page, in a real browser against a real host: made, filled, shared, taken away, emptied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.host.accounts import PASSWORD, Person, Team, add
from tests.host.uploading import BOARDS, new_board
from tests.host.uploading import upload as sent

from .browser import Page
from .people import complaints, fill, log_in, press, reads, reads_no_more

TILES = "[...document.querySelectorAll('.tile')].map(tile => tile.dataset.name)"


def upload(person: Person, **how: Any) -> str:
    return sent(person.client, image_category="user", **how)


def make_board(person: Person, name: str) -> str:
    return new_board(person.client, name)


async def visit(team: Team, page: Page, person: Person, place: str = "") -> None:
    """Log in, and wait until boards and pictures show."""
    await page.open(f"{team.url}/{place}")
    await log_in(page, person.email, PASSWORD)
    await page.until("document.querySelectorAll('#boards a').length >= 3")
    await page.until("document.getElementById('connection').textContent == 'live'")


async def shows(page: Page, *names: str) -> None:
    """Wait until exactly these pictures are in the grid."""
    await page.until(f"{TILES}.sort().join() == {json.dumps(','.join(sorted(names)))}")


@pytest.fixture
def alice(team: Team) -> Person:
    return add(team.admin, "alice")


@pytest.fixture
def bob(team: Team) -> Person:
    return add(team.admin, "bob")


async def test_a_board_is_made_renamed_and_deleted_and_its_pictures_go_to_the_trash(team, page, alice):
    await visit(team, page, alice)
    await press(page, "New board")
    await fill(page, Name="Apples")
    await press(page, "Make board")
    await page.until("document.getElementById('view-title').textContent == 'Apples'")
    board_id = await page.evaluate("decodeURIComponent(location.hash.slice(1))")
    name = upload(alice, board_id=board_id)
    await shows(page, name)
    await reads(page, "1 picture")
    await press(page, "Rename")
    await fill(page, Name="Red apples")
    await press(page, "Rename")
    await page.until("document.getElementById('view-title').textContent == 'Red apples'")
    await press(page, "Delete")
    await fill(page, **{"Put its pictures into the trash as well": True})
    await press(page, "Delete board")
    await page.until("document.getElementById('view-title').textContent == 'All pictures'")
    await shows(page)
    await press(page, "Trash")
    await shows(page, name)
    assert complaints(page) == []


async def test_what_is_shared_appears_at_the_other_user_and_is_gone_when_it_is_taken_back(team, page, alice, bob):
    board_id = make_board(alice, "Secret%20plans")
    name = upload(alice, board_id=board_id)
    await visit(team, page, bob)
    await shows(page)
    grants = f"{BOARDS}/{board_id}/grants"
    grant = alice.client.put(grants, {"email": bob.email, "role": "viewer"}).json()
    await reads(page, "Secret plans")
    await press(page, "All pictures")
    await page.evaluate(f"location.hash = '{board_id}'")
    await shows(page, name)
    await reads(page, "you may only look")
    assert alice.client.request("DELETE", f"{grants}/{grant['id']}").status == 204
    await reads_no_more(page, "Secret plans")
    await shows(page)
    assert complaints(page) == []


async def test_the_dialog_shares_with_people_and_everybody(team, page, alice, bob):
    board_id = make_board(alice, "Team")
    await visit(team, page, alice, f"#{board_id}")
    await press(page, "Share")
    await reads(page, "Not shared with anybody")
    await fill(page, **{"Share with": "nobody@example.org"})
    await press(page, "Share")
    await page.until("document.querySelector('dialog[open] [role=alert]').checkVisibility()")
    await fill(page, **{"Share with": bob.email})
    await press(page, "Share")
    await reads(page, "Bob")
    assert bob.client.get(f"{BOARDS}/{board_id}").status == 200
    await press(page, "Remove Bob")
    await reads(page, "Not shared with anybody")
    assert bob.client.get(f"{BOARDS}/{board_id}").status == 404
    await page.evaluate("document.querySelector('dialog[open] [value=shared]').click()")
    await press(page, "Done")
    await page.until("document.getElementById('view-facts').textContent.includes('everybody may look')")
    assert bob.client.get(f"{BOARDS}/{board_id}").json()["permissions"] == ["view"]
    assert complaints(page) == []


async def test_pictures_are_picked_moved_deleted_and_brought_back(team, page, alice):
    board_id = make_board(alice, "Best")
    names = [upload(alice) for _ in range(3)]
    await visit(team, page, alice)
    await shows(page, *names)
    await press(page, "Select")
    await page.evaluate(f"document.querySelector('[data-name=\"{names[0]}\"]').click()")
    await page.evaluate(f"document.querySelector('[data-name=\"{names[1]}\"]').click()")
    await reads(page, "2 picked")
    await fill(page, **{"Move to": board_id})
    await page.until("document.querySelector('#selection').hidden")
    await page.evaluate(f"location.hash = '{board_id}'")
    await shows(page, *names[:2])
    await page.evaluate(f"document.querySelector('[data-name=\"{names[0]}\"]').click()")
    await page.until("document.getElementById('viewer').open")
    await page.evaluate("document.getElementById('delete').click()")
    await page.until("!document.getElementById('notice').hidden")
    await page.evaluate("document.getElementById('viewer').close()")
    await shows(page, names[1])
    await press(page, "Undo")
    await shows(page, *names[:2])
    assert complaints(page) == []


async def test_prompts_are_searched(team, page, alice):
    apple, _ = upload(alice, prompt="a red apple"), upload(alice, prompt="a blue car")
    await visit(team, page, alice)
    await fill(page, **{"Search prompts": "apple"})
    await shows(page, apple)
    await fill(page, **{"Search prompts": "zebra"})
    await shows(page)
    assert complaints(page) == []


async def test_files_are_uploaded_from_the_page(team, page, alice):
    await visit(team, page, alice)
    await page.evaluate(
        """new Promise(done => { const canvas = document.createElement("canvas"); canvas.width = canvas.height = 24;
        canvas.toBlob(blob => { const files = new DataTransfer(); files.items.add(new File([blob], "mine.png"));
        files.items.add(new File(["no picture"], "text.png")); const input = document.getElementById("files");
        input.files = files.files; input.dispatchEvent(new Event("change")); done(); }); })"""
    )
    await page.until(f"{TILES}.length == 1")
    await reads(page, "text.png:")


async def test_an_archive_is_fetched_when_it_is_whole(team, page, alice):
    upload(alice)
    await visit(team, page, alice)
    await page.until(f"{TILES}.length == 1")
    await page.send("Browser.setDownloadBehavior", behavior="deny", browserContextId=page.context)
    await press(page, "Select")
    await press(page, "Pick all shown")
    await press(page, "Download")
    asked = "performance.getEntriesByType('resource').some(e => e.name.endsWith('/images/download'))"
    await page.until(asked)
    await page.until("document.getElementById('selection').hidden")
    assert complaints(page) == []
