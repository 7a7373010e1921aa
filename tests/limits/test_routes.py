"""Limits and usage over real HTTP: set, taken back, refused with all that is wrong, and told to whom they concern."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from invoke_host.api import Actor, UserId
from invoke_host.audit.tables import audit_log
from invoke_host.identity.tables import users
from invoke_host.limits.names import LIMITS
from invoke_host.limits.routes import LIMITS as SERVICE
from invoke_host.limits.routes import ROUTES
from invoke_host.limits.service import LimitService
from invoke_host.queue.store.bookings import Places
from invoke_host.queue.tables import queue_lanes
from invoke_host.testing.app import CALLERS, AppMaker
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.web.settings import WebSettings

from .conftest import NOW, House

API = "/api/v1/limits"
OWN = "/api/v1/me/usage"

#: Calls of each route that would do something if they were let through.
BODIES: dict[str, Any] = {"PATCH": {"each": {"max_pending": 1}}}


def people_service(house: House) -> dict[Any, Any]:
    return {SERVICE: LimitService(house.storage, house.clock, Places())}


@pytest.fixture
async def api(make_app: AppMaker, house: House) -> ApiClient:
    """The routes as the administrator calls them, on both databases."""
    admin = {"id": "admin", "email": "admin@example.org", "created_at": NOW, "updated_at": NOW}
    house.storage.run_write(lambda conn: conn.execute(insert(users), [admin]).rowcount)
    callers = CALLERS | {"ghost": Actor(UserId("ghost"), "user", "Ghost", provider="test")}
    client = await make_app(
        ROUTES, storage=house.storage, services=people_service(house), clock=house.clock, callers=callers
    )
    return client.as_caller("admin")


async def done(api: ApiClient, path: str, **body: Any) -> Any:
    answer = await api.patch(f"{API}/{path}", body)
    assert answer.status == 200, answer.text
    return answer.json()


def problems(answer: Answer) -> dict[str, str]:
    assert answer.status == 422, answer.text
    return {".".join(map(str, each["loc"])): each["msg"] for each in answer.json()["detail"]}


def line_of(house: House, user: str, pending: int, running: int) -> None:
    row = {"user_id": user, "pending": pending, "running": running}
    house.storage.run_write(lambda conn: conn.execute(insert(queue_lanes), [row]).rowcount)


# Setting --------------------------------------------------------------------------------------------------------------


async def test_what_is_set_is_told_and_all_names_there_are(api: ApiClient, house: House) -> None:
    house.group("students", "alice", "bob")
    assert await done(api, "everyone", each={"max_pending": 100}) == {"each": {"max_pending": 100}}
    await done(api, "groups/students", each={"weight": 0.5}, together={"engine_s_per_day": 3600.5})
    await done(api, "users/bob", each={"images_per_day": None, "images_per_minute": 6})
    found = (await api.get(API)).json()
    assert found["everyone"] == {"each": {"max_pending": 100}}
    assert found["groups"] == [
        {"group_id": "students", "name": "Students", "each": {"weight": 0.5}, "together": {"engine_s_per_day": 3600.5}}
    ]
    assert found["users"] == [
        {"user_id": "bob", "email": "bob@example.org", "each": {"images_per_day": None, "images_per_minute": 6}}
    ]
    assert [each["name"] for each in found["names"]] == list(LIMITS)


async def test_what_is_not_named_stays_and_what_is_named_again_is_replaced(api: ApiClient) -> None:
    await done(api, "users/bob", each={"max_pending": 5, "max_running": 2})
    assert await done(api, "users/bob") == {
        "user_id": "bob",
        "email": "bob@example.org",
        "each": {"max_pending": 5, "max_running": 2},
    }
    assert (await done(api, "users/bob", each={"max_pending": None}))["each"] == {"max_pending": None, "max_running": 2}


async def test_a_limit_that_is_taken_back_is_what_it_was_before(api: ApiClient, house: House) -> None:
    await done(api, "everyone", each={"max_pending": 5})
    await done(api, "users/bob", each={"max_pending": None, "max_running": 1})
    answer = await api.delete(f"{API}/users/bob/max_pending")
    assert (answer.status, answer.json()["each"]) == (200, {"max_running": 1})
    assert house.fit("bob", 10).count == 5
    answer = await api.delete(f"{API}/users/bob/max_pending")
    assert (answer.status, answer.detail) == (404, "max_pending (each) is not set for bob@example.org.")
    answer = await api.delete(f"{API}/everyone/max_pendin")
    assert answer.status == 404
    assert "did you mean 'max_pending'" in answer.detail


async def test_limits_together_are_taken_back_by_their_own_scope(api: ApiClient, house: House) -> None:
    house.group("students", "alice")
    await done(api, "groups/students", each={"max_pending": 1}, together={"max_pending": 9})
    answer = await api.delete(f"{API}/groups/students/max_pending", params={"scope": "together"})
    assert answer.json() == {"group_id": "students", "name": "Students", "each": {"max_pending": 1}, "together": {}}
    assert (await api.delete(f"{API}/groups/students/max_pending", params={"scope": "all"})).status == 422


@pytest.mark.parametrize("path", ["users/nobody", "groups/nobody"])
async def test_who_does_not_exist_gets_no_limits(api: ApiClient, path: str) -> None:
    assert (await api.patch(f"{API}/{path}", {"each": {"max_pending": 1}})).status == 404
    assert (await api.delete(f"{API}/{path}/max_pending")).status == 404


async def test_everything_wrong_is_told_at_once_each_with_its_place(api: ApiClient, house: House) -> None:
    house.group("students", "alice")
    body = {
        "each": {"weight": 0, "max_pendin": 3, "images_per_day": -1, "images_per_minute": 1.5, "max_running": "two"},
        "together": {"weight": 2, "engine_s_per_day": True, "gigabytes": 1},
        "whole": {},
    }
    found = problems(await api.patch(f"{API}/groups/students", body))
    assert found == {
        "body.each.weight": "must be from 0.001 to 1000",
        "body.each.max_pendin": "there is no limit 'max_pendin'; did you mean 'max_pending'?",
        "body.each.images_per_day": "must be from 0 to 1000000000, or null for no limit",
        "body.each.images_per_minute": "must be a whole number",
        "body.each.max_running": "must be a number, or null for no limit",
        "body.together.weight": "a weight is of each member, not of a group together",
        "body.together.engine_s_per_day": "must be a number, or null for no limit",
        "body.together.gigabytes": "there is no limit 'gigabytes'; there are " + ", ".join(LIMITS),
        "body.whole": "Extra inputs are not permitted",
    }
    assert (await api.get(API)).json()["groups"] == [], "nothing of it was set"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "-0.0001", "1e10", "9" * 400, "[]", "{}"])
async def test_numbers_that_are_no_limits_are_refused(api: ApiClient, value: str) -> None:
    raw = f'{{"each": {{"engine_s_per_day": {value}}}}}'.encode()
    answer = await api.request("PATCH", f"{API}/everyone", data=raw, headers={"Content-Type": "application/json"})
    assert answer.status == 422, answer.text


@pytest.mark.parametrize("value", [0, -1, 1000.1, 0.0009, None, "1"])
async def test_weights_have_a_range_of_their_own(api: ApiClient, value: object) -> None:
    assert set(problems(await api.patch(f"{API}/everyone", {"each": {"weight": value}}))) == {"body.each.weight"}


@pytest.mark.parametrize("body", [[], "each", {"each": []}, {"each": 5}, {"each": None}])
async def test_a_body_of_another_shape_is_refused(api: ApiClient, body: object) -> None:
    assert (await api.patch(f"{API}/everyone", body)).status == 422


async def test_only_groups_have_limits_together(api: ApiClient) -> None:
    for path in ("everyone", "users/bob"):
        body = {"each": {"max_pending": -1}, "together": {"max_pending": 1}}
        assert set(problems(await api.patch(f"{API}/{path}", body))) == {"body.each.max_pending", "body.together"}


async def test_each_change_is_in_the_audit_log_with_what_was_before(api: ApiClient, house: House) -> None:
    house.group("students", "alice")
    await done(api, "everyone", each={"max_pending": 5})
    await done(api, "everyone", each={"max_pending": None})
    await done(api, "everyone", each={"max_pending": None})
    await done(api, "groups/students", together={"images_per_day": 7})
    await api.delete(f"{API}/everyone/max_pending")

    def unit(conn: Any) -> Any:
        columns = (audit_log.c.action, audit_log.c.actor_id, audit_log.c.target_type, audit_log.c.target_name)
        return [tuple(row) for row in conn.execute(select(*columns, audit_log.c.details).order_by(audit_log.c.id))]

    assert house.storage.run_read(unit) == [
        ("limits.change", "admin", kind, name, details)
        for kind, name, details in (
            ("everyone", None, '{"each.max_pending":{"before":"unset","after":5.0}}'),
            ("everyone", None, '{"each.max_pending":{"before":5.0,"after":null}}'),
            ("group", "Students", '{"together.images_per_day":{"before":"unset","after":7.0}}'),
            ("everyone", None, '{"each.max_pending":{"before":null,"after":"unset"}}'),
        )
    ], "what changed nothing is not told"


# Usage ----------------------------------------------------------------------------------------------------------------


async def test_everybody_reads_what_they_used_and_what_is_left(api: ApiClient, house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(max_pending=4)
    house.set(user="alice", images_per_day=10, max_running=None)
    house.set(group="students", weight=2.5)
    house.set(group="students", scope="together", engine_s_per_month=100, max_running=3)
    house.book("alice", 3, 4.5)
    house.book("alice", 2, 1.0, at="2025-12-31 10:00:00.000")
    house.book("bob", 1, 200.0)
    line_of(house, "alice", 2, 1)
    line_of(house, "bob", 7, 1)
    found = (await api.as_caller("alice").get(OWN)).json()
    students = {"kind": "group", "id": "students", "name": "Students"}
    nobody = {"id": None, "name": None}
    assert found["limits"] == [
        {"name": "max_pending", "scope": "each", "value": 4, "used": 2, "remaining": 2, "resets_at": None,
         "source": {"kind": "everyone", **nobody}},
        {"name": "images_per_day", "scope": "each", "value": 10, "used": 3, "remaining": 7,
         "resets_at": "2026-01-02 00:00:00.000", "source": {"kind": "user", **nobody}},
        {"name": "engine_s_per_month", "scope": "together", "value": 100, "used": 204.5, "remaining": 0,
         "resets_at": "2026-02-01 00:00:00.000", "source": students},
        {"name": "max_running", "scope": "together", "value": 3, "used": 2, "remaining": 1, "resets_at": None,
         "source": students},
    ]  # fmt: skip
    assert (found["user_id"], found["pending"], found["in_progress"]) == ("alice", 2, 1)
    assert (found["weight"], found["weight_source"]) == (2.5, students)
    assert [found[window] for window in ("minute", "day", "month")] == [{"images": 3, "engine_s": 4.5}] * 3
    assert len(found["days"]) == 30
    assert found["days"][-2:] == [
        {"date": "2025-12-31", "images": 2, "engine_s": 1.0},
        {"date": "2026-01-01", "images": 3, "engine_s": 4.5},
    ]
    assert found["days"][0] == {"date": "2025-12-03", "images": 0, "engine_s": 0.0}


async def test_who_has_used_nothing_and_has_no_limits_reads_that(api: ApiClient) -> None:
    found = (await api.as_caller("bob").get(OWN)).json()
    assert (found["limits"], found["weight"], found["weight_source"]["kind"]) == ([], 1.0, "default")
    assert (found["pending"], found["month"]) == (0, {"images": 0, "engine_s": 0.0})


async def test_nobody_reads_the_usage_of_others_but_administrators(api: ApiClient, house: House) -> None:
    house.book("bob", 3)
    alice = api.as_caller("alice")
    assert (await alice.get("/api/v1/users/bob/usage")).status == 403
    assert (await alice.get("/api/v1/users/alice/usage")).status == 403, "it is a route for administrators"
    assert (await alice.get(OWN, params={"user_id": "bob"})).json()["user_id"] == "alice"
    assert (await api.get("/api/v1/users/bob/usage")).json()["day"]["images"] == 3
    assert (await api.get("/api/v1/users/none/usage")).status == 404


@pytest.mark.parametrize("route", [route for route in ROUTES if route.path != OWN], ids=lambda each: each.summary)
async def test_all_but_ones_own_usage_is_for_administrators(api: ApiClient, route: Any) -> None:
    path = route.path.format(user_id="alice", group_id="students", name="max_pending")
    body = {"json": BODIES[route.method]} if route.method in BODIES else {}
    assert (await api.as_caller("alice").request(route.method, path, **body)).status == 403
    assert (await api.as_caller("stranger").request(route.method, path, **body)).status == 401


async def test_administrators_read_everybodys_usage_page_by_page(api: ApiClient, house: House) -> None:
    house.book("alice", 3, 4.5)
    house.book("alice", 1, 1.0, at="2026-01-01 00:00:00.000")
    house.book("bob", 9, at="2025-12-31 00:00:00.000")
    line_of(house, "bob", 7, 1)
    seen: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = (await api.get("/api/v1/usage", params={"limit": 2, "cursor": cursor})).json()
        seen += page["items"]
        cursor = page["next_cursor"]
    assert [each["email"].partition("@")[0] for each in seen] == ["admin", "alice", "bob", "carol", "system"]
    nothing = {"images": 0, "engine_s": 0.0}
    four = {"images": 4, "engine_s": 5.5}
    assert [(each["day"], each["month"]) for each in seen[1:3]] == [(four, four), (nothing, nothing)]
    assert (seen[2]["pending"], seen[2]["in_progress"]) == (7, 1)
    found = (await api.get("/api/v1/usage", params={"search": "ALI"})).json()["items"]
    assert [each["user_id"] for each in found] == ["alice"]
    assert (await api.get("/api/v1/usage", params={"search": "%"})).json()["items"] == []
    assert (await api.get("/api/v1/usage", params={"cursor": "!"})).status == 422


async def test_a_display_name_is_found_in_any_case(api: ApiClient, house: House) -> None:
    def name(conn: Any) -> int:
        return int(conn.execute(update(users).where(users.c.id == "bob").values(display_name="Robert Q.")).rowcount)

    house.storage.run_write(name)
    found = (await api.get("/api/v1/usage", params={"search": "robert"})).json()["items"]
    assert [each["display_name"] for each in found] == ["Robert Q."]


async def test_in_single_user_mode_the_local_user_has_limits_and_usage_too(make_app: AppMaker, house: House) -> None:
    settings = WebSettings(single_user=True)
    client = await make_app(
        ROUTES, storage=house.storage, services=people_service(house), clock=house.clock, config=settings
    )
    assert (await client.patch(f"{API}/everyone", {"each": {"images_per_day": 2}})).status == 200
    house.book("system", 2)
    found = (await client.get(OWN)).json()
    assert (found["user_id"], found["limits"][0]["remaining"]) == ("system", 0)
    assert house.fit("system").refusal is not None
    assert (await client.get("/api/v1/usage")).status == 200
