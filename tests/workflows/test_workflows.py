"""Workflows: private until published, changed by their owners, and told of to those who may see them."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select, update

from invoke_host.audit.tables import audit_log
from invoke_host.storage import Storage
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.schemas import assert_matches_schema
from invoke_host.workflows.routes import ROUTES
from invoke_host.workflows.tables import workflow_opens, workflow_tags, workflows
from tests.workflows.conftest import ROOT, dumped, made, names, published, sent, told, workflow


async def test_a_new_workflow_is_private_and_a_record_as_declared(alice: ApiClient) -> None:
    answer = await alice.post(f"{ROOT}/", {"workflow": workflow()})
    record = answer.json()
    [route] = [route for route in ROUTES if (route.method, route.path) == ("POST", f"{ROOT}/")]
    assert_matches_schema(route, 200, record)
    facts = ("name", "user_id", "owner_username", "is_public", "opened_at", "thumbnail_url")
    assert [record[each] for each in facts] == ["Portrait", "alice", "alice", False, None, None]
    assert (await alice.get(f"{ROOT}/i/{record['workflow_id']}")).json() == record


async def test_what_is_made_alone_is_private_too_for_users_may_come(alone: ApiClient) -> None:
    record = (await alone.post(f"{ROOT}/", {"workflow": workflow()})).json()
    assert (record["is_public"], record["user_id"]) == (False, "system")
    item = (await alone.get(f"{ROOT}/")).json()["items"][0]
    assert item["tags"] == ""


async def test_others_see_it_only_while_it_is_published(alice: ApiClient, bob: ApiClient, admin: ApiClient) -> None:
    workflow_id = await made(alice)
    unknown = await bob.get(f"{ROOT}/i/none-such")
    for method, path, body in CALLS:
        answer = await bob.request(method, f"{ROOT}/i/{workflow_id}{path}", json=body)
        assert answer.status == (422 if path == "/is_public" and body == {} else 404), (method, path)
        assert answer.detail == unknown.detail.replace("none-such", workflow_id)
    assert (await admin.get(f"{ROOT}/i/{workflow_id}")).json()["owner_username"] == "alice@example.org"

    await published(alice, workflow_id)
    assert (await bob.get(f"{ROOT}/i/{workflow_id}")).json()["owner_username"] == "alice"
    for method, path, body in CALLS:
        answer = await bob.request(method, f"{ROOT}/i/{workflow_id}{path}", json=body)
        expected = {"GET": 404 if path else 200, "PUT": 200}.get(method, 403)  # no thumbnail is there
        assert answer.status == expected, (method, path)

    await published(alice, workflow_id, is_public=False)
    assert (await bob.get(f"{ROOT}/i/{workflow_id}")).status == 404


CALLS = [
    ("GET", "", None),
    ("PATCH", "", {"workflow": workflow()}),
    ("DELETE", "", None),
    ("PATCH", "/is_public", {"is_public": True}),
    ("PUT", "/opened_at", None),
    ("GET", "/thumbnail", None),
    ("DELETE", "/thumbnail", None),
]


async def test_nobody_gets_in_without_a_login(api: ApiClient) -> None:
    for route in ROUTES:
        answer = await api.request(route.method, route.path.replace("{workflow_id}", "x"))
        assert answer.status == 401, route.path


async def test_the_path_says_which_workflow_is_changed(alice: ApiClient) -> None:
    first, second = await made(alice, "First"), await made(alice, "Second")
    refused = await sent(alice, dumped(workflow("Changed", id=second)), first)
    assert (refused.status, refused.detail[0]["loc"]) == (422, ["body", "workflow", "id"])
    for text in (workflow("Changed", id=first), workflow("Changed"), workflow("Changed", id=None)):
        assert (await sent(alice, dumped(text), first)).json()["name"] == "Changed"
    assert (await alice.get(f"{ROOT}/i/{second}")).json()["name"] == "Second"
    assert (await sent(alice, dumped(workflow(id="x" * 36)), "none-such")).status == 422
    assert (await sent(alice, dumped(workflow()), "none-such")).status == 404


async def test_a_deleted_workflow_is_gone_with_its_tags_and_notes(alice: ApiClient, each_storage: Storage) -> None:
    workflow_id = await made(alice, tags="one, two")
    await alice.put(f"{ROOT}/i/{workflow_id}/opened_at")
    answer = await alice.delete(f"{ROOT}/i/{workflow_id}")
    assert (answer.status, answer.json()) == (200, None)
    assert (await alice.delete(f"{ROOT}/i/{workflow_id}")).status == 404

    def left(conn: Connection) -> int:
        return sum(len(conn.execute(select(table)).all()) for table in (workflows, workflow_tags, workflow_opens))

    assert each_storage.run_read(left) == 0


async def test_publishing_adds_the_tag_shared_and_leaves_the_text_alone(alice: ApiClient) -> None:
    workflow_id = await made(alice, tags="one,, two ,one")

    async def tags() -> str:
        [item] = (await alice.get(f"{ROOT}/")).json()["items"]
        found: str = item["tags"]
        return found

    assert await tags() == "one, two"
    assert (await published(alice, workflow_id)).json()["workflow"]["tags"] == "one,, two ,one"
    assert await tags() == "one, two, shared"
    await sent(alice, dumped(workflow(tags="three")), workflow_id)
    assert await tags() == "three, shared"
    await published(alice, workflow_id)
    assert await tags() == "three, shared"
    await published(alice, workflow_id, is_public=False)
    assert await tags() == "three"
    await sent(alice, dumped(workflow(tags="four, shared")), workflow_id)
    assert await tags() == "four"  # what is private is never among the shared ones


async def test_everybody_notes_for_themselves_what_they_opened(
    alice: ApiClient, bob: ApiClient, clock: FakeClock
) -> None:
    workflow_id = await made(alice, is_public=True)
    assert (await bob.put(f"{ROOT}/i/{workflow_id}/opened_at")).status == 200
    first = (await bob.get(f"{ROOT}/i/{workflow_id}")).json()["opened_at"]
    assert first is not None
    assert (await alice.get(f"{ROOT}/i/{workflow_id}")).json()["opened_at"] is None
    clock.advance(60)
    await bob.put(f"{ROOT}/i/{workflow_id}/opened_at")
    again = (await bob.get(f"{ROOT}/i/{workflow_id}")).json()
    assert again["opened_at"] > first
    assert again["updated_at"] == (await alice.get(f"{ROOT}/i/{workflow_id}")).json()["updated_at"]


async def test_workflows_of_the_host_can_be_used_and_not_changed(
    alice: ApiClient, bob: ApiClient, admin: ApiClient, each_storage: Storage
) -> None:
    workflow_id = await made(admin, "Default")
    values = {"category": "default", "visibility": "public"}
    each_storage.run_write(lambda conn: conn.execute(update(workflows).values(**values)).rowcount)
    assert await names(bob) == ["Default"]
    for client in (alice, admin):
        for method, path, body in CALLS:
            answer = await client.request(method, f"{ROOT}/i/{workflow_id}{path}", json=body)
            expected = {"GET": 404 if path else 200, "PUT": 200}.get(method, 403)
            assert answer.status == expected, (method, path)


async def test_events_go_to_those_who_may_see_the_workflow(alice: ApiClient, each_storage: Storage) -> None:
    workflow_id = await made(alice)
    ids = [workflow_id]
    await published(alice, workflow_id)
    await published(alice, workflow_id, is_public=False)
    await sent(alice, dumped(workflow()), workflow_id)
    await alice.delete(f"{ROOT}/i/{workflow_id}")
    assert told(each_storage) == [
        ("workflows_changed", {"added": ids}, "alice", None),
        ("workflows_changed", {"updated": ids}, None, None),
        ("workflows_changed", {"updated": ids}, "alice", None),
        ("workflows_gone", {"ids": ids}, None, "alice"),
        ("workflows_changed", {"updated": ids}, "alice", None),
        ("workflows_changed", {"deleted": ids}, "alice", None),
    ]


async def test_what_an_administrator_does_to_others_workflows_is_in_the_audit_log(
    alice: ApiClient, admin: ApiClient, each_storage: Storage
) -> None:
    own, foreign = await made(admin), await made(alice, "Hers")
    for workflow_id in (own, foreign):
        await sent(admin, dumped(workflow("New")), workflow_id)
        await published(admin, workflow_id)
        await admin.delete(f"{ROOT}/i/{workflow_id}")
    rows = each_storage.run_read(
        lambda conn: conn.execute(select(audit_log.c.action, audit_log.c.target_id, audit_log.c.target_name)).all()
    )
    assert [tuple(row) for row in rows] == [
        ("workflow.change", foreign, "Hers"),
        ("workflow.publish", foreign, "New"),
        ("workflow.delete", foreign, "New"),
    ]


@pytest.mark.parametrize("body", [{}, {"is_public": "maybe"}, {"is_public": True, "tags": ""}, []])
async def test_publishing_takes_a_yes_or_a_no(alice: ApiClient, body: object) -> None:
    workflow_id = await made(alice)
    assert (await alice.patch(f"{ROOT}/i/{workflow_id}/is_public", body)).status == 422
