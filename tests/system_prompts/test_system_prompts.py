"""System prompts: who sees, changes and hears of which; what is refused, and with what words."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from sqlalchemy import insert

from invoke_host.identity.tables import users
from invoke_host.lineage import host_lineage
from invoke_host.storage import Storage
from invoke_host.system_prompts.ownership import OWNED
from invoke_host.system_prompts.routes import ROUTES
from invoke_host.system_prompts.schema import MAX_CONTENT
from invoke_host.system_prompts.tables import SHIPPED
from invoke_host.testing.app import AppMaker
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.schemas import assert_matches_schema
from tests.system_prompts.conftest import NOW, ROOT, audited, made, serve, told


async def listed(client: ApiClient, **params: Any) -> list[str]:
    """The names that a caller sees, without those that come with the host."""
    answer = await client.get(f"{ROOT}/", params=params)
    assert answer.status == 200, answer.text
    return [each["name"] for each in answer.json() if each["id"] not in SHIPPED]


async def test_what_was_written_is_read_back(alice: ApiClient) -> None:
    content = "  Two lines\n\tand a blank at the end \n"
    made_ = (await alice.post(f"{ROOT}/", {"name": " Poster ", "content": content})).json()
    expected = {
        "id": made_["id"],
        "name": "Poster",
        "content": content,
        "user_id": "alice",
        "owner_username": "alice",
        "is_public": False,
        "created_at": made_["created_at"],
        "updated_at": made_["created_at"],
    }
    assert made_ == expected
    assert (await alice.get(f"{ROOT}/i/{made_['id']}")).json() == expected


async def test_answers_are_what_the_api_page_says(alice: ApiClient) -> None:
    path = f"{ROOT}/i/{await made(alice)}"
    for route in sorted(ROUTES, key=lambda route: route.method == "DELETE"):
        body = {"name": "x", "content": "x"} if route.body is not None else None
        answer = await alice.request(route.method, path if "{" in route.path else route.path, json=body)
        assert_matches_schema(route, 200, answer.json())


async def test_each_field_is_changed_by_itself(alice: ApiClient, clock: FakeClock) -> None:
    prompt = await made(alice)
    before = (await alice.get(f"{ROOT}/i/{prompt}")).json()
    for change in ({"name": "Other"}, {"content": "New."}, {"is_public": True}, {}, {"name": None}):
        clock.advance(1)
        answer = await alice.patch(f"{ROOT}/i/{prompt}", change)
        after = answer.json()
        assert (answer.status, after) == (
            200,
            {**before, **{key: value for key, value in change.items() if value}, "updated_at": after["updated_at"]},
        )
        assert after["updated_at"] > before["updated_at"]
        before = after


async def test_the_second_delete_finds_nothing(alice: ApiClient) -> None:
    prompt = await made(alice)
    assert (await alice.delete(f"{ROOT}/i/{prompt}")).status == 200
    for answer in (await alice.delete(f"{ROOT}/i/{prompt}"), await alice.get(f"{ROOT}/i/{prompt}")):
        assert answer.status == 404
    assert await listed(alice) == []


@pytest.mark.parametrize("prompt_id", ["none", "a" * 4000, "%00", "x%00y", "%E2%88%95", "1"])
async def test_what_can_be_no_id_does_not_exist(alice: ApiClient, prompt_id: str) -> None:
    for method in ("GET", "DELETE"):
        assert (await alice.request(method, f"{ROOT}/i/{prompt_id}")).status == 404
    assert (await alice.patch(f"{ROOT}/i/{prompt_id}", {"name": "x"})).status == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "content"}),
        ({"name": " ", "content": " \n\t"}, {"name", "content"}),
        ({"name": "a\nb", "content": "x" * (MAX_CONTENT + 1)}, {"name", "content"}),
        ({"name": "x" * 161, "content": "a\0b"}, {"name", "content"}),
        ({"name": "x", "content": "x", "user_id": "bob"}, {"user_id"}),
        ({"name": 5, "content": ["x"], "is_public": "perhaps"}, {"name", "content", "is_public"}),
    ],
)
async def test_every_wrong_field_is_named_at_once(alice: ApiClient, body: dict[str, Any], fields: set[str]) -> None:
    answer = await alice.post(f"{ROOT}/", body)
    assert answer.status == 422
    assert {problem["loc"][1] for problem in answer.detail} == fields
    assert await listed(alice) == []


@pytest.mark.parametrize("body", [{"name": ""}, {"content": ""}, {"id": "x"}, {"visibility": "public"}, [], None])
async def test_a_change_that_is_none_changes_nothing(alice: ApiClient, body: Any) -> None:
    prompt = await made(alice)
    assert (await alice.patch(f"{ROOT}/i/{prompt}", body)).status == 422
    assert (await alice.get(f"{ROOT}/i/{prompt}")).json()["name"] == "Mine"


async def test_names_are_sorted_without_case_and_may_be_the_same(alice: ApiClient) -> None:
    for name in ("Zebra", "apple", "zebra", "Apple", "Mango", "ÄPFEL", "äpfel 2"):
        await made(alice, name)
    names = await listed(alice)
    assert [name.casefold() for name in names] == sorted(name.casefold() for name in names)
    assert sorted(names) == sorted(["Zebra", "apple", "zebra", "Apple", "Mango", "ÄPFEL", "äpfel 2"])


async def test_the_longest_names_fit_even_when_folding_makes_them_longer(alice: ApiClient) -> None:
    for letter in ("ΐ", "ß", "\U0001d160", "ﬃ", "İ"):
        prompt = await made(alice, letter * 160)
        assert (await alice.get(f"{ROOT}/i/{prompt}")).json()["name"] == letter * 160


async def test_parts_of_the_list_make_the_whole(alice: ApiClient, bob: ApiClient) -> None:
    for number in range(5):
        await made(alice, f"a{number}")
        await made(bob, f"b{number}", is_public=number % 2 == 0)
    whole = [each["id"] for each in (await alice.get(f"{ROOT}/")).json()]
    parts = []
    for offset in range(0, 20, 3):
        page = (await alice.get(f"{ROOT}/", params={"limit": 3, "offset": offset})).json()
        parts += [each["id"] for each in page]
    assert parts == whole
    assert len(whole) == 8 + len(SHIPPED)
    for params in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"limit": "x"}):
        assert (await alice.get(f"{ROOT}/", params=params)).status == 422


async def test_who_may_do_what_with_whose(api: ApiClient, alice: ApiClient, bob: ApiClient, admin: ApiClient) -> None:
    """The matrix: see, change, publish, delete."""
    expected = {
        ("alice", False): (200, 200, 200, 200),
        ("alice", True): (200, 200, 200, 200),
        ("bob", False): (404, 404, 404, 404),
        ("bob", True): (200, 403, 403, 403),
        ("admin", False): (200, 200, 200, 200),
        ("admin", True): (200, 200, 200, 200),
        (None, False): (401, 401, 401, 401),
        (None, True): (401, 401, 401, 401),
    }
    found = {}
    for caller, public in expected:
        prompt = await made(alice, "Hers", is_public=public)
        one, client = f"{ROOT}/i/{prompt}", api.as_caller(caller)
        answers = [
            await client.get(one),
            await client.patch(one, {"name": "Changed"}),
            await client.patch(one, {"is_public": public}),
            await client.delete(one),
        ]
        found[caller, public] = tuple(answer.status for answer in answers)
    assert found == expected


async def test_lists_show_ones_own_and_public_ones_and_to_administrators_all(
    api: ApiClient, alice: ApiClient, bob: ApiClient, admin: ApiClient
) -> None:
    await made(alice, "alice's")
    await made(alice, "alice's public", is_public=True)
    await made(bob, "bob's")
    assert await listed(alice) == ["alice's", "alice's public"]
    assert await listed(bob) == ["alice's public", "bob's"]
    assert await listed(admin) == ["alice's", "alice's public", "bob's"]
    assert (await api.get(f"{ROOT}/")).status == 401


async def test_what_is_not_visible_is_answered_as_what_does_not_exist(alice: ApiClient, bob: ApiClient) -> None:
    prompt = await made(alice)
    gone = await made(bob)
    await bob.delete(f"{ROOT}/i/{gone}")
    texts = {
        (await bob.request(method, f"{ROOT}/i/{each}", **body)).detail.replace(each, "")
        for each in (prompt, gone)
        for method, body in (("GET", {}), ("PATCH", {"json": {"name": "x"}}), ("DELETE", {}))
    }
    assert len(texts) == 1


async def test_others_read_the_first_part_of_an_address_and_administrators_all_of_it(
    each_storage: Storage, alice: ApiClient, bob: ApiClient, admin: ApiClient
) -> None:
    prompt = await made(alice, is_public=True)
    names = [(await each.get(f"{ROOT}/i/{prompt}")).json()["owner_username"] for each in (alice, bob, admin)]
    assert names == ["alice", "alice", "alice@example.org"]
    each_storage.run_write(lambda conn: conn.execute(users.update().values(display_name="Alice A.")).rowcount)
    names = [(await each.get(f"{ROOT}/i/{prompt}")).json()["owner_username"] for each in (alice, bob, admin)]
    assert names == ["Alice A."] * 3


async def test_each_change_is_told_to_those_who_may_see_it(
    each_storage: Storage, alice: ApiClient, bob: ApiClient
) -> None:
    prompt = await made(alice)
    one, kind = f"{ROOT}/i/{prompt}", "system_prompts_changed"
    await alice.patch(one, {"name": "New"})
    await alice.patch(one, {"is_public": True})
    await alice.patch(one, {"is_public": False})
    await alice.delete(one)
    assert told(each_storage) == [
        (kind, {"added": [prompt]}, "alice", None),
        (kind, {"updated": [prompt]}, "alice", None),
        (kind, {"updated": [prompt]}, None, None),
        (kind, {"updated": [prompt]}, "alice", None),
        ("system_prompts_gone", {"ids": [prompt]}, None, "alice"),
        (kind, {"deleted": [prompt]}, "alice", None),
    ]


async def test_what_fails_is_neither_told_nor_logged(each_storage: Storage, alice: ApiClient, bob: ApiClient) -> None:
    prompt = await made(alice, is_public=True)
    before = told(each_storage)
    for answer in (await bob.patch(f"{ROOT}/i/{prompt}", {"name": "x"}), await bob.delete(f"{ROOT}/i/{prompt}")):
        assert answer.status == 403
    assert told(each_storage) == before
    assert audited(each_storage) == []


async def test_administrators_acts_on_what_is_not_theirs_are_logged(
    each_storage: Storage, alice: ApiClient, admin: ApiClient
) -> None:
    own, hers = await made(admin, "own"), await made(alice, "hers")
    for prompt in (own, hers):
        await admin.patch(f"{ROOT}/i/{prompt}", {"content": "Changed."})
        await admin.delete(f"{ROOT}/i/{prompt}")
    assert audited(each_storage) == [
        ("system_prompt.change", "admin", "hers"),
        ("system_prompt.delete", "admin", "hers"),
    ]


async def test_in_single_user_mode_what_is_new_is_private_and_everything_is_there(
    make_app: AppMaker, each_storage: Storage, clock: FakeClock, api: ApiClient, alice: ApiClient
) -> None:
    await made(alice, "from before")
    local = await serve(make_app, each_storage, clock, single_user=True)
    prompt = await made(local, "new")
    found = (await local.get(f"{ROOT}/i/{prompt}")).json()
    assert (found["user_id"], found["owner_username"], found["is_public"]) == ("system", "System", False)
    assert (await local.get(f"{ROOT}/i/{await made(local, 'shown', is_public=True)}")).json()["is_public"]
    assert await listed(local) == ["from before", "new", "shown"]
    assert (await local.patch(f"{ROOT}/i/{SHIPPED[0]}", {"name": "First"})).json()["name"] == "First"
    assert (await local.delete(f"{ROOT}/i/{SHIPPED[1]}")).status == 200


async def test_those_that_come_with_the_host_are_everybodys_to_read_and_administrators_to_change(
    alice: ApiClient, admin: ApiClient
) -> None:
    file = host_lineage().script_location / "data" / "0003_defaults.toml"
    texts = {each["id"]: (each["name"], each["content"]) for each in tomllib.loads(file.read_text())["system_prompts"]}
    found = {each["id"]: (each["name"], each["content"]) for each in (await alice.get(f"{ROOT}/")).json()}
    assert found == texts
    assert set(found) == set(SHIPPED)
    one = f"{ROOT}/i/{SHIPPED[0]}"
    assert (await alice.patch(one, {"name": "x"})).status == 403
    assert (await alice.delete(one)).status == 403
    assert (await admin.patch(one, {"name": "Ours"})).json()["owner_username"] == "System"
    assert (await admin.delete(one)).status == 200


async def test_all_of_it_changes_hands_and_stays_as_public_as_it_was(
    each_storage: Storage, alice: ApiClient, bob: ApiClient
) -> None:
    private, public = await made(alice, "private"), await made(alice, "public", is_public=True)
    await made(bob, "his")
    before = len(told(each_storage))
    assert each_storage.run_read(OWNED.count, "alice") == 2
    assert each_storage.run_write(OWNED.stop, "alice", now=NOW) == 0
    assert each_storage.run_write(OWNED.transfer, "alice", "bob", now=NOW) == 2
    assert each_storage.run_read(OWNED.count, "alice") == 0
    found = {each["id"]: (each["user_id"], each["is_public"]) for each in (await bob.get(f"{ROOT}/")).json()}
    assert (found[private], found[public]) == (("bob", False), ("bob", True))
    assert await listed(alice) == ["public"]
    assert told(each_storage)[before:] == [("resync", {}, "alice", None), ("resync", {}, "bob", None)]


async def test_what_comes_with_the_host_stays_with_it_when_single_user_content_is_handed_over(
    each_storage: Storage, alice: ApiClient
) -> None:
    row = {"id": "x", "user_id": "system", "visibility": "public", "name": "local", "name_key": "local"}
    each_storage.run_write(_insert, {**row, "content": "x", "created_at": NOW, "updated_at": NOW})
    assert each_storage.run_read(OWNED.count, "system") == 1
    assert each_storage.run_write(OWNED.transfer, "system", "alice", now=NOW) == 1
    found = {each["id"]: each["user_id"] for each in (await alice.get(f"{ROOT}/")).json()}
    assert found == {"x": "alice", **dict.fromkeys(SHIPPED, "system")}


async def test_what_goes_with_its_user_is_told_to_those_who_saw_it(
    each_storage: Storage, alice: ApiClient, bob: ApiClient
) -> None:
    private, public = await made(alice, "private"), await made(alice, "public", is_public=True)
    await made(bob, "his")
    before = len(told(each_storage))
    assert each_storage.run_write(OWNED.purge, "alice", now=NOW) == 2
    assert await listed(bob) == ["his"]
    assert sorted(told(each_storage)[before:], key=str) == sorted(
        [
            ("system_prompts_changed", {"deleted": [private]}, "alice", None),
            ("system_prompts_changed", {"deleted": [public]}, None, None),
        ],
        key=str,
    )


def _insert(conn: Any, row: dict[str, Any]) -> int:
    from invoke_host.system_prompts.tables import system_prompts

    count: int = conn.execute(insert(system_prompts).values(**row)).rowcount
    return count
