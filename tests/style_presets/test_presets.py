"""Style presets without their pictures: who sees, changes and hears of which; what is refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from invoke_host.lineage import host_lineage
from invoke_host.storage import Storage
from invoke_host.style_presets.ownership import OWNED
from invoke_host.style_presets.routes import ROUTES
from invoke_host.style_presets.schema import MAX_PROMPT
from invoke_host.style_presets.service import StylePresetService
from invoke_host.testing.app import AppMaker
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.schemas import assert_matches_schema
from tests.style_presets.conftest import NOW, ROOT, changed, made, picture, send, serve
from tests.system_prompts.conftest import audited, told

TEXTS = {"name": "x", "positive_prompt": "", "negative_prompt": ""}


async def listed(client: ApiClient, **params: Any) -> list[str]:
    """The names of the user presets that a caller sees."""
    answer = await client.get(f"{ROOT}/", params=params)
    assert answer.status == 200, answer.text
    return [each["name"] for each in answer.json() if each["type"] == "user"]


async def test_what_was_written_is_read_back(alice: ApiClient) -> None:
    preset = await made(alice, " Film ", positive_prompt=" {prompt},\n grain ", negative_prompt="")
    expected = {
        "id": preset["id"],
        "name": "Film",
        "preset_data": {"positive_prompt": " {prompt},\n grain ", "negative_prompt": ""},
        "type": "user",
        "image": None,
        "user_id": "alice",
        "owner_username": "alice",
        "is_public": False,
        "created_at": preset["created_at"],
        "updated_at": preset["created_at"],
    }
    assert preset == expected
    assert (await alice.get(f"{ROOT}/i/{preset['id']}")).json() == expected


async def test_answers_are_what_the_api_page_says(alice: ApiClient) -> None:
    preset = await made(alice, image=picture())
    asked = [
        ("GET", f"{ROOT}/", None),
        ("POST", f"{ROOT}/", TEXTS),
        ("GET", f"{ROOT}/i/{{preset_id}}", None),
        ("PATCH", f"{ROOT}/i/{{preset_id}}", {"name": "y"}),
        ("DELETE", f"{ROOT}/i/{{preset_id}}/image", None),
        ("DELETE", f"{ROOT}/i/{{preset_id}}", None),
    ]
    routes = {(route.method, route.path): route for route in ROUTES}
    for method, path, data in asked:
        real = path.format(preset_id=preset["id"])
        answer = await (alice.request(method, real) if data is None else send(alice, method, real, data))
        assert_matches_schema(routes[method, path], 200, answer.json())


async def test_each_field_is_changed_by_itself(alice: ApiClient, clock: FakeClock) -> None:
    before = await made(alice, image=picture())
    for change in ({"name": "Other"}, {"is_public": True}, {}, {"name": None}, {"type": "user"}):
        clock.advance(1)
        answer = await changed(alice, before, change)
        after = answer.json()
        assert (answer.status, after) == (
            200,
            {**before, **{key: value for key, value in change.items() if value}, "updated_at": after["updated_at"]},
        )
        assert after["updated_at"] > before["updated_at"]
        before = after
    after = (await changed(alice, before, {"positive_prompt": "new"})).json()
    assert after["preset_data"] == {"positive_prompt": "new", "negative_prompt": "ugly"}
    after = (await changed(alice, before, {"negative_prompt": ""})).json()
    assert after["preset_data"] == {"positive_prompt": "new", "negative_prompt": ""}
    assert (await changed(alice, before)).json()["name"] == "Other", "a form with nothing in it"


async def test_the_second_delete_finds_nothing(alice: ApiClient) -> None:
    preset = await made(alice)
    assert (await alice.delete(f"{ROOT}/i/{preset['id']}")).status == 200
    assert (await alice.delete(f"{ROOT}/i/{preset['id']}")).status == 404
    assert (await changed(alice, preset, {"name": "x"})).status == 404


@pytest.mark.parametrize("preset_id", ["none", "a" * 4000, "%00", "x%00y", "%E2%88%95"])
async def test_what_can_be_no_id_does_not_exist(alice: ApiClient, preset_id: str) -> None:
    one = f"{ROOT}/i/{preset_id}"
    for method, path in (("GET", one), ("DELETE", one), ("GET", f"{one}/image"), ("DELETE", f"{one}/image")):
        assert (await alice.request(method, path)).status == 404
    assert (await send(alice, "PATCH", one, {"name": "x"})).status == 404


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (None, {("data",)}),
        ({}, {("data", "name"), ("data", "positive_prompt"), ("data", "negative_prompt")}),
        ({**TEXTS, "name": "a\nb", "user_id": "bob"}, {("data", "name"), ("data", "user_id")}),
        ({**TEXTS, "positive_prompt": "x" * (MAX_PROMPT + 1)}, {("data", "positive_prompt")}),
        ({**TEXTS, "name": "a\0b", "negative_prompt": "c\0d"}, {("data", "name"), ("data", "negative_prompt")}),
        ({**TEXTS, "type": "project", "is_public": "?"}, {("data", "type"), ("data", "is_public")}),
        ([], {("data",)}),
    ],
)
async def test_every_wrong_field_is_named_at_once(alice: ApiClient, data: Any, fields: set[tuple[str, ...]]) -> None:
    answer = await send(alice, "POST", f"{ROOT}/", data)
    assert answer.status == 422
    assert {tuple(problem["loc"][1:]) for problem in answer.detail} == fields
    assert await listed(alice) == []


@pytest.mark.parametrize("data", [{"name": ""}, {"id": "x"}, {"type": "default"}, {"remove_image": "perhaps"}, []])
async def test_a_change_that_is_none_changes_nothing(alice: ApiClient, data: Any) -> None:
    preset = await made(alice)
    assert (await changed(alice, preset, data)).status == 422
    assert (await alice.get(f"{ROOT}/i/{preset['id']}")).json() == preset


async def test_only_forms_are_taken(alice: ApiClient) -> None:
    for body in ({"json": TEXTS}, {"data": {"data": "{}"}}, {"data": b"x"}):
        assert (await alice.request("POST", f"{ROOT}/", **body)).status == 415
    preset = await made(alice)
    assert (await alice.patch(f"{ROOT}/i/{preset['id']}", {"name": "x"})).status == 415


async def test_names_are_sorted_without_case(alice: ApiClient) -> None:
    for name in ("Zebra", "apple", "ÄPFEL", "mango", "Apple"):
        await made(alice, name)
    names = [each["name"].casefold() for each in (await alice.get(f"{ROOT}/")).json()]
    assert names == sorted(names)


async def test_parts_of_the_list_make_the_whole(alice: ApiClient) -> None:
    for number in range(4):
        await made(alice, f"a{number}")
    whole = [each["id"] for each in (await alice.get(f"{ROOT}/")).json()]
    parts = []
    for offset in range(0, 15, 5):
        page = (await alice.get(f"{ROOT}/", params={"limit": 5, "offset": offset})).json()
        parts += [each["id"] for each in page]
    assert parts == whole
    assert len(whole) == 12
    assert (await alice.get(f"{ROOT}/", params={"limit": 1001})).status == 422


async def test_who_may_do_what_with_whose(api: ApiClient, alice: ApiClient) -> None:
    """The matrix: see, see the picture, change, publish, replace the picture, remove it, delete."""
    all_ = (200,) * 7
    expected = {
        ("alice", False): all_,
        ("alice", True): all_,
        ("bob", False): (404,) * 7,
        ("bob", True): (200, 200, *(403,) * 5),
        ("admin", False): all_,
        ("admin", True): all_,
        (None, False): (401,) * 7,
        (None, True): (401,) * 7,
    }
    found = {}
    for caller, public in expected:
        preset, client = await made(alice, "Hers", picture(), is_public=public), api.as_caller(caller)
        one = f"{ROOT}/i/{preset['id']}"
        answers = [
            await client.get(one),
            await client.get(f"{one}/image"),
            await changed(client, preset, {"name": "Changed"}),
            await changed(client, preset, {"is_public": public}),
            await changed(client, preset, image=picture()),
            await client.delete(f"{one}/image"),
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


async def test_default_ones_are_made_by_administrators_for_everybody_and_are_the_hosts(
    alice: ApiClient, admin: ApiClient
) -> None:
    answer = await send(alice, "POST", f"{ROOT}/", {**TEXTS, "type": "default"})
    assert answer.status == 403
    preset = await made(admin, "House style", type="default")
    assert (preset["user_id"], preset["owner_username"], preset["is_public"]) == ("system", "System", True)
    assert (await alice.get(f"{ROOT}/i/{preset['id']}")).status == 200
    assert (await changed(alice, preset, {"name": "x"})).status == 403
    assert (await alice.delete(f"{ROOT}/i/{preset['id']}")).status == 403
    for change, field in (({"is_public": False}, "is_public"), ({"type": "user"}, "type")):
        answer = await changed(admin, preset, change)
        assert (answer.status, answer.detail[0]["loc"]) == (422, ["body", "data", field])
    assert (await changed(admin, preset, {"name": "House", "is_public": True})).status == 200
    assert (await admin.delete(f"{ROOT}/i/{preset['id']}")).status == 200


async def test_those_that_come_with_the_host_are_there_for_everybody(alice: ApiClient, admin: ApiClient) -> None:
    file = host_lineage().script_location / "data" / "0003_defaults.toml"
    written = {
        each["id"]: (each["name"], each["positive_prompt"], each["negative_prompt"])
        for each in tomllib.loads(file.read_text())["style_presets"]
    }
    found = {each["id"]: (each["name"], *each["preset_data"].values()) for each in (await alice.get(f"{ROOT}/")).json()}
    assert found == written
    assert all("{prompt}" in positive for _, positive, _ in found.values())
    gone = next(iter(found))
    assert (await alice.delete(f"{ROOT}/i/{gone}")).status == 403
    assert (await admin.delete(f"{ROOT}/i/{gone}")).status == 200


async def test_each_change_is_told_to_those_who_may_see_it(each_storage: Storage, alice: ApiClient) -> None:
    preset = await made(alice)
    kind, name = "style_presets_changed", preset["id"]
    for change in ({"name": "New"}, {"is_public": True}, {"is_public": False}):
        await changed(alice, preset, change)
    await alice.delete(f"{ROOT}/i/{name}")
    assert told(each_storage) == [
        (kind, {"added": [name]}, "alice", None),
        (kind, {"updated": [name]}, "alice", None),
        (kind, {"updated": [name]}, None, None),
        (kind, {"updated": [name]}, "alice", None),
        ("style_presets_gone", {"ids": [name]}, None, "alice"),
        (kind, {"deleted": [name]}, "alice", None),
    ]


async def test_administrators_acts_on_what_is_not_theirs_are_logged(
    each_storage: Storage, alice: ApiClient, admin: ApiClient
) -> None:
    for preset in (await made(admin, "own"), await made(alice, "hers")):
        await changed(admin, preset, {"name": "Changed"})
        await admin.delete(f"{ROOT}/i/{preset['id']}")
    assert audited(each_storage) == [
        ("style_preset.change", "admin", "hers"),
        ("style_preset.delete", "admin", "Changed"),
    ]


async def test_in_single_user_mode_everything_is_there_and_what_is_new_is_private(
    make_app: AppMaker, each_storage: Storage, service: StylePresetService, clock: FakeClock, alice: ApiClient
) -> None:
    await made(alice, "from before", picture())
    local = await serve(make_app, each_storage, service, clock, single_user=True)
    preset = await made(local, "new", picture())
    assert (preset["user_id"], preset["is_public"]) == ("system", False)
    assert await listed(local) == ["from before", "new"]
    assert (await local.get(f"/{preset['image']}")).status == 200
    assert (await made(local, "default", type="default"))["is_public"]
    assert (await local.get(f"{ROOT}/export")).status == 200


async def test_all_of_it_changes_hands_with_its_pictures(
    each_storage: Storage, alice: ApiClient, bob: ApiClient
) -> None:
    private, public = await made(alice, "private", picture()), await made(alice, "public", is_public=True)
    before = len(told(each_storage))
    assert each_storage.run_read(OWNED.count, "alice") == 2
    assert each_storage.run_write(OWNED.stop, "alice", now=NOW) == 0
    assert each_storage.run_write(OWNED.transfer, "alice", "bob", now=NOW) == 2
    assert each_storage.run_read(OWNED.count, "alice") == 0
    found = {each["id"]: (each["user_id"], each["is_public"]) for each in (await bob.get(f"{ROOT}/")).json()}
    assert (found[private["id"]], found[public["id"]]) == (("bob", False), ("bob", True))
    assert (await bob.get(f"/{private['image']}")).status == 200
    assert (await alice.get(f"/{private['image']}")).status == 404
    assert told(each_storage)[before:] == [("resync", {}, "alice", None), ("resync", {}, "bob", None)]


async def test_default_ones_stay_with_the_host_when_single_user_content_is_handed_over(
    each_storage: Storage, alice: ApiClient, admin: ApiClient
) -> None:
    await made(admin, "House style", type="default")
    assert each_storage.run_read(OWNED.count, "system") == 0
    assert each_storage.run_write(OWNED.transfer, "system", "alice", now=NOW) == 0
    assert {each["user_id"] for each in (await alice.get(f"{ROOT}/")).json()} == {"system"}
