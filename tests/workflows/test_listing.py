"""Lists of workflows: scoped like the single read, in every order, page by page, with real totals and counts."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from invoke_host.storage import Storage
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.workflows.schema import MAX_PER_PAGE
from invoke_host.workflows.tables import workflows
from tests.workflows.conftest import NOW, ROOT, dumped, made, names, published, sent, workflow


@pytest.fixture
async def library(alice: ApiClient, bob: ApiClient, clock: FakeClock) -> dict[str, str]:
    """Four of Alice's and two of Bob's, made a minute apart; ids by name."""
    ids: dict[str, str] = {}
    for client, name, values in (
        (alice, "delta", {"tags": "faces, night"}),
        (alice, "Alpha", {"is_public": True, "description": "100% wool"}),
        (alice, "charlie", {"meta": {"version": "1", "category": "project"}}),
        (alice, "Bravo", {"tags": "Faces"}),
        (bob, "echo", {"tags": "faces", "is_public": True}),
        (bob, "foxtrot", {"tags": "night"}),
    ):
        clock.advance(60)
        ids[name] = await made(client, name, **values)
    return ids


async def test_a_list_has_ones_own_and_others_public_ones_only_on_request(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, library: dict[str, str]
) -> None:
    assert await names(alice) == ["Alpha", "Bravo", "charlie", "delta"]
    assert await names(alice, is_public="true") == ["Alpha", "echo"]
    assert await names(alice, is_public="false") == ["Bravo", "charlie", "delta"]
    assert await names(bob) == ["echo", "foxtrot"]
    assert await names(admin) == ["Alpha", "Bravo", "charlie", "delta", "echo", "foxtrot"]
    assert await names(admin, is_public="false") == ["Bravo", "charlie", "delta", "foxtrot"]


async def test_workflows_of_the_host_are_in_everybodys_list(
    alice: ApiClient, bob: ApiClient, library: dict[str, str], each_storage: Storage
) -> None:
    values = {"category": "default", "visibility": "public"}
    change = update(workflows).where(workflows.c.id == library["delta"]).values(**values)
    each_storage.run_write(lambda conn: conn.execute(change).rowcount)
    assert await names(bob) == ["delta", "echo", "foxtrot"]
    assert await names(bob, categories="default") == ["delta"]
    assert await names(alice, categories="project") == ["charlie"]
    answer = await alice.get(f"{ROOT}/", params=[("categories", "project"), ("categories", "default")])
    assert [item["category"] for item in answer.json()["items"]] == ["project", "default"]


@pytest.mark.parametrize("order_by", ["name", "created_at", "updated_at", "opened_at", "is_public"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_pages_and_cursors_walk_the_same_list_in_every_order(
    alice: ApiClient, library: dict[str, str], clock: FakeClock, order_by: str, direction: str
) -> None:
    for name in ("charlie", "delta"):
        clock.advance(60)
        await alice.put(f"{ROOT}/i/{library[name]}/opened_at")
    await sent(alice, dumped(workflow("delta")), library["delta"])
    order = {"order_by": order_by, "direction": direction}
    whole = await names(alice, **order)
    expected = {
        "name": ["Alpha", "Bravo", "charlie", "delta"],
        "created_at": ["delta", "Alpha", "charlie", "Bravo"],
        "updated_at": ["Alpha", "charlie", "Bravo", "delta"],
    }.get(order_by)
    if expected is not None:
        assert whole == (expected if direction == "ASC" else expected[::-1])
    if order_by == "opened_at":
        assert (whole if direction == "ASC" else whole[::-1])[2:] == ["charlie", "delta"]
    if order_by == "is_public":
        assert whole.index("Alpha") == (3 if direction == "ASC" else 0)

    paged: list[str] = []
    by_cursor: list[str] = []
    cursor: dict[str, str] = {}
    for page in range(4):
        paged += await names(alice, **order, page=page, per_page=1)
        answer = (await alice.get(f"{ROOT}/", params={**order, "per_page": "1", **cursor})).json()
        assert (answer["total"], answer["pages"], answer["per_page"]) == (4, 4, 1)
        by_cursor += [item["name"] for item in answer["items"]]
        cursor = {"cursor": answer["next_cursor"] or ""}
    assert paged == by_cursor == whole
    assert cursor == {"cursor": ""}
    assert await names(alice, **order, page=4, per_page=1) == []


async def test_a_cursor_of_another_list_is_refused(alice: ApiClient, library: dict[str, str]) -> None:
    cursor = (await alice.get(f"{ROOT}/", params={"per_page": "1"})).json()["next_cursor"]
    for query in ({"order_by": "created_at"}, {"direction": "DESC"}):
        assert (await alice.get(f"{ROOT}/", params={**query, "cursor": cursor})).status == 422
    for wrong in ("x", "AAAA", cursor[:-4], cursor + "é", "bnVsbA", "W1sxXSwyLDMsNF0"):
        assert (await alice.get(f"{ROOT}/", params={"cursor": wrong})).status == 422


async def test_a_page_goes_on_behind_a_workflow_that_is_gone(alice: ApiClient, library: dict[str, str]) -> None:
    cursor = (await alice.get(f"{ROOT}/", params={"per_page": "2"})).json()["next_cursor"]
    await alice.delete(f"{ROOT}/i/{library['Bravo']}")
    assert await names(alice, per_page=2, cursor=cursor) == ["charlie", "delta"]


async def test_words_are_found_in_any_case_and_taken_literally(alice: ApiClient, library: dict[str, str]) -> None:
    assert await names(alice, query="ALPH") == ["Alpha"]
    assert await names(alice, query="100% WOOL") == ["Alpha"]
    assert await names(alice, query="night") == ["delta"]
    assert await names(alice, query="%") == ["Alpha"]
    assert await names(alice, query="_") == []
    assert await names(alice, query="a\\") == []


async def test_tags_are_whole_words_and_counted_where_they_are_seen(
    alice: ApiClient, bob: ApiClient, library: dict[str, str]
) -> None:
    assert await names(alice, tags="faces") == ["delta"]
    assert await names(alice, tags="face") == []
    answer = await alice.get(f"{ROOT}/", params=[("tags", "Faces"), ("tags", "night")])
    assert [item["name"] for item in answer.json()["items"]] == ["Bravo", "delta"]
    assert (await alice.get(f"{ROOT}/tags")).json() == ["Faces", "faces", "night", "shared"]
    assert (await bob.get(f"{ROOT}/tags")).json() == ["faces", "night", "shared"]
    assert (await alice.get(f"{ROOT}/tags", params={"is_public": "true"})).json() == ["faces", "shared"]
    asked = [("tags", "faces"), ("tags", "shared"), ("tags", "none"), ("tags", "faces")]
    assert (await alice.get(f"{ROOT}/counts_by_tag", params=asked)).json() == {"faces": 1, "shared": 1, "none": 0}
    public = (await alice.get(f"{ROOT}/counts_by_tag", params=[*asked, ("is_public", "true")])).json()
    assert public == {"faces": 1, "shared": 2, "none": 0}
    assert (await alice.get(f"{ROOT}/counts_by_tag")).json() == {}


async def test_categories_are_counted_where_they_are_seen(
    alice: ApiClient, admin: ApiClient, library: dict[str, str]
) -> None:
    path = f"{ROOT}/counts_by_category"
    assert (await alice.get(path)).json() == {"user": 3, "default": 0, "project": 1}
    assert (await alice.get(path, params={"categories": "user"})).json() == {"user": 3}
    assert (await alice.get(path, params={"is_public": "true"})).json() == {"user": 2, "default": 0, "project": 0}
    assert (await admin.get(path)).json() == {"user": 5, "default": 0, "project": 1}


async def test_what_was_opened_is_known_for_each_caller(
    alice: ApiClient, bob: ApiClient, library: dict[str, str]
) -> None:
    await alice.put(f"{ROOT}/i/{library['delta']}/opened_at")
    await bob.put(f"{ROOT}/i/{library['Alpha']}/opened_at")
    assert await names(alice, has_been_opened="true") == ["delta"]
    assert await names(alice, has_been_opened="false") == ["Alpha", "Bravo", "charlie"]
    assert await names(bob, has_been_opened="true", is_public="true") == ["Alpha"]
    counts = await bob.get(f"{ROOT}/counts_by_category", params={"has_been_opened": "true", "is_public": "true"})
    assert counts.json()["user"] == 1


async def test_none_can_be_called_from_others(alice: ApiClient, library: dict[str, str]) -> None:
    assert await names(alice, callable="true") == []
    assert len(await names(alice, callable="false")) == 4
    record = (await alice.get(f"{ROOT}/i/{library['delta']}")).json()
    assert record["call_saved_workflow_compatibility"]["is_callable"] is False


async def test_without_a_size_a_page_has_a_thousand_at_most(alice: ApiClient, each_storage: Storage) -> None:
    def fill(conn: Connection) -> None:
        row = {"user_id": "alice", "visibility": "private", "category": "user", "description": "", "tags": ""}
        times = {"created_at": NOW, "updated_at": NOW, "size_bytes": 2, "workflow": "{}"}
        each = [{"id": f"{number:036}", "name": "x", "name_key": "x", **row, **times} for number in range(1003)]
        conn.execute(insert(workflows), each)

    each_storage.run_write(fill)
    first = (await alice.get(f"{ROOT}/")).json()
    assert (len(first["items"]), first["total"], first["pages"]) == (MAX_PER_PAGE, 1003, 2)
    rest = (await alice.get(f"{ROOT}/", params={"cursor": first["next_cursor"]})).json()
    assert (len(rest["items"]), rest["next_cursor"]) == (3, None)
    assert {item["workflow_id"] for item in first["items"] + rest["items"]} == {f"{n:036}" for n in range(1003)}


async def test_a_list_carries_no_texts(alice: ApiClient, library: dict[str, str]) -> None:
    items = (await alice.get(f"{ROOT}/")).json()["items"]
    assert all("workflow" not in item for item in items)


@pytest.mark.parametrize(
    "query",
    [
        {"page": "-1"},
        {"per_page": "0"},
        {"per_page": "1001"},
        {"order_by": "user_id"},
        {"direction": "up"},
        {"categories": "mine"},
        {"tags": "x" * 129},
        {"query": "x" * 256},
    ],
)
async def test_what_no_list_takes_is_refused(alice: ApiClient, query: dict[str, Any]) -> None:
    assert (await alice.get(f"{ROOT}/", params=query)).status == 422


async def test_the_list_is_the_set_of_single_reads(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, library: dict[str, str]
) -> None:
    await published(bob, library["echo"], is_public=False)
    for client in (alice, bob, admin):
        listed = {item["workflow_id"] for item in (await client.get(f"{ROOT}/")).json()["items"]}
        listed |= {item["workflow_id"] for item in (await client.get(f"{ROOT}/?is_public=true")).json()["items"]}
        readable = {each for each in library.values() if (await client.get(f"{ROOT}/i/{each}")).status == 200}
        assert listed == readable
