"""Groups over real HTTP: names that differ by more than case, members, paging, and a line in the audit log for each."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from invoke_host.audit.tables import audit_log
from invoke_host.identity.groups import store
from invoke_host.identity.groups.routes import GROUPS, ROUTES
from invoke_host.identity.groups.service import GroupService
from invoke_host.identity.tables import users
from invoke_host.storage import Storage
from invoke_host.testing.app import AppMaker
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock

NOW = "2026-11-23 06:00:00.000"
PEOPLE = ("alice", "bob", "carol", "admin")


@pytest.fixture
async def api(make_app: AppMaker, each_storage: Storage, clock: FakeClock) -> ApiClient:
    """The routes as the administrator calls them, on both databases."""
    rows = [{"id": name, "email": f"{name}@example.org", "created_at": NOW, "updated_at": NOW} for name in PEOPLE]
    each_storage.run_write(lambda conn: conn.execute(insert(users), rows).rowcount)
    service = GroupService(each_storage, clock)
    client = await make_app(ROUTES, storage=each_storage, services={GROUPS: service}, clock=clock)
    return client.as_caller("admin")


async def made(api: ApiClient, name: str, description: str = "") -> str:
    answer = await api.post("/api/v1/groups/", {"name": name, "description": description})
    assert answer.status == 201, answer.text
    group_id: str = answer.json()["group_id"]
    return group_id


async def test_a_group_is_made_changed_and_removed(api: ApiClient) -> None:
    group = await made(api, "  Studio ", "people with a desk")
    answer = await api.get(f"/api/v1/groups/{group}")
    assert (answer.json()["name"], answer.json()["member_count"]) == ("Studio", 0)
    answer = await api.patch(f"/api/v1/groups/{group}", {"name": "Workshop"})
    assert (answer.json()["name"], answer.json()["description"]) == ("Workshop", "people with a desk")
    assert (await api.delete(f"/api/v1/groups/{group}")).status == 204
    assert (await api.get(f"/api/v1/groups/{group}")).status == 404
    assert (await api.delete(f"/api/v1/groups/{group}")).status == 404
    assert (await api.patch(f"/api/v1/groups/{group}", {"name": "x"})).status == 404


async def test_names_that_differ_by_case_or_blanks_are_one_name(api: ApiClient) -> None:
    await made(api, "Art School")
    other = await made(api, "Lab")
    for name in ("art school", "ART  SCHOOL"):
        assert (await api.post("/api/v1/groups/", {"name": name})).status == 400
        assert (await api.patch(f"/api/v1/groups/{other}", {"name": name})).status == 400
    assert (await api.patch(f"/api/v1/groups/{other}", {"name": "LAB"})).status == 200, "its own name is no other's"


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "  "}, {"name": "a\nb"}, {"name": "a", "owner": "x"}])
async def test_what_is_no_group_is_refused_with_the_field(api: ApiClient, body: dict[str, str]) -> None:
    assert (await api.post("/api/v1/groups/", body)).status == 422


async def test_members_come_and_go(api: ApiClient, each_storage: Storage) -> None:
    group = await made(api, "Studio")
    for _ in range(2):
        assert (await api.put(f"/api/v1/groups/{group}/members/alice")).status == 204
    await api.put(f"/api/v1/groups/{group}/members/bob")
    members = (await api.get(f"/api/v1/groups/{group}/members")).json()["items"]
    assert [each["email"] for each in members] == ["alice@example.org", "bob@example.org"]
    assert (await api.get(f"/api/v1/groups/{group}")).json()["member_count"] == 2
    assert each_storage.run_read(store.of_user, "alice") == {group}
    assert (await api.delete(f"/api/v1/groups/{group}/members/alice")).status == 204
    assert (await api.delete(f"/api/v1/groups/{group}/members/alice")).status == 404
    assert each_storage.run_read(store.of_user, "alice") == frozenset()
    assert (await api.delete(f"/api/v1/groups/{group}")).status == 204
    assert each_storage.run_read(store.of_user, "bob") == frozenset()


async def test_the_system_account_and_people_who_do_not_exist_are_in_no_group(api: ApiClient) -> None:
    group = await made(api, "Studio")
    assert (await api.put(f"/api/v1/groups/{group}/members/system")).status == 400
    assert (await api.put(f"/api/v1/groups/{group}/members/nobody")).status == 404
    assert (await api.put("/api/v1/groups/none/members/alice")).status == 404


async def test_pages_follow_each_other_and_search_takes_parts_of_names_literally(api: ApiClient) -> None:
    for name in ("Delta", "alpha", "Bravo", "100%", "charlie"):
        await made(api, name)
    seen, cursor = [], ""
    while cursor is not None:
        page = (await api.get("/api/v1/groups/", params={"limit": 2, "cursor": cursor})).json()
        assert page["total"] == 5
        seen += [group["name"] for group in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == ["100%", "Bravo", "Delta", "alpha", "charlie"]
    assert len(seen) == 5
    found = (await api.get("/api/v1/groups/", params={"search": "%"})).json()
    assert [group["name"] for group in found["items"]] == ["100%"]
    assert (await api.get("/api/v1/groups/", params={"cursor": "!"})).status == 422


async def test_everybody_sees_their_own_groups_and_nobody_else_administers_them(api: ApiClient) -> None:
    group = await made(api, "Studio")
    await made(api, "Others")
    await api.put(f"/api/v1/groups/{group}/members/alice")
    alice = api.as_caller("alice")
    assert [each["name"] for each in (await alice.get("/api/v1/groups/mine")).json()] == ["Studio"]
    for route in ROUTES:
        if route.path.endswith("/mine"):
            continue
        path = route.path.format(group_id=group, user_id="alice")
        body = {"name": "x"} if route.body else None
        assert (await alice.request(route.method, path, json=body)).status == 403, route.path
        assert (await api.as_caller(None).request(route.method, path, json=body)).status == 401, route.path


async def test_each_change_stands_in_the_audit_log_with_who_did_it(api: ApiClient, each_storage: Storage) -> None:
    group = await made(api, "Studio")
    await api.put(f"/api/v1/groups/{group}/members/alice")
    await api.put(f"/api/v1/groups/{group}/members/alice")
    await api.patch(f"/api/v1/groups/{group}", {"name": "Workshop"})
    await api.delete(f"/api/v1/groups/{group}/members/alice")
    await api.delete(f"/api/v1/groups/{group}")
    rows = each_storage.run_read(
        lambda conn: (
            conn.execute(
                select(audit_log.c.action, audit_log.c.actor_id, audit_log.c.target_name).order_by(audit_log.c.id)
            )
            .tuples()
            .all()
        )
    )
    assert rows == [
        ("group.create", "admin", "Studio"),
        ("group.member.add", "admin", "Studio"),
        ("group.change", "admin", "Workshop"),
        ("group.member.remove", "admin", "Workshop"),
        ("group.delete", "admin", "Workshop"),
    ]
