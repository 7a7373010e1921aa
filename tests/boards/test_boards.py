"""Boards over real HTTP: made, named, changed and deleted, with everything that is wrong said at once."""

from __future__ import annotations

import pytest

from .conftest import BoardClient, Studio


async def test_a_new_board_is_private_empty_and_its_makers(api: BoardClient, studio: Studio) -> None:
    board = await api("alice").board(await api("alice").make("  Fruit  "))
    assert board == {
        "board_id": board["board_id"],
        "board_name": "Fruit",
        "user_id": "alice",
        "owner_username": "alice",
        "created_at": studio.now(),
        "updated_at": studio.now(),
        "deleted_at": None,
        "cover_image_name": None,
        "cover_video_name": None,
        "archived": False,
        "board_visibility": "private",
        "image_count": 0,
        "asset_count": 0,
        "video_count": 0,
        "permissions": ["view", "add", "edit", "curate", "share", "delete", "transfer"],
    }


@pytest.mark.parametrize("name", ["Äpfel & Birnen", "果物", "🍎🍏", "a" * 300, "界" * 300, "none", "' OR 1=1 --"])
async def test_names_are_any_line_of_text(api: BoardClient, name: str) -> None:
    board_id = await api("alice").make(name)
    assert (await api("alice").board(board_id))["board_name"] == name
    assert (await api("alice").ask("PATCH", f"boards/{board_id}", {"board_name": name})).json()["board_name"] == name


@pytest.mark.parametrize("name", ["", " ", "\u00a0\u2003", "a" * 301, "a\nb", "\x7f", "a\tb"])
async def test_what_is_no_name_is_refused_with_the_field(api: BoardClient, studio: Studio, name: str) -> None:
    answer = await api("alice").ask("POST", "boards/", params={"board_name": name})
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["query", "board_name"])
    board_id = studio.board()
    answer = await api("alice").ask("PATCH", f"boards/{board_id}", {"board_name": name})
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "board_name"])
    assert (await api("alice").board(board_id))["board_name"] == "Fruit"


async def test_two_boards_may_have_one_name(api: BoardClient) -> None:
    assert await api("alice").make("Fruit") != await api("alice").make("Fruit")


async def test_owners_are_called_by_name_and_by_address_only_to_administrators(
    api: BoardClient, studio: Studio
) -> None:
    of_bob, of_alice = studio.board("bob", "shared"), studio.board("alice", "shared")
    assert (await api("carol").board(of_bob))["owner_username"] == "Bob B."
    assert (await api("carol").board(of_alice))["owner_username"] == "alice"
    assert (await api("root").board(of_alice))["owner_username"] == "alice@example.org"


