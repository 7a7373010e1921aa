"""How many images fit under the limits, and what somebody reads who gets fewer."""

from __future__ import annotations

import pytest

from invoke_host.limits.admission import RETRY_AFTER_S

from .conftest import House


def test_without_limits_everything_fits(house: House) -> None:
    fit = house.fit("alice", 10_000)
    assert (fit.count, fit.limited_by, fit.refusal) == (10_000, None, None)


def test_the_first_images_that_fit_are_taken(house: House) -> None:
    house.set(images_per_day=10)
    house.book("alice", 7)
    fit = house.fit("alice", 5)
    assert (fit.count, fit.refusal) == (3, None)
    assert fit.limited_by is not None
    assert (fit.limited_by.limit, fit.limited_by.value) == ("images_per_day", 10)
    assert fit.limited_by.resets_at == "2026-01-02 00:00:00.000"


def test_as_many_as_fit_exactly_are_not_called_limited(house: House) -> None:
    house.set(images_per_day=10)
    house.book("alice", 7)
    assert house.fit("alice", 3).limited_by is None


def test_device_time_is_let_in_while_some_is_left_so_that_one_image_may_go_beyond(house: House) -> None:
    house.set(engine_s_per_day=10)
    house.book("alice", engine_s=7.5)
    assert house.fit("alice", 5, each_s=2.0).count == 2, "the second one begins at 9.5 of 10 seconds"
    house.book("alice", engine_s=2.4)
    assert house.fit("alice", 5, each_s=1000.0).count == 1
    house.book("alice", engine_s=0.1)
    assert house.fit("alice", 5, each_s=0.0).count == 0


def test_fractions_of_a_second_are_a_limit_too(house: House) -> None:
    house.set(engine_s_per_minute=0.5)
    assert house.fit("alice", 5, each_s=0.25).count == 2


def test_nothing_is_nothing(house: House) -> None:
    house.set(images_per_day=0)
    assert house.fit("alice").count == 0
    house.set(user="alice", engine_s_per_day=0, images_per_day=None)
    assert house.fit("alice").count == 0
    assert house.fit("alice", 0).refusal is None, "who asks for nothing is not refused"


def test_a_limit_below_what_is_used_already_lets_nothing_in(house: House) -> None:
    house.book("alice", 50)
    house.set(images_per_day=10)
    assert house.fit("alice").count == 0


def test_waiting_images_are_capped(house: House) -> None:
    house.set(max_pending=10)
    fit = house.fit("alice", 5, pending=8)
    assert fit.count == 2
    assert fit.limited_by is not None
    assert (fit.limited_by.limit, fit.limited_by.resets_at) == ("max_pending", None)


def test_caps_on_running_items_are_not_asked_here(house: House) -> None:
    house.set(max_running=0)
    house.group("students", "alice")
    house.set(group="students", scope="together", max_running=0)
    assert house.fit("alice", 5).count == 5


