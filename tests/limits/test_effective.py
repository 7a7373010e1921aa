"""Which limits hold for whom: one's own before the groups', the most generous group, everybody's last."""

from __future__ import annotations

import pytest

from invoke_host.limits.effective import NOTHING, Source
from invoke_host.limits.names import LIMITS

from .conftest import House


def values(house: House, user: str = "alice") -> dict[str, float | None]:
    return {name: found.value for name, found in house.of(user).each.items()}


def test_nobody_is_limited_until_somebody_says_so(house: House) -> None:
    assert house.of("alice") is NOTHING
    assert (NOTHING.weight, NOTHING.unlimited) == (1.0, True)


def test_what_holds_for_everyone_holds_where_nothing_else_is_said(house: House) -> None:
    house.set(images_per_day=10, max_pending=5)
    house.set(user="alice", images_per_day=20)
    assert values(house) == {"max_pending": 5, "images_per_day": 20}
    assert values(house, "bob") == {"max_pending": 5, "images_per_day": 10}
    assert house.of("alice").each["images_per_day"].source == Source("user")
    assert house.of("bob").each["images_per_day"].source == Source("everyone")


def test_the_most_generous_of_several_groups_wins(house: House) -> None:
    for name, value in (("small", 5), ("large", 50), ("middle", 20)):
        house.group(name, "alice")
        house.set(group=name, images_per_day=value)
    house.set(images_per_day=100)
    assert values(house) == {"images_per_day": 50}
    assert house.of("alice").each["images_per_day"].source == Source("group", "large", "Large")
    assert values(house, "bob") == {"images_per_day": 100}, "who is in none of them has everybody's"


def test_no_limit_is_the_most_generous_of_all(house: House) -> None:
    house.group("small", "alice")
    house.group("free", "alice")
    house.set(group="small", images_per_day=5)
    house.set(group="free", images_per_day=None)
    assert values(house) == {"images_per_day": None}
    assert house.fit("alice", 1000).count == 1000


def test_an_explicit_none_of_ones_own_lifts_everybodys_limit(house: House) -> None:
    house.set(max_pending=5)
    house.set(user="alice", max_pending=None)
    assert house.fit("alice", 100).count == 100
    assert house.fit("bob", 100).count == 5


def test_one_limit_of_ones_own_leaves_the_others_as_they_are(house: House) -> None:
    house.group("students", "alice")
    house.set(group="students", images_per_day=5, max_running=1)
    house.set(user="alice", max_running=3)
    assert values(house) == {"max_running": 3, "images_per_day": 5}


@pytest.mark.parametrize(
    ("own", "groups", "general", "weight"),
    [
        (None, (), None, 1.0),
        (None, (), 2.0, 2.0),
        (None, (0.5, 4.0, 1.0), 2.0, 4.0),
        (0.25, (0.5, 4.0), 2.0, 0.25),
    ],
)
def test_weights_follow_the_same_order(
    house: House, own: float | None, groups: tuple[float, ...], general: float | None, weight: float
) -> None:
    for number, value in enumerate(groups):
        house.group(f"group{number}", "alice")
        house.set(group=f"group{number}", weight=value)
    if general is not None:
        house.set(weight=general)
    if own is not None:
        house.set(user="alice", weight=own)
    found = house.of("alice")
    assert found.weight == weight
    assert "weight" not in found.each


def test_limits_together_bind_beside_all_others(house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(group="students", scope="together", images_per_day=100, max_running=2)
    house.set(user="alice", images_per_day=None)
    rules = {(rule.group, rule.name): rule.value for rule in house.of("alice").together}
    assert rules == {("Students", "images_per_day"): 100, ("Students", "max_running"): 2}
    assert house.of("carol").together == ()


def test_a_limit_together_of_none_binds_nobody(house: House) -> None:
    house.group("students", "alice")
    house.set(group="students", scope="together", images_per_day=None)
    assert house.of("alice").together == ()


def test_limits_that_this_version_does_not_know_are_passed_over(house: House) -> None:
    house.set(gigabytes_per_day=1)
    assert house.of("alice").unlimited


def test_they_are_told_in_the_order_of_the_table(house: House) -> None:
    house.set(**{name: 5.0 for name in reversed(LIMITS) if name != "weight"})
    assert list(house.of("alice").each) == [name for name in LIMITS if name != "weight"]
