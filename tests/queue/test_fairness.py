"""What the order of the line promises: equal shares of device time, whatever people do with their queue."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, select

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, UserId
from invoke_host.identity.tables import users
from invoke_host.queue.ownership import OWNED
from invoke_host.queue.store import bulk, finish, lanes, rates, state
from invoke_host.queue.store.candidates import Selection
from invoke_host.queue.store.claim import claimable
from invoke_host.queue.store.items import TERMINAL, QueueItem
from invoke_host.queue.tables import queue_rates
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.storage import copy_of

from .conftest import ADMIN, ALICE, BOB, CAROL, NOW, Line, add_users
from .many import cancel_many, delete_many
from .test_line_model import set_limit


def complete(line: Line, item: QueueItem, engine_s: float) -> None:
    unit = finish.complete
    line.storage.run_write(unit, item.lease_token, [], device="cpu", engine_s=engine_s, now=line.now())


def weigh(line: Line, who: Actor, weight: float) -> None:
    line.storage.run_write(set_limit, f"user:{who.id}", "each", "weight", weight, user_id=who.id)


def cap(line: Line, who: Actor, most: int) -> None:
    line.storage.run_write(set_limit, f"user:{who.id}", "each", "max_running", most, user_id=who.id)


def jain(shares: list[float]) -> float:
    """Jain, Chiu, Hawe 1984: 1 where all are equal, 1/n where one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


def test_one_job_behind_ten_thousand_starts_next(each_line: Line) -> None:
    each_line.max_size = 20_000
    each_line.add(ALICE, 10_000)
    complete(each_line, each_line.must_claim(), 0.4)
    one = each_line.add(BOB).item_ids[0]
    assert each_line.must_claim().id == one


def test_who_comes_after_canceled_giants_does_not_wait_for_what_was_given_back(
    each_line: Line, access: AccessEngine
) -> None:
    each_line.storage.run_write(lanes.pause_own, "bob", True)
    one = each_line.add(BOB).item_ids
    each_line.add(ALICE, 2, work=3000.0)
    each_line.add(ALICE, 100, work=10.0)
    for item in (each_line.must_claim(), each_line.must_claim()):
        each_line.storage.run_write(bulk.cancel_one, access, ALICE, "default", item.id, now=each_line.now())
    one = [*one, *each_line.add(CAROL).item_ids]
    each_line.storage.run_write(lanes.pause_own, "bob", False)
    # Alice waited first at the same clock; each of the others is served before her second picture.
    assert {each_line.must_claim().id for _ in range(3)} > set(one)


def test_device_time_is_shared_and_not_pictures(each_line: Line) -> None:
    each_line.add(ALICE, 40, work=1.0)
    each_line.add(BOB, 10, work=4.0)
    taken = Counter(each_line.must_claim().user_id for _ in range(25))
    assert taken == {"alice": 20, "bob": 5}


def test_twice_the_weight_is_twice_the_device_time(each_line: Line) -> None:
    weigh(each_line, ALICE, 2.0)
    for who in (ALICE, BOB):
        each_line.add(who, 40)
    assert Counter(each_line.must_claim().user_id for _ in range(30)) == {"alice": 20, "bob": 10}


def test_wrong_estimates_are_settled_by_what_was_measured(each_line: Line) -> None:
    # The model's rate is learned from both, but Alice's pictures take four times as long as Bob's.
    for who in (ALICE, BOB):
        each_line.add(who, 60)
    spent: Counter[str] = Counter()
    for _ in range(50):
        item = each_line.must_claim()
        factor = 4 if item.user_id == "alice" else 1
        real_s = factor * item.work / 10
        spent[item.user_id] += real_s
        complete(each_line, item, real_s)
    assert jain(list(spent.values())) > 0.99


def test_idle_time_earns_nothing_and_debts_are_kept(each_line: Line) -> None:
    each_line.add(BOB, 30, work=1.0)
    each_line.add(ALICE, 1, work=10.0)
    for _ in range(12):  # Alice has had ten at once, and then nothing for a while
        each_line.must_claim()
    each_line.add(ALICE, 10, work=1.0)
    each_line.add(CAROL, 10, work=1.0)
    order = [each_line.must_claim().user_id for _ in range(6)]
    assert Counter(order) == {"alice": 2, "bob": 2, "carol": 2}


def test_a_lane_that_is_handed_over_brings_its_debt_along(each_line: Line) -> None:
    each_line.add(ALICE, 1, work=20.0)
    each_line.add(BOB, 3, work=1.0)
    each_line.must_claim()
    each_line.add(CAROL, 3, work=1.0)
    each_line.storage.run_write(OWNED.transfer, "alice", "bob", now=NOW)
    assert [each_line.must_claim().user_id for _ in range(4)] == ["carol", "carol", "carol", "bob"]
    assert each_line.drift() == []


