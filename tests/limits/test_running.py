"""Caps on running items, and the cheap question whether anybody has one."""

from __future__ import annotations

from sqlalchemy import select

from invoke_host.limits import running

from .conftest import House


def may(house: House, user: str, count: int, **groups: int) -> bool:
    return house.storage.run_read(running.may_start, user, count, groups.__getitem__)


def configured(house: House) -> bool:
    return bool(house.storage.run_read(lambda conn: conn.scalar(select(running.configured()))))


def test_without_a_cap_everything_may_start(house: House) -> None:
    assert may(house, "alice", 1000)


def test_up_to_ones_own_cap_items_may_start(house: House) -> None:
    house.set(max_running=2)
    assert [may(house, "alice", count) for count in range(4)] == [True, True, False, False]


def test_a_group_together_is_capped_by_what_runs_of_all_its_members(house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(group="students", scope="together", max_running=3)
    assert may(house, "alice", 0, students=2)
    assert not may(house, "alice", 0, students=3)
    assert may(house, "carol", 0)


def test_whether_anybody_has_a_weight_or_a_cap_is_one_look(house: House) -> None:
    assert not configured(house)
    house.set(images_per_day=5, max_pending=3)
    assert not configured(house), "these are asked when images are enqueued"
    house.set(user="bob", weight=2)
    assert configured(house)


def test_a_cap_of_a_group_counts_as_one(house: House) -> None:
    house.group("students", "alice")
    house.set(group="students", scope="together", max_running=3)
    assert configured(house)