def test_a_group_is_limited_together_whoever_of_it_used_the_images(house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(group="students", scope="together", images_per_day=10)
    house.book("alice", 4)
    house.book("bob", 4)
    house.book("carol", 100)
    assert house.fit("alice", 5).count == 2
    assert house.fit("carol", 5).count == 5


def test_a_group_is_capped_together_by_what_waits_of_all_its_members(house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(group="students", scope="together", max_pending=10)
    assert house.fit("alice", 50, pending=1, group_pending={"students": 7}.__getitem__).count == 3


def test_the_tightest_of_many_limits_counts(house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(images_per_minute=30, images_per_day=20, max_pending=25)
    house.set(group="students", scope="together", images_per_month=15)
    fit = house.fit("alice", 100)
    assert fit.limited_by is not None
    assert (fit.count, fit.limited_by.limit) == (15, "images_per_month")


def test_of_several_that_are_used_up_the_one_that_lasts_longest_is_told(house: House) -> None:
    house.set(images_per_minute=5, images_per_day=5, max_pending=5, images_per_month=6)
    house.book("alice", 5)
    fit = house.fit("alice", 5, pending=5)
    assert fit.limited_by is not None
    assert fit.limited_by.limit == "images_per_day"
    assert fit.refusal is not None
    assert fit.refusal.headers["Retry-After"] == str(12 * 3600)


# When windows end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "window_s"), [("images_per_minute", 60), ("images_per_day", 12 * 3600), ("images_per_month", 2_635_200)]
)
def test_at_the_border_of_its_window_a_quota_starts_again(house: House, limit: str, window_s: int) -> None:
    house.set(**{limit: 3})
    house.book("alice", 3)
    house.clock.advance(window_s - 0.001)
    fit = house.fit("alice", 2)
    assert fit.refusal is not None
    assert fit.refusal.headers["Retry-After"] == "1", "never 0: who comes back at once is refused again"
    house.clock.advance(0.001)
    assert house.fit("alice", 2).count == 2


def test_a_month_is_the_sum_of_its_days_and_of_no_other(house: House) -> None:
    house.set(images_per_month=10)
    house.book("alice", 100, at="2025-12-31 23:59:59.999")
    house.book("alice", 2, at="2026-01-01 00:00:00.000")
    house.book("alice", 3, at="2026-01-31 23:59:59.999")
    assert house.fit("alice", 50).count == 8, "what is booked for later days of the month is not used yet"
    house.clock.advance(30.4 * 86400)
    assert house.fit("alice", 50).count == 5
    house.clock.advance(86400)
    assert house.fit("alice", 50).count == 10


def test_february_of_a_leap_year_ends_on_its_29th(house: House) -> None:
    house.clock.jump(86400 * (365 * 2 + 31 + 28))
    assert house.now().startswith("2028-02-29")
    house.set(images_per_month=1)
    house.book("alice", 1, at="2028-02-01 00:00:00.000")
    fit = house.fit("alice", 2)
    assert fit.limited_by is not None
    assert fit.limited_by.resets_at == "2028-03-01 00:00:00.000"


# What is told -------------------------------------------------------------------------------------------------------


def refusal(house: House, **asked: object) -> tuple[str, int]:
    found = house.fit("alice", **asked).refusal
    assert found is not None
    return found.detail, int(found.headers["Retry-After"])


def test_ones_own_quota_says_what_is_used_and_when_it_starts_again(house: House) -> None:
    house.set(user="alice", images_per_day=3)
    house.book("alice", 3)
    assert refusal(house) == (
        "Your limit images_per_day is 3 (images a day), and 3 are used. The next day begins at 2026-01-02 00:00 UTC.",
        12 * 3600,
    )


def test_everybodys_quota_is_called_so(house: House) -> None:
    house.set(engine_s_per_minute=1.5)
    house.book("alice", engine_s=2.25)
    house.clock.advance(12.5)
    assert refusal(house) == (
        (
            "Everybody's limit engine_s_per_minute is 1.5 (seconds of device time a minute), and 2.2 s are used. "
            "The next minute begins at 2026-01-01 12:01 UTC."
        ),
        48,
    )


def test_a_quota_that_comes_from_a_group_names_it(house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(group="students", images_per_month=1)
    house.book("alice")
    assert refusal(house)[0] == (
        "Your limit images_per_month as a member of the group 'Students' is 1 (images a month), and 1 is used. "
        "The next month begins at 2026-02-01 00:00 UTC."
    )


def test_what_a_group_used_together_is_told_to_its_members(house: House) -> None:
    house.group("students", "alice", "bob")
    house.set(group="students", scope="together", images_per_day=2)
    house.book("bob", 2)
    assert refusal(house)[0].startswith(
        "The limit images_per_day of the group 'Students' together is 2 (images a day), and 2 are used."
    )


def test_a_full_cap_says_how_many_wait_and_to_come_back_soon(house: House) -> None:
    house.set(user="alice", max_pending=2)
    assert refusal(house, pending=2) == (
        (
            "Your limit max_pending is 2 (items that may wait at a time), and 2 wait. "
            "A place becomes free with each image that is made or canceled."
        ),
        RETRY_AFTER_S,
    )
