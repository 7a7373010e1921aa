"""Limits at work in the line: decided where images are enqueued, whoever asks at once, and where items start."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, Forbidden, TooManyRequests
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.limits import store as limit_store
from invoke_host.limits import usage
from invoke_host.limits.usage import Used
from invoke_host.limits.values import OF_EVERYONE, Change, Subject
from invoke_host.queue.store import bulk
from invoke_host.queue.store.retry import retry

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line
from .test_finishing import complete, died, output

TEAM = Subject("group", "team")


@pytest.fixture
def line(each_line: Line) -> Line:
    """On both databases; Alice and Bob are a team."""

    def unit(conn: Connection) -> None:
        row = {"id": "team", "name": "Team", "name_key": "team", "description": ""}
        conn.execute(insert(groups).values(**row, created_at=NOW, updated_at=NOW))
        for member in ("alice", "bob"):
            conn.execute(insert(group_members).values(group_id="team", user_id=member, added_at=NOW))

    each_line.storage.run_write(unit)
    return each_line


def limit(line: Line, subject: Subject = OF_EVERYONE, *, together: bool = False, **values: float | None) -> None:
    change = Change({}, values) if together else Change(values, {})
    line.storage.run_write(limit_store.change, subject, change, now=NOW)


def used(line: Line, actor: Actor = ALICE) -> Used:
    return line.storage.run_read(usage.of_user, str(actor.id), line.now())["day"]


def again(line: Line, access: AccessEngine, actor: Actor, *item_ids: int) -> Any:
    return line.storage.run_write(retry, access, actor, "default", item_ids, max_size=1000, now=line.now())


def test_the_first_images_that_fit_are_enqueued_and_the_answer_says_which_limit_it_was(line: Line) -> None:
    limit(line, images_per_day=5)
    assert (line.add(ALICE, 3).enqueued, line.add(ALICE, 3).enqueued) == (3, 2)
    with pytest.raises(TooManyRequests, match=r"Everybody's limit images_per_day is 5 .*, and 5 are used"):
        line.add(ALICE)
    assert line.add(BOB, 4).limited_by is None
    assert used(line).images == 5
    assert line.drift() == []


def test_what_is_refused_leaves_nothing_behind(line: Line) -> None:
    limit(line, max_pending=0)
    with pytest.raises(TooManyRequests):
        line.add(ALICE, 3)
    assert used(line) == Used(0, 0)
    assert line.claim() is None
    assert line.drift() == []


def test_the_same_request_again_is_not_booked_again_and_not_refused(line: Line) -> None:
    limit(line, images_per_day=2)
    first = line.add(ALICE, 2, key="k")
    assert line.add(ALICE, 2, key="k").item_ids == first.item_ids
    assert used(line).images == 2


def test_the_queues_own_room_counts_before_the_limits(line: Line) -> None:
    limit(line, images_per_day=9)
    line.max_size = 4
    done = line.add(ALICE, 6)
    assert (done.enqueued, done.limited_by) == (4, None), "it was not a limit that kept the others out"
    assert used(line).images == 4


def test_a_place_that_becomes_free_can_be_taken_again(line: Line, access: AccessEngine) -> None:
    limit(line, max_pending=2)
    ids = line.add(ALICE, 2).item_ids
    with pytest.raises(TooManyRequests, match="and 2 wait"):
        line.add(ALICE)
    line.must_claim()
    assert line.add(ALICE).enqueued == 1
    line.storage.run_write(bulk.cancel_one, access, ALICE, "default", ids[1], now=line.now())
    assert line.add(ALICE, 5).enqueued == 1


def test_what_waits_of_a_group_is_capped_together(line: Line) -> None:
    limit(line, TEAM, together=True, max_pending=5)
    assert (line.add(ALICE, 3).enqueued, line.add(BOB, 3).enqueued) == (3, 2)
    with pytest.raises(TooManyRequests, match="group 'Team' together"):
        line.add(ALICE)
    assert line.add(CAROL, 9).enqueued == 9


# What comes to nothing is given back ---------------------------------------------------------------------------


def test_failed_images_are_given_back_and_completed_ones_cost_what_they_took(line: Line) -> None:
    line.add(ALICE, 2)
    expected_us = used(line).engine_us
    assert expected_us > 0
    assert complete(line, line.must_claim(), output()) == "completed"
    assert used(line) == Used(2, expected_us // 2 + 1_500_000)
    died(line, line.must_claim(), most_deaths=1)
    assert used(line) == Used(1, 1_500_000)
    assert line.drift() == []


def test_who_cancels_what_runs_gets_the_image_back_but_not_the_time_that_it_took(
    line: Line, access: AccessEngine
) -> None:
    line.add(ALICE)
    item = line.must_claim()
    line.clock.advance(0.001)
    line.storage.run_write(bulk.cancel_one, access, ALICE, "default", item.id, now=line.now())
    assert used(line) == Used(0, 1000)
    assert line.drift() == []


def test_what_was_deleted_stays_used(line: Line, access: AccessEngine) -> None:
    line.add(ALICE, 2)
    item = line.must_claim()
    complete(line, item, output())
    before = used(line)
    line.storage.run_write(bulk.delete_one, access, ALICE, "default", item.id, forget_before=NOW, now=line.now())
    assert used(line) == before, "or everybody could reset their quota by pruning"
    assert line.drift() == []


def test_images_asked_for_again_are_admitted_and_booked_anew(line: Line, access: AccessEngine) -> None:
    limit(line, images_per_minute=3)
    ids = line.add(ALICE, 3).item_ids
    for item_id in ids:
        line.storage.run_write(bulk.cancel_one, access, ALICE, "default", item_id, now=line.now())
    line.add(ALICE, 2)
    with pytest.raises(TooManyRequests):
        again(line, access, ALICE, *ids)
    assert used(line).images == 2, "all or none"
    assert len(again(line, access, ALICE, ids[0]).new_ids) == 1
    line.clock.advance(60)
    assert len(again(line, access, ALICE, *ids[1:]).new_ids) == 2
    assert line.drift() == []


def test_who_asks_again_for_somebody_else_spends_the_owners_quota(line: Line, access: AccessEngine) -> None:
    limit(line, Subject("user", "alice"), images_per_day=1)
    (item_id,) = line.add(ALICE).item_ids
    line.storage.run_write(bulk.cancel_one, access, ALICE, "default", item_id, now=line.now())
    again(line, access, ADMIN, item_id)
    assert (used(line, ALICE).images, used(line, ADMIN).images) == (1, 0)
    with pytest.raises(Forbidden):
        again(line, access, BOB, item_id)


# At the same time ---------------------------------------------------------------------------


def race(line: Line, actors: tuple[Actor, ...], count: int) -> dict[str, int]:
    """All of them ask for so many until they are refused, at once; what each was let have."""
    done: dict[str, int] = {str(actor.id): 0 for actor in actors}
    failures: list[BaseException] = []
    start = threading.Barrier(len(actors) * 2)
    guard = threading.Lock()

    def ask(actor: Actor) -> None:
        try:
            start.wait()
            while True:
                enqueued = line.add(actor, count).enqueued
                with guard:
                    done[str(actor.id)] += enqueued
        except TooManyRequests:
            pass
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(actor,)) for actor in actors for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return done


@pytest.mark.timeout(120)
def test_no_race_lets_anybody_go_beyond_a_quota(line: Line) -> None:
    limit(line, images_per_day=50)
    assert race(line, (ALICE, BOB, CAROL), 3) == {"alice": 50, "bob": 50, "carol": 50}
    assert line.drift() == []


@pytest.mark.timeout(120)
def test_no_race_lets_a_group_go_beyond_what_it_has_together(line: Line) -> None:
    limit(line, TEAM, together=True, images_per_day=60, max_pending=70)
    assert sum(race(line, (ALICE, BOB), 4).values()) == 60
    assert line.drift() == []


@pytest.mark.timeout(120)
def test_no_race_lets_more_wait_than_the_cap_allows(line: Line) -> None:
    limit(line, max_pending=40)
    assert race(line, (ALICE, BOB), 3) == {"alice": 40, "bob": 40}


# At the start of items ---------------------------------------------------------------------------


def test_who_has_enough_running_waits_while_others_start(line: Line, access: AccessEngine) -> None:
    limit(line, Subject("user", "alice"), max_running=1)
    line.add(ALICE, 3)
    line.add(BOB, 2)
    started = [line.must_claim() for _ in range(3)]
    assert sorted(item.user_id for item in started) == ["alice", "bob", "bob"]
    assert line.claim() is None
    (mine,) = [item for item in started if item.user_id == "alice"]
    complete(line, mine, output())
    assert line.must_claim().user_id == "alice"


def test_a_group_has_so_many_running_together_and_a_cap_of_none_starts_nothing(line: Line) -> None:
    limit(line, TEAM, together=True, max_running=2)
    limit(line, Subject("user", "carol"), max_running=0)
    for actor in (ALICE, BOB, CAROL):
        line.add(actor, 3)
    assert len(line.order()) == 2
    limit(line, Subject("user", "carol"), max_running=None)
    assert len(line.order()) == 3


def test_a_weight_is_a_share_of_device_time(line: Line) -> None:
    limit(line, Subject("user", "alice"), weight=3)
    line.add(ALICE, 60)
    line.add(BOB, 60)
    first = [line.must_claim().user_id for _ in range(40)]
    assert abs(first.count("alice") - 30) <= 1


def cancel_all(line: Line, access: AccessEngine, *item_ids: int) -> None:
    for item_id in item_ids:
        line.storage.run_write(bulk.cancel_one, access, ADMIN, "default", item_id, now=line.now())


@pytest.mark.parametrize("name", ["max_pending", "images_per_day"])
def test_a_retry_for_several_owners_is_within_what_their_group_has_together(
    line: Line, access: AccessEngine, name: str
) -> None:
    items = [*line.add(ALICE, 3).item_ids, *line.add(BOB, 3).item_ids]
    cancel_all(line, access, *items)
    limit(line, TEAM, together=True, **{name: 4})
    with pytest.raises(TooManyRequests, match="room for 1 of these 3 items"):
        again(line, access, ADMIN, *items)
    assert line.drift() == []
    assert len(again(line, access, ADMIN, *items[:4]).new_ids) == 4
    assert line.drift() == []