async def test_a_patch_changes_what_it_names_and_nothing_else(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    before = await api("alice").board(board_id)
    studio.clock.advance(60)
    answer = await api("alice").ask("PATCH", f"boards/{board_id}", {"archived": True, "board_name": None})
    assert answer.status == 200
    assert answer.json() == {**before, "archived": True, "updated_at": studio.now()}
    answer = await api("alice").ask("PATCH", f"boards/{board_id}", {"board_visibility": "public"})
    assert answer.json()["board_visibility"] == "public"


async def test_a_patch_that_says_nothing_new_writes_nothing(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    before = await api("alice").board(board_id)
    studio.clock.advance(60)
    for body in (
        {},
        {"board_name": "Fruit"},
        {"archived": False, "board_visibility": "private"},
        {"cover_image_name": None},
    ):
        assert (await api("alice").ask("PATCH", f"boards/{board_id}", body)).json() == before
    assert studio.events("boards_changed") == []
    assert studio.audited() == []


async def test_everything_wrong_in_a_patch_is_said_at_once(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    body = {
        "board_name": " ",
        "archived": "perhaps",
        "board_visibility": "secret",
        "cover_image_name": studio.image(),
        "user_id": "bob",
    }
    answer = await api("alice").ask("PATCH", f"boards/{board_id}", body)
    assert answer.status == 422
    assert sorted(problem["loc"][1] for problem in answer.detail) == sorted(body)


async def test_the_answer_to_a_wrong_patch_tells_strangers_nothing_of_the_board(
    api: BoardClient, studio: Studio
) -> None:
    board_id = studio.board()
    cover = studio.image(board_id=board_id)
    for body in ({"cover_image_name": cover, "archived": "perhaps"}, {"cover_image_name": cover}):
        there = await api("bob").ask("PATCH", f"boards/{board_id}", body)
        not_there = await api("bob").ask("PATCH", f"boards/{studio.uuid()}", body)
        assert (there.status, not_there.status) == (404, 404)


async def test_visibility_takes_more_than_the_rest(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    await api("alice").share(board_id, "editor", user_id="bob")
    path = f"boards/{board_id}"
    assert await api("bob").status("PATCH", path, {"board_name": "Roots"}) == 200
    for body in ({"board_visibility": "public"}, {"board_name": "Stems", "board_visibility": "public"}):
        assert await api("bob").status("PATCH", path, body) == 403
    board = await api("alice").board(board_id)
    assert (board["board_name"], board["board_visibility"]) == ("Roots", "private")


@pytest.mark.parametrize("board_id", ["none-such", "none", "0" * 36, "%00", "a" * 2000, "..%2f"])
async def test_what_can_not_be_a_board_is_not_found(api: BoardClient, board_id: str) -> None:
    for method, json in (("GET", None), ("PATCH", {"archived": True}), ("DELETE", None)):
        assert await api("root").status(method, f"boards/{board_id}", json) == 404


async def test_images_of_a_deleted_board_are_on_none_and_still_their_makers(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board("alice", "public")
    mine, theirs = studio.images(2, "alice", board_id), studio.images(2, "bob", board_id)
    answer = await api("alice").ask("DELETE", f"boards/{board_id}")
    assert answer.status == 200
    assert sorted(answer.json()["deleted_board_images"]) == sorted([*mine, *theirs])
    assert answer.json()["deleted_images"] == []
    assert await api("alice").status("GET", f"boards/{board_id}") == 404
    for name, names in (("alice", mine), ("bob", theirs)):
        assert sorted((await api(name).ask("GET", "boards/none/image_names")).json()) == sorted(names)
    assert studio.drift() == []


async def test_images_go_with_the_board_if_told_whoever_made_them(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board("alice", "public")
    names = [*studio.images(2, "alice", board_id), *studio.images(2, "bob", board_id, starred=True)]
    answer = await api("alice").ask("DELETE", f"boards/{board_id}", params={"include_images": "true"})
    assert sorted(answer.json()["deleted_images"]) == sorted(names)
    assert answer.json()["deleted_board_images"] == []
    for name in ("alice", "bob"):
        assert (await api(name).ask("GET", "boards/none/image_names")).json() == []
    assert studio.drift() == []


async def test_a_large_board_goes_in_steps_and_all_of_it(
    api: BoardClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("invoke_host.boards.deletion.STEP", 4)
    for include in ("false", "true"):
        board_id = studio.board()
        names = studio.images(8, board_id=board_id)
        answer = (await api("alice").ask("DELETE", f"boards/{board_id}", params={"include_images": include})).json()
        assert sorted(answer["deleted_board_images"] + answer["deleted_images"]) == sorted(names)
        assert await api("alice").status("GET", f"boards/{board_id}") == 404
    assert studio.drift() == []
    assert [action for action, *_ in studio.audited()] == ["board.delete"] * 2


async def test_what_others_do_is_in_the_audit_log(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    await api("root").ask("PATCH", f"boards/{board_id}", {"board_visibility": "shared"})
    grant = await api("root").share(board_id, "viewer", user_id="bob")
    await api("root").share(board_id, "viewer", user_id="bob")
    await api("root").share(board_id, "editor", user_id="bob")
    await api("root").ask("DELETE", f"boards/{board_id}/grants/{grant['id']}")
    await api("root").ask("POST", f"boards/{board_id}/transfer", {"user_id": "carol"})
    await api("root").ask("DELETE", f"boards/{board_id}")
    actions = ["board.visibility", "board.grant", "board.grant", "board.revoke", "board.transfer", "board.delete"]
    assert studio.audited() == [(action, "root", board_id) for action in actions]
