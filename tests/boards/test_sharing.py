"""Grants: who can be named, who may share, what each role may do, leaving, and giving a board away."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from invoke_host.boards.misses import MOST, WITHIN_S
from invoke_host.identity.groups import store as group_store
from invoke_host.identity.groups.tables import group_members
from invoke_host.identity.tables import users

from .conftest import CLUB, LAB, BoardClient, Studio


@pytest.mark.parametrize(
    ("who", "grant"),
    [
        ({"user_id": "bob"}, {"user_id": "bob", "group_id": None, "name": "Bob B."}),
        ({"email": " BOB@Example.org"}, {"user_id": "bob", "group_id": None, "name": "Bob B."}),
        ({"email": "carol@example.org"}, {"user_id": "carol", "group_id": None, "name": "carol"}),
    ],
)
async def test_people_are_named_by_id_or_by_their_exact_address(
    api: BoardClient, studio: Studio, who: dict[str, str], grant: dict[str, str | None]
) -> None:
    board_id = studio.board()
    made = await api("alice").share(board_id, "viewer", **who)
    assert made == {**grant, "id": made["id"], "role": "viewer", "created_at": studio.now()}
    assert (await api("alice").ask("GET", f"boards/{board_id}/grants")).json() == {"grants": [made]}


@pytest.mark.parametrize("who", [{"group_id": LAB}, {"group": "lab"}, {"group": " LAB  "}])
async def test_groups_are_named_by_those_who_are_in_them_and_by_administrators(
    api: BoardClient, studio: Studio, who: dict[str, str]
) -> None:
    board_id = studio.board("bob")
    for caller in ("bob", "root"):
        made = await api(caller).share(board_id, "viewer", **who)
        assert (made["group_id"], made["user_id"], made["name"]) == (LAB, None, "Lab")
    others = studio.board("alice")
    answer = await api("alice").ask("PUT", f"boards/{others}/grants", {**who, "role": "viewer"})
    assert (answer.status, [problem["loc"] for problem in answer.detail]) == (422, [["body", *who]])


@pytest.mark.parametrize(
    "who",
    [
        {"user_id": "nobody"},
        {"user_id": "ivy"},
        {"user_id": "system"},
        {"email": "nobody@example.org"},
        {"email": "ivy@example.org"},
        {"email": "bob"},
        {"email": "bob@example"},
        {"email": "%@example.org"},
        {"group_id": "nothing"},
        {"group": "Nothing"},
        {"group": "L%"},
        {"group_id": CLUB},
    ],
    ids=str,
)
async def test_whoever_is_not_there_or_not_active_is_refused_in_the_same_words(
    api: BoardClient, studio: Studio, who: dict[str, str]
) -> None:
    board_id = studio.board()
    answer = await api("alice").ask("PUT", f"boards/{board_id}/grants", {**who, "role": "viewer"})
    [problem] = answer.detail
    [(field, said)] = who.items()
    kind = "active user" if field in ("user_id", "email") else "group"
    where = "on this host" if kind == "active user" else "that you are in"
    assert (answer.status, problem["loc"], problem["msg"]) == (
        422,
        ["body", field],
        f"there is no {kind} {said!r} {where}",
    )
    assert (await api("alice").ask("GET", f"boards/{board_id}/grants")).json() == {"grants": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "viewer"},
        {"user_id": "bob"},
        {"user_id": "bob", "role": "owner"},
        {"user_id": "bob", "email": "bob@example.org", "role": "viewer"},
        {"user_id": "bob", "group": "Lab", "role": "viewer"},
        {"user_id": None, "role": "viewer"},
        {"user_id": "bob", "role": "viewer", "can_edit": True},
    ],
    ids=str,
)
async def test_a_grant_names_one_grantee_and_one_role(
    api: BoardClient, studio: Studio, body: dict[str, object]
) -> None:
    assert await api("alice").status("PUT", f"boards/{studio.board()}/grants", body) == 422


async def test_guessing_who_is_here_is_soon_too_much(api: BoardClient, studio: Studio) -> None:
    """But only for who guesses, for a while; and a name that is right is not counted."""
    path = f"boards/{studio.board()}/grants"
    for number in range(MOST):
        assert await api("alice").status("PUT", path, {"email": "bob@example.org", "role": "viewer"}) == 200
        assert await api("alice").status("PUT", path, {"email": f"{number}@example.org", "role": "viewer"}) == 422
    answer = await api("alice").ask("PUT", path, {"email": "bob@example.org", "role": "viewer"})
    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= WITHIN_S
    assert await api("alice").status("POST", f"boards/{studio.board()}/transfer", {"email": "x@example.org"}) == 429
    assert await api("root").status("PUT", path, {"email": "nobody@example.org", "role": "viewer"}) == 422
    studio.clock.advance(WITHIN_S)
    assert await api("alice").status("PUT", path, {"email": "bob@example.org", "role": "editor"}) == 200


async def test_sharing_again_changes_the_role(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    first = await api("alice").share(board_id, "viewer", user_id="bob")
    second = await api("alice").share(board_id, "editor", email="bob@example.org")
    assert second == {**first, "role": "editor"}
    assert (await api("bob").board(board_id))["permissions"] == ["view", "add", "edit", "curate"]


async def test_the_strongest_of_several_grants_counts(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    await api("root").share(board_id, "contributor", group="Lab")
    await api("alice").share(board_id, "viewer", user_id="bob")
    assert (await api("bob").board(board_id))["permissions"] == ["view", "add"]
    assert (await api("carol").board(board_id))["permissions"] == ["view", "add"]
    assert await api("dave").status("GET", f"boards/{board_id}") == 404


async def test_nobody_is_granted_what_they_own(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    for who in ({"user_id": "alice"}, {"email": "alice@example.org"}):
        answer = await api("alice").ask("PUT", f"boards/{board_id}/grants", {**who, "role": "viewer"})
        assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", *who])


@pytest.mark.parametrize("caller", ["bob", "carol"])
async def test_only_the_owner_and_administrators_share_and_see_with_whom(
    api: BoardClient, studio: Studio, caller: str
) -> None:
    """An editor by name and a viewer by group; and nobody learns from the answer who has an account."""
    board_id = studio.board()
    await api("root").share(board_id, "viewer", group="Lab")
    dave = await api("alice").share(board_id, "viewer", user_id="dave")
    await api("alice").share(board_id, "editor", user_id="bob")
    path = f"boards/{board_id}/grants"
    assert await api(caller).status("GET", path) == 403
    for whom in ("dave", "nobody"):
        assert await api(caller).status("PUT", path, {"user_id": whom, "role": "viewer"}) == 403
        assert await api(caller).status("POST", f"boards/{board_id}/transfer", {"user_id": whom}) == 403
    for grant_id in (dave["id"], 10**6):
        assert await api(caller).status("DELETE", f"{path}/{grant_id}") == 403
    assert await api("root").status("GET", path) == 200


async def test_strangers_learn_nothing_from_the_routes_of_sharing(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    grant = await api("alice").share(board_id, "viewer", user_id="bob")
    for board in (board_id, studio.uuid()):
        path = f"boards/{board}"
        for whom in ("carol", "nobody"):
            assert await api("dave").status("PUT", f"{path}/grants", {"user_id": whom, "role": "viewer"}) == 404
            assert await api("dave").status("POST", f"{path}/transfer", {"user_id": whom}) == 404
        assert await api("dave").status("GET", f"{path}/grants") == 404
        assert await api("dave").status("DELETE", f"{path}/grants/{grant['id']}") == 404
        assert await api("dave").status("DELETE", f"{path}/grants/mine") == 404


async def test_a_grant_taken_back_ends_what_it_gave_with_the_next_request(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    grant = await api("alice").share(board_id, "editor", user_id="bob")
    assert await api("bob").status("GET", f"boards/{board_id}") == 200
    assert await api("alice").status("DELETE", f"boards/{board_id}/grants/{grant['id']}") == 204
    assert await api("bob").status("GET", f"boards/{board_id}") == 404
    assert await api("alice").status("DELETE", f"boards/{board_id}/grants/{grant['id']}") == 404


@pytest.mark.parametrize("grant_id", ["0", "x", "-1", "9" * 30, "%D9%A3", "1.5"])
async def test_what_is_no_grant_is_not_found(api: BoardClient, studio: Studio, grant_id: str) -> None:
    assert await api("alice").status("DELETE", f"boards/{studio.board()}/grants/{grant_id}") == 404


async def test_a_grant_is_found_on_its_own_board_only(api: BoardClient, studio: Studio) -> None:
    board_id, other = studio.board(), studio.board("bob")
    grant = await api("alice").share(board_id, "viewer", user_id="carol")
    assert await api("bob").status("DELETE", f"boards/{other}/grants/{grant['id']}") == 404
    assert await api("carol").status("GET", f"boards/{board_id}") == 200


async def test_the_receiver_may_leave_by_either_way(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    grant = await api("alice").share(board_id, "viewer", user_id="bob")
    assert await api("bob").status("DELETE", f"boards/{board_id}/grants/{grant['id']}") == 204
    assert await api("bob").status("GET", f"boards/{board_id}") == 404
    await api("alice").share(board_id, "viewer", user_id="bob")
    assert await api("bob").status("DELETE", f"boards/{board_id}/grants/mine") == 204
    assert await api("bob").status("DELETE", f"boards/{board_id}/grants/mine") == 404


async def test_nobody_leaves_for_their_group(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    grant = await api("root").share(board_id, "viewer", group="Lab")
    assert await api("bob").status("DELETE", f"boards/{board_id}/grants/mine") == 404
    assert await api("bob").status("DELETE", f"boards/{board_id}/grants/{grant['id']}") == 403
    assert await api("carol").status("GET", f"boards/{board_id}") == 200


async def test_a_board_given_away_is_another_users_and_its_images_stay_whose_they_are(
    api: BoardClient, studio: Studio
) -> None:
    board_id = studio.board()
    image = studio.image(board_id=board_id)
    await api("alice").share(board_id, "viewer", user_id="bob")
    await api("alice").share(board_id, "contributor", user_id="carol")
    answer = await api("alice").ask("POST", f"boards/{board_id}/transfer", {"email": "bob@example.org"})
    assert (answer.status, answer.json()["user_id"], answer.json()["permissions"]) == (200, "bob", [])
    assert answer.json()["owner_username"] == "Bob B."
    assert await api("alice").status("GET", f"boards/{board_id}") == 404
    assert "transfer" in (await api("bob").board(board_id))["permissions"]
    assert (await api("carol").board(board_id))["permissions"] == ["view", "add"]
    grants = (await api("bob").ask("GET", f"boards/{board_id}/grants")).json()["grants"]
    assert [grant["user_id"] for grant in grants] == ["carol"]
    assert await api("alice").status("DELETE", "board_images/", {"image_name": image}) == 200
    assert studio.drift() == []


async def test_the_old_owner_keeps_a_role_if_they_ask_for_one(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    body = {"user_id": "bob", "keep_role": "editor"}
    answer = await api("alice").ask("POST", f"boards/{board_id}/transfer", body)
    assert answer.json()["permissions"] == ["view", "add", "edit", "curate"]
    assert answer.json() == await api("alice").board(board_id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "bob", "email": "bob@example.org"},
        {"user_id": "alice"},
        {"user_id": "ivy"},
        {"user_id": "system"},
        {"email": "nobody@example.org"},
        {"group": "Lab"},
        {"user_id": "bob", "keep_role": "owner"},
    ],
    ids=str,
)
async def test_a_board_is_given_to_one_active_user_who_does_not_have_it(
    api: BoardClient, studio: Studio, body: dict[str, str]
) -> None:
    board_id = studio.board()
    assert await api("alice").status("POST", f"boards/{board_id}/transfer", body) == 422
    assert (await api("alice").board(board_id))["user_id"] == "alice"


async def test_grants_go_with_the_user_or_group_they_are_for(api: BoardClient, studio: Studio) -> None:
    board_id = studio.board()
    await api("alice").share(board_id, "viewer", user_id="dave")
    await api("root").share(board_id, "viewer", group="Lab")
    studio.storage.run_write(group_store.remove, LAB)

    def remove_dave(conn) -> None:
        conn.execute(delete(group_members).where(group_members.c.user_id == "dave"))
        conn.execute(delete(users).where(users.c.id == "dave"))

    studio.storage.run_write(remove_dave)
    assert (await api("alice").ask("GET", f"boards/{board_id}/grants")).json() == {"grants": []}
