"""Deactivated users' work: not begun, and stopped at the next step, however their row was changed."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import Connection, insert, update

from invoke_host.identity.tables import users
from invoke_host.queue.store import bulk, lease, reads
from invoke_host.queue.store.claim import claimable
from invoke_host.queue.tables import queue_lanes
from tests.machine import busy

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line
from .test_query_plans import plans
from .works import Works

pytestmark = pytest.mark.timeout(60)


def set_active(conn: Connection, active: bool, *names: str) -> None:
    conn.execute(update(users).where(users.c.id.in_(names)).values(is_active=active))


def deactivate(line: Line, *names: str) -> None:
    """As another process does it that knows nothing of the queue: no `on_commit` here."""
    with line.storage.engine.execution_options(invoke_write=True).begin() as connection:
        set_active(connection, False, *names)


def reactivate(line: Line, *names: str) -> None:
    line.storage.run_write(set_active, True, *names)


def test_what_waits_for_a_deactivated_user_is_passed_over_and_others_go_on(each_line: Line) -> None:
    hers = each_line.add(ALICE, 2).item_ids
    his = each_line.add(BOB, 2).item_ids
    deactivate(each_line, "alice")
    assert each_line.order() == his
    assert not each_line.storage.run_read(claimable)
    assert each_line.claim() is None
    reactivate(each_line, "alice")
    assert each_line.storage.run_read(claimable)
    assert each_line.order() == hers
    assert each_line.drift() == []


def test_next_names_no_item_of_a_deactivated_user(each_line: Line, access) -> None:
    each_line.add(ALICE)
    [his] = each_line.add(BOB).item_ids
    deactivate(each_line, "alice")
    upcoming = each_line.storage.run_read(reads.upcoming, access, ADMIN, "default", now=NOW)
    assert upcoming is not None
    assert upcoming["item_id"] == his
    deactivate(each_line, "bob")
    assert each_line.storage.run_read(reads.upcoming, access, ADMIN, "default", now=NOW) is None


def test_a_lease_of_a_deactivated_user_is_not_held_any_more(each_line: Line) -> None:
    each_line.add(ALICE)
    each_line.add(BOB)
    hers, his = each_line.must_claim(), each_line.must_claim()
    tokens = [hers.lease_token or "", his.lease_token or ""]
    assert each_line.storage.run_read(lease.held, tokens) == set(tokens)
    assert not each_line.storage.run_read(lease.any_forsaken)
    deactivate(each_line, "alice")
    assert each_line.storage.run_read(lease.held, tokens) == {his.lease_token}
    assert each_line.storage.run_read(lease.any_forsaken)


def test_only_what_runs_for_deactivated_users_is_canceled(each_line: Line) -> None:
    for who in (ALICE, BOB):
        each_line.add(who, 2)
    hers, his = each_line.must_claim(), each_line.must_claim()
    deactivate(each_line, "alice", "carol")
    assert each_line.storage.run_write(bulk.cancel_forsaken, now=each_line.now()) == 1
    assert (each_line.item(hers.id).status, each_line.item(hers.id).lease_token) == ("canceled", None)
    assert each_line.item(his.id).status == "in_progress"
    assert each_line.drift() == []
    assert each_line.storage.run_write(bulk.cancel_forsaken, now=each_line.now()) == 0


async def test_the_picture_that_is_being_made_is_stopped_and_canceled(each_works: Works) -> None:
    works = each_works
    works.painter.open.clear()
    item_id = works.line.add(ALICE).item_ids[0]
    await works.until(item_id, "in_progress")
    waits = works.line.add(ALICE).item_ids[0]
    await asyncio.to_thread(deactivate, works.line, "alice")
    item = await works.until(item_id, "canceled")
    await works.idle()
    assert (item.error_type, item.lease_token) == (None, None)
    assert works.pictures() == []
    assert works.line.item(waits).status == "pending"
    works.check_files_match_rows()


async def test_the_work_of_others_is_not_disturbed(each_works: Works) -> None:
    works = each_works
    works.painter.places = 2
    works.painter.open.clear()
    hers, his = works.line.add(ALICE).item_ids[0], works.line.add(BOB).item_ids[0]
    for item_id in (hers, his):
        await works.until(item_id, "in_progress")
    await asyncio.to_thread(deactivate, works.line, "alice")
    await works.until(hers, "canceled")
    works.painter.open.set()
    await works.until(his, "completed")


def test_a_claim_looks_owners_up_and_never_scans_them(line: Line) -> None:
    for who in (ALICE, BOB, CAROL):
        line.add(who)
    for statistics in (False, True):
        if statistics:
            line.storage.run_write(lambda conn: conn.exec_driver_sql("ANALYZE").close())
        for unit, args in ((claimable, ()), (lease.held, (["a", "b"],)), (lease.any_forsaken, ())):
            found = plans(line, unit, *args)
            assert any("SEARCH users USING" in plan and "(id=?)" in plan for plan in found), found
            assert not any(plan.startswith("SCAN users") for plan in found), found
            assert not any("TEMP B-TREE" in plan for plan in found), found


def test_a_thousand_lanes_of_deactivated_users_ahead_cost_milliseconds(each_line: Line) -> None:
    def fill(conn: Connection) -> None:
        gone = [f"gone-{number:04}" for number in range(1000)]
        row = {"created_at": NOW, "updated_at": NOW, "is_active": False}
        conn.execute(insert(users), [{**row, "id": name, "email": f"{name}@example.org"} for name in gone])
        ahead = [{"user_id": name, "pending": 5, "vtime_us": -(2**61) + at} for at, name in enumerate(gone)]
        conn.execute(insert(queue_lanes), ahead)

    each_line.storage.run_write(fill)
    item_id = each_line.add(ALICE).item_ids[0]
    assert each_line.storage.run_read(claimable)
    tries, best = 20, min(_seconds(each_line) for _ in range(20))
    while best >= 0.005 * busy() and tries:  # what others do can only add to it, and not each time
        best, tries = min(best, *(_seconds(each_line) for _ in range(20))), tries - 1
    assert best < 0.005 * busy(), f"asking who is next took {best * 1000:.1f} ms"
    assert each_line.must_claim().id == item_id


def _seconds(line: Line) -> float:
    started = time.perf_counter()
    line.storage.run_read(claimable)
    return time.perf_counter() - started