@pytest.mark.parametrize("how", ["prune", "clear", "cancel"])
def test_nothing_that_is_done_to_ones_own_items_moves_one_forward(
    each_line: Line, access: AccessEngine, how: str
) -> None:
    for who in (ALICE, BOB):
        each_line.add(who, 20)
    for _ in range(6):
        complete(each_line, each_line.must_claim(), 0.5)
    if how == "prune":
        delete_many(each_line, access, BOB, Selection("default", TERMINAL))
    elif how == "clear":
        delete_many(each_line, access, BOB, Selection("default", ("pending",)))
        each_line.add(BOB, 20)
    else:
        cancel_many(each_line, access, BOB, Selection("default", ("pending",)))
        each_line.add(BOB, 20)
    taken = [each_line.must_claim().user_id for _ in range(10)]
    assert taken[0] == "alice"
    assert Counter(taken) == {"alice": 5, "bob": 5}


def test_canceling_what_runs_is_paid_for_by_the_time_it_ran(each_line: Line, access: AccessEngine) -> None:
    each_line.add(ALICE, 3)
    each_line.add(BOB, 3)
    hers = each_line.must_claim()
    each_line.clock.advance((hers.estimated_us or 0) / 2e6)
    cancel_many(each_line, access, ALICE, Selection("default", ("in_progress",)))
    assert [each_line.must_claim().user_id for _ in range(3)] == ["bob", "alice", "bob"]


def test_a_pause_of_ones_own_holds_ones_items_only_and_earns_nothing(each_line: Line) -> None:
    for who in (ALICE, BOB):
        each_line.add(who, 20)
    each_line.storage.run_write(lanes.pause_own, "alice", True)
    assert {each_line.must_claim().user_id for _ in range(8)} == {"bob"}
    each_line.storage.run_write(lanes.pause_own, "alice", False)
    taken = Counter(each_line.must_claim().user_id for _ in range(20))
    assert 10 <= taken["alice"] <= 11, "she is next, and then they share"


def test_a_user_who_never_enqueued_can_pause(each_line: Line) -> None:
    each_line.storage.run_write(lanes.pause_own, "alice", True)
    each_line.add(ALICE)
    assert each_line.claim() is None
    each_line.storage.run_write(lanes.pause_own, "alice", False)
    assert each_line.must_claim().user_id == "alice"


def test_pausing_a_queue_leaves_the_others_alone(each_line: Line) -> None:
    each_line.add(ALICE, queue="one", prepend=True)
    other = each_line.add(ALICE, queue="two").item_ids[0]
    each_line.storage.run_write(state.set_paused, "one", True, now=NOW)
    assert each_line.must_claim().id == other
    assert each_line.claim() is None
    each_line.storage.run_write(state.set_paused, "one", False, now=NOW)
    assert each_line.must_claim().queue_id == "one"


def test_who_could_not_be_served_is_ahead_by_a_minute_at_most(each_line: Line) -> None:
    each_line.add(ALICE, 200, work=50.0, queue="one")  # five seconds each
    each_line.add(BOB, 200, work=50.0, queue="two")
    each_line.storage.run_write(state.set_paused, "one", True, now=NOW)
    for _ in range(100):
        each_line.must_claim()
    each_line.storage.run_write(state.set_paused, "one", False, now=NOW)
    taken = [each_line.must_claim().user_id for _ in range(40)]
    assert taken[:12] == ["alice"] * 12
    assert 12 <= taken[13:].count("alice") <= 15, "after that they share"


def test_a_cap_on_running_items_lets_others_pass(each_line: Line) -> None:
    cap(each_line, ALICE, 1)
    each_line.add(ALICE, 3)
    each_line.add(BOB, 3)
    first = each_line.must_claim()
    assert first.user_id == "alice"
    assert [each_line.must_claim().user_id for _ in range(3)] == ["bob"] * 3
    assert each_line.claim() is None
    complete(each_line, first, 0.1)
    assert each_line.must_claim().user_id == "alice"


def test_where_everybody_waits_for_a_cap_nothing_is_written(line: Line) -> None:
    for who in (ALICE, BOB):
        line.add(who, 2)
        cap(line, who, 0)
    written: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            written.append(statement)

    event.listen(line.storage.engine, "before_cursor_execute", note)
    assert not line.storage.run_read(claimable)
    assert line.claim() is None
    event.remove(line.storage.engine, "before_cursor_execute", note)
    assert written == []


