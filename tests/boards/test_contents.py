"""What is on a board: putting images there and taking them off, names, counts and covers."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from sqlalchemy import false

from invoke_host.access import AccessEngine
from invoke_host.api import Grant, Policy
from invoke_host.boards import rows
from invoke_host.boards.query import ListQuery
from invoke_host.images import editing, trash
from invoke_host.testing.app import BUILTIN_POLICIES
from invoke_host.vocabulary import ACTIONS, RESOURCES

from .conftest import ALICE, BOB, ROOT, BoardClient, Studio, origin


async def names(api: BoardClient, board_id: str, **query: Any) -> list[str]:
    answer = await api.ask("GET", f"boards/{board_id}/image_names", params=query)
    assert answer.status == 200, answer.text
    found: list[str] = answer.json()
    return found


async def test_an_image_goes_on_a_board_to_another_and_off_again(api: BoardClient, studio: Studio) -> None:
    alice, first, second, image = api("alice"), studio.board(), studio.board(), studio.image()
    answer = await alice.ask("POST", "board_images/", {"board_id": first, "image_name": image})
    assert (answer.status, answer.json()) == (
        201,
        {"added_images": [image], "failed_images": [], "affected_boards": [first]},
    )
    answer = await alice.ask("POST", "board_images/", {"board_id": second, "image_name": image})
    assert sorted(answer.json()["affected_boards"]) == sorted([first, second])
    assert (await names(alice, first), await names(alice, second)) == ([], [image])
    answer = await alice.ask("DELETE", "board_images/", {"image_name": image})
    assert (answer.status, answer.json()) == (
        200,
        {"removed_images": [image], "failed_images": [], "affected_boards": [second]},
    )
    assert await names(alice, "none") == [image]
    assert studio.drift() == []


async def test_a_batch_does_what_it_may_and_names_the_rest(api: BoardClient, studio: Studio) -> None:
    board_id, mine, foreign = studio.board("alice", "public"), studio.images(2), studio.image("bob")
    asked = [*mine, foreign, "no-name", mine[0]]
    answer = await api("alice").ask("POST", "board_images/batch", {"board_id": board_id, "image_names": asked})
    assert answer.status == 201
    assert answer.json() == {
        "added_images": mine,
        "failed_images": [foreign, "no-name"],
        "affected_boards": [board_id],
    }
    await api("bob").ask("POST", "board_images/", {"board_id": board_id, "image_name": foreign})
    answer = await api("bob").ask("POST", "board_images/batch/delete", {"image_names": [*mine, foreign]})
    assert answer.status == 200
    assert answer.json() == {"removed_images": [foreign], "failed_images": mine, "affected_boards": [board_id]}
    assert studio.drift() == []


async def test_a_single_image_that_is_not_the_callers_is_refused(api: BoardClient, studio: Studio) -> None:
    board_id, hidden = studio.board(), studio.image("bob")
    shown = studio.image("bob", studio.board("bob", "shared"))
    for image, status in ((hidden, 404), (shown, 403), ("nothing", 404), (f"{studio.uuid()}.png", 404)):
        body = {"board_id": board_id, "image_name": image}
        assert await api("alice").status("POST", "board_images/", body) == status
        assert await api("alice").status("DELETE", "board_images/", {"image_name": image}) == status
    assert await api("root").status("POST", "board_images/", {"board_id": board_id, "image_name": hidden}) == 201


async def test_nothing_goes_on_a_board_that_does_not_take_it(api: BoardClient, studio: Studio) -> None:
    image = studio.image("bob")
    boards = {"private": 404, "shared": 403, "public": 201}
    for visibility, status in boards.items():
        body = {"board_id": studio.board("alice", visibility), "image_name": image}
        assert await api("bob").status("POST", "board_images/", body) == status
    for board_id in ("nothing", "", "none"):
        body = {"board_id": board_id, "image_names": [image]}
        assert await api("bob").status("POST", "board_images/batch", body) == 404


async def test_whoever_made_an_image_takes_it_off_a_board_they_see_no_more(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board("alice", "public")
    image = studio.image("bob", board_id)
    await api("alice").ask("PATCH", f"boards/{board_id}", {"board_visibility": "private"})
    answer = await api("bob").ask("DELETE", "board_images/", {"image_name": image})
    assert (answer.status, answer.json()["affected_boards"]) == (200, [])
    assert await names(api("bob"), "none") == [image]
    assert (await api("alice").board(board_id))["image_count"] == 0


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("contributor", 403), ("editor", 200)], ids=lambda value: str(value)
)
async def test_an_editor_takes_any_image_off(api: BoardClient, studio: Studio, role: str, status: int) -> None:
    board_id = studio.board()
    image = studio.image(board_id=board_id)
    await api("alice").share(board_id, role, user_id="bob")
    assert await api("bob").status("DELETE", "board_images/", {"image_name": image}) == status


async def test_names_come_starred_first_then_newest_by_kind(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    old, new = studio.images(2, board_id=board_id)
    star = studio.image(board_id=board_id, starred=True)
    mask = studio.image(board_id=board_id, category="mask")
    step = studio.image(board_id=board_id, is_intermediate=True)
    studio.image()
    alice = api("alice")
    assert await names(alice, board_id) == [star, step, mask, new, old]
    assert await names(alice, board_id, categories="mask") == [mask]
    assert await names(alice, board_id, categories="general", is_intermediate="false") == [star, new, old]
    assert await names(alice, board_id, is_intermediate="true") == [step]
    assert await api("bob").status("GET", f"boards/{board_id}/image_names") == 404
    assert await api("alice").status("GET", f"boards/{board_id}/image_names", params={"categories": "cats"}) == 422


async def test_on_no_board_everybody_has_their_own_and_administrators_all(api: BoardClient, studio: Studio) -> None:
    mine, theirs = studio.image(), studio.image("bob")
    studio.image(board_id=studio.board())
    assert await names(api("alice"), "none") == [mine]
    assert await names(api("bob"), "none") == [theirs]
    assert await names(api("root"), "none") == [theirs, mine]


async def test_pictures_and_assets_are_counted_apart_and_passing_ones_not_at_all(
    api: BoardClient, studio: Studio
) -> None:
    board_id = studio.board("alice", "public")
    studio.images(3, "bob", board_id)
    studio.images(2, "alice", board_id, starred=True)
    for category in ("mask", "control", "user", "other"):
        studio.image(board_id=board_id, category=category)
    studio.image(board_id=board_id, is_intermediate=True)
    deleted = studio.image(board_id=board_id)
    studio.storage.run_write(trash.delete_one, studio.access, ALICE, deleted, origin=origin(ALICE), now=studio.now())
    studio.image()
    for name in ("alice", "bob", "dave", "root"):
        board = await api(name).board(board_id)
        assert (board["image_count"], board["asset_count"], board["video_count"]) == (5, 4, 0)


async def test_the_cover_is_the_newest_and_a_star_is_newer_than_all(api: BoardClient, studio: Studio) -> None:
    board_id, alice = studio.board(), api("alice")

    async def cover() -> str | None:
        return (await alice.board(board_id))["cover_image_name"]

    assert await cover() is None
    studio.image(board_id=board_id, is_intermediate=True)
    assert await cover() is None
    first = studio.image(board_id=board_id)
    mask = studio.image(board_id=board_id, category="mask")
    assert await cover() == mask
    second = studio.image(board_id=board_id)
    assert await cover() == second
    studio.storage.run_write(editing.set_starred, studio.access, ALICE, [first], True, now=studio.now())
    assert await cover() == first
    star = studio.image(board_id=board_id, category="user", starred=True)
    studio.image(board_id=board_id)
    assert await cover() == star
    for name in (star, first):
        await alice.ask("DELETE", "board_images/", {"image_name": name})
    assert await cover() not in (star, first)


async def test_a_chosen_cover_counts_while_it_is_on_the_board(api: BoardClient, studio: Studio) -> None:
    board_id, other, alice = studio.board(), studio.board(), api("alice")
    chosen, newest = studio.images(2, board_id=board_id)
    path = f"boards/{board_id}"
    assert (await alice.ask("PATCH", path, {"cover_image_name": chosen})).json()["cover_image_name"] == chosen
    for body in ({"board_name": "Other"}, {"cover_image_name": chosen}):
        assert (await alice.ask("PATCH", path, body)).json()["cover_image_name"] == chosen
    await alice.ask("POST", "board_images/", {"board_id": other, "image_name": chosen})
    assert (await alice.board(board_id))["cover_image_name"] == newest
    await alice.ask("POST", "board_images/", {"board_id": board_id, "image_name": chosen})
    assert (await alice.board(board_id))["cover_image_name"] == chosen
    studio.storage.run_write(trash.delete_one, studio.access, ALICE, chosen, origin=origin(ALICE), now=studio.now())
    assert (await alice.board(board_id))["cover_image_name"] == newest
    studio.storage.run_write(trash.restore, studio.access, ALICE, [chosen], now=studio.now())
    assert (await alice.board(board_id))["cover_image_name"] == chosen
    assert (await alice.ask("PATCH", path, {"cover_image_name": None})).json()["cover_image_name"] == newest


async def test_only_an_image_on_the_board_can_be_its_cover(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    gone = studio.image(board_id=board_id)
    studio.storage.run_write(trash.delete_one, studio.access, ALICE, gone, origin=origin(ALICE), now=studio.now())
    elsewhere = studio.image(board_id=studio.board())
    for name in (gone, elsewhere, studio.image(), studio.image("bob"), f"{studio.uuid()}.png", "x", ""):
        answer = await api("alice").ask("PATCH", f"boards/{board_id}", {"cover_image_name": name})
        assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "cover_image_name"])


async def test_the_cover_and_counts_of_a_list_are_those_of_each_board(api: BoardClient, studio: Studio) -> None:
    expected = {}
    for at in range(5):
        board_id = studio.board("alice", "shared", cover_image_name=f"{studio.uuid()}.png")
        made = studio.images(at, ("alice", "bob")[at % 2], board_id, starred=at == 3)
        expected[board_id] = (at, made[-1] if made else None)
    for name in ("alice", "carol", "root"):
        listed = (await api(name).ask("GET", "boards/", params={"all": "true"})).json()
        found = {board["board_id"]: (board["image_count"], board["cover_image_name"]) for board in listed}
        assert found == expected


class NothingOfBob(Policy):
    """What Bob made is seen by nobody; as a plugin's policy could have it."""

    name: ClassVar[str] = "nothing_of_bob"

    def grant(self, actor, action, resource, facts):
        if resource.name == "image" and action.see:
            return Grant(deny=resource.columns["owner"] == "bob")
        return Grant(restrict=false()) if action.name == "board.add" else None


def test_counts_and_covers_obey_policies_about_images_as_single_reads_do(studio: Studio) -> None:
    access = AccessEngine(ACTIONS, RESOURCES, [*BUILTIN_POLICIES, NothingOfBob()])
    board_id = studio.board("alice", "public")
    mine = studio.image(board_id=board_id)
    theirs = studio.images(2, "bob", board_id, starred=True)
    for who in (ALICE, BOB, ROOT):
        board = studio.storage.run_read(rows.one, access, who, board_id)
        assert (board["image_count"], board["cover_image_name"]) == (1, mine)
        assert "add" not in board["permissions"]
        assert studio.storage.run_read(rows.page, access, who, ListQuery()).items == [board]
    studio.storage.run_write(
        lambda conn: conn.exec_driver_sql(f"UPDATE boards SET cover_image_name = '{theirs[0]}'").rowcount
    )
    assert studio.storage.run_read(rows.one, access, ALICE, board_id)["cover_image_name"] == mine