def test_fifo_goes_by_priority_and_then_by_who_came_first(each_line: Line) -> None:
    first = each_line.add(ALICE, 3).item_ids
    second = each_line.add(BOB, 2).item_ids
    urgent = each_line.add(CAROL, 1).item_ids
    more = each_line.add(BOB, 1, prepend=True).item_ids
    assert each_line.order("fifo") == [*more, *first, *second, *urgent]


def test_fifo_honours_pauses_and_caps(each_line: Line) -> None:
    cap(each_line, ALICE, 1)
    hers = each_line.add(ALICE, 2).item_ids
    his = each_line.add(BOB).item_ids
    each_line.add(CAROL)
    each_line.storage.run_write(lanes.pause_own, "carol", True)
    assert each_line.order("fifo") == [hers[0], *his]


def test_the_order_survives_reopening_the_database(sqlite_template: Path, tmp_path: Path, log) -> None:
    def order(folder: str, reopening: bool) -> list[int]:
        (tmp_path / folder).mkdir()
        backend = copy_of(sqlite_template, tmp_path / folder)
        line = Line(Storage(backend, log=log), FakeClock())
        taken = []
        with line.storage:
            line.storage.run_write(add_users)
            for count, who in enumerate((ALICE, BOB, CAROL, ADMIN), 2):
                line.add(who, 3 * count, work=float(count))
        for _ in range(15):
            with line.storage:
                for _ in range(1 if reopening else 15):
                    if len(taken) < 15:
                        item = line.must_claim()
                        complete(line, item, item.work / 7)
                        taken.append(item.id)
        return taken

    assert order("reopened", True) == order("open", False)


def test_eight_users_with_jobs_of_sixteen_fold_cost_get_equal_device_time(line: Line) -> None:
    chance = random.Random(6)
    names = [f"user-{number}" for number in range(8)]
    line.max_size = 100_000
    line.storage.run_write(_more_users, names)
    for number, name in enumerate(names):
        who = Actor(id=UserId(name), kind="user", display_name=name, provider="test")
        cost = 16 ** (number / 7)
        line.add(who, int(900 / cost) + 1, work=10.0 * cost)
    spent: Counter[str] = Counter()
    running: list[QueueItem] = []
    for _ in range(800):
        running.append(line.must_claim())
        if len(running) == 3:  # three devices
            item = running.pop(chance.randrange(3))
            # Estimates are wrong by up to half, and by a factor of its own for each user.
            real_s = item.work * 0.1 * chance.uniform(0.5, 1.5) * (1 + int(item.user_id[-1]) % 3)
            complete(line, item, real_s)
            spent[item.user_id] += real_s
    assert set(spent) == set(names)
    assert jain(list(spent.values())) >= 0.97


def _more_users(conn: Connection, names: list[str]) -> None:
    times = {"created_at": NOW, "updated_at": NOW}
    rows = [{"id": name, "email": f"{name}@example.org", "display_name": name, **times} for name in names]
    conn.execute(insert(users), rows)


def rate(line: Line) -> float:
    return line.storage.run_read(rates.us_per_work, "toy")


def take(line: Line, who: Actor, count: int, *, work: float, us_per_work: float) -> None:
    """Make pictures that take that long."""
    line.add(who, count, work=work)
    for _ in range(count):
        complete(line, line.must_claim(), work * us_per_work / 1e6)


def test_tiny_pictures_of_one_user_make_nobody_elses_look_expensive(each_line: Line) -> None:
    take(each_line, ALICE, 20, work=40.0, us_per_work=2e5)
    assert rate(each_line) == pytest.approx(2e5, rel=0.02)
    take(each_line, BOB, 40, work=0.01, us_per_work=1e9)  # their overhead is all that they take
    assert rate(each_line) == pytest.approx(2e5, rel=0.1)


def test_a_first_picture_that_was_tiny_is_forgotten_with_the_next(each_line: Line) -> None:
    take(each_line, BOB, 1, work=0.01, us_per_work=1e9)
    take(each_line, ALICE, 1, work=40.0, us_per_work=1e5)
    assert rate(each_line) == pytest.approx(1e5, rel=2.6)  # the rate of the tiny one is ten thousand times that
    take(each_line, ALICE, 1, work=40.0, us_per_work=1e5)
    assert rate(each_line) < 3e5


def test_a_change_of_devices_is_learned_and_what_is_remembered_is_bounded(each_line: Line) -> None:
    take(each_line, ALICE, 40, work=40.0, us_per_work=1e5)
    take(each_line, ALICE, 60, work=40.0, us_per_work=1e6)
    assert rate(each_line) == pytest.approx(1e6, rel=0.1)
    remembered = each_line.storage.run_read(lambda conn: conn.scalar(select(queue_rates.c.work)))
    assert 40.0 <= remembered <= rates.MEMORY * 40.0 * 1.001
