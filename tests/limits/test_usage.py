"""What is booked is counted in its minute, day and month; what goes is given back; forgetting changes no sum."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, delete, select

from invoke_host.identity.groups import store as group_store
from invoke_host.identity.tables import users
from invoke_host.limits import usage
from invoke_host.limits.bookings import COUNTED, kept, settled
from invoke_host.limits.drift import drift
from invoke_host.limits.minutes import KEEP_S, STEP, prune_step, prune_task
from invoke_host.limits.tables import limits, usage_windows
from invoke_host.limits.usage import Booking, Used

from .conftest import House

DAY = "2026-01-01 12:00:00.000"


def used(house: House, user: str = "alice") -> dict[str, Used]:
    return dict(house.storage.run_read(usage.of_user, user, house.now()))


def windows(house: House, user: str = "alice") -> set[tuple[str, int, int, int, int, int]]:
    def unit(conn: Connection) -> set[tuple[str, int, int, int, int, int]]:
        rows = conn.execute(select(usage_windows).where(usage_windows.c.user_id == user))
        return {tuple(row[1:]) for row in rows}

    return house.storage.run_read(unit)


def found_drift(house: House, *booked: Booking) -> list[str]:
    return house.storage.run_read(drift, booked)


def test_who_never_asked_for_anything_has_used_nothing(house: House) -> None:
    assert used(house) == {"minute": Used(0, 0), "day": Used(0, 0), "month": Used(0, 0)}


def test_an_image_counts_in_its_minute_its_day_and_its_month(house: House) -> None:
    house.book("alice", 2, 3.5)
    house.book("bob", 7)
    assert set(used(house).values()) == {Used(2, 3_500_000)}
    house.clock.advance(60)
    house.book("alice")
    assert used(house) == {"minute": Used(1, 0), "day": Used(3, 3_500_000), "month": Used(3, 3_500_000)}
    house.clock.advance(86400)
    assert used(house) == {"minute": Used(0, 0), "day": Used(0, 0), "month": Used(3, 3_500_000)}


def test_thousands_of_bookings_are_one_row_for_each_window(house: House) -> None:
    house.storage.run_write(usage.book, [Booking("alice", DAY, 1, 10)] * 5000)
    assert {row[2:] for row in windows(house)} == {(5000, 50_000, 0, 0)}


def test_what_is_given_back_is_given_back_in_the_windows_of_the_item(house: House) -> None:
    house.book("alice", 2, 4.0, at=DAY)
    house.clock.advance(86400)
    house.storage.run_write(usage.book, [Booking("alice", DAY, -1, -2_000_000)])
    assert used(house)["day"] == Used(0, 0)
    assert used(house)["month"] == Used(1, 2_000_000)


def test_a_forgotten_minute_does_not_come_back_when_its_items_end(house: House) -> None:
    house.book("alice", 1, 4.0, at=DAY)
    house.clock.advance(2 * KEEP_S)
    assert not house.storage.run_write(prune_step, int(house.clock.now().timestamp()) - KEEP_S)
    for late in (Booking("alice", DAY, 0, 1_000_000), Booking("alice", DAY, -1, -5_000_000)):
        house.storage.run_write(usage.book, [late])
    assert {row[0] for row in windows(house)} == {"day"}
    assert used(house)["day"] == Used(0, 0)


@pytest.mark.anyio
async def test_minutes_go_after_an_hour_in_steps_and_days_stay(house: House) -> None:
    before = int(house.clock.now().timestamp()) - KEEP_S
    rows = [
        Booking(user, f"2025-12-{day:02d} {hour:02d}:{minute:02d}:00.000", 1, 0)
        for user in ("alice", "bob")
        for day in (1, 2)
        for hour in range(24)
        for minute in range(0, 60, 4)
    ]
    house.storage.run_write(usage.book, rows)
    house.book("alice", at="2026-01-01 11:01:00.000")
    assert house.storage.run_write(prune_step, before)
    left = sum(row[0] == "minute" for user in ("alice", "bob") for row in windows(house, user))
    assert 0 < len(rows) + 1 - left <= STEP + 2
    await prune_task(house.storage, house.clock).run()
    assert sum(row[0] == "minute" for row in windows(house)) == 1
    assert sum(row[0] == "day" for row in windows(house)) == 3


def test_items_whose_rows_go_stay_used(house: House) -> None:
    house.book("alice", 2, 4.0, at=DAY)
    house.storage.run_write(usage.forget, [Booking("alice", DAY, 1, 3_000_000)])
    assert used(house)["day"] == Used(2, 4_000_000)
    assert found_drift(house, Booking("alice", DAY, 1, 1_000_000)) == []
    assert len(found_drift(house)) == 2, "the day and the minute"


def test_all_items_of_a_user_can_go_at_once(house: House) -> None:
    house.book("alice", 2, 4.0)
    house.storage.run_write(usage.forget_all, "alice")
    assert found_drift(house) == []
    assert used(house)["day"] == Used(2, 4_000_000)


def test_bookings_move_with_the_items_and_what_is_gone_stays_where_it_was(house: House) -> None:
    house.book("alice", 3, 4.0, at=DAY)
    house.storage.run_write(usage.forget, [Booking("alice", DAY, 1, 1_000_000)])
    house.book("bob", 1, 1.0, at=DAY)
    house.storage.run_write(usage.hand_over, "alice", "bob")
    assert used(house, "alice")["day"] == Used(1, 1_000_000)
    assert used(house, "bob")["day"] == Used(3, 4_000_000)
    assert found_drift(house, Booking("bob", DAY, 3, 4_000_000)) == []
    house.storage.run_write(usage.hand_over, "alice", "carol")
    assert used(house, "carol")["day"] == Used(0, 0)


def test_drift_names_what_is_wrong(house: House) -> None:
    house.book("alice", 1, 1.0, at=DAY)
    assert found_drift(house, Booking("alice", DAY, 2, 1_000_000)) == [
        "the usage of alice in the day 2026-01-01 00:00:00.000 says 1 images and 1000000 us, there are 2 and 1000000",
        (
            "the usage of alice in the minute 2026-01-01 12:00:00.000 says 1 images and 1000000 us, "
            "there are 2 and 1000000"
        ),
    ]
    house.storage.run_write(usage.book, [Booking("alice", DAY, -2, 0)])
    assert any("below zero" in line for line in found_drift(house))


def test_with_a_user_go_their_limits_and_their_usage(house: House) -> None:
    house.set(user="alice", images_per_day=1)
    house.set(user="bob", images_per_day=2)
    house.book("alice")
    house.storage.run_write(lambda conn: conn.execute(delete(users).where(users.c.id == "alice")) and None)
    left = house.storage.run_read(lambda conn: conn.scalars(select(limits.c.user_id)).all())
    assert left == ["bob"]
    assert windows(house) == set()


def test_with_a_group_go_its_limits(house: House) -> None:
    house.group("students", "alice")
    house.set(group="students", images_per_day=1)
    house.set(group="students", scope="together", images_per_day=1)
    house.storage.run_write(group_store.remove, "students")
    assert house.of("alice").unlimited
    assert house.storage.run_read(lambda conn: conn.execute(select(limits)).all()) == []


# What the ends of items change ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "spent_us", "images", "engine_us"),
    [
        ("in_progress", "completed", 30, 0, -70),
        ("in_progress", "completed", 130, 0, 30),
        ("in_progress", "failed", 30, -1, -100),
        ("pending", "failed", 0, -1, -100),
        ("pending", "canceled", 0, -1, -100),
        ("in_progress", "canceled", 30, -1, -70),
    ],
)
def test_how_an_item_ends_decides_what_is_given_back(
    old: str, new: str, spent_us: int, images: int, engine_us: int
) -> None:
    booking, booked_us = settled("alice", DAY, 100, old, new, spent_us=spent_us)
    assert booking == Booking("alice", DAY, images, engine_us)
    assert booked_us == 100 + engine_us


@pytest.mark.parametrize(("old", "new"), [("pending", "in_progress"), ("in_progress", "pending")])
def test_starting_and_being_given_back_to_the_line_change_nothing(old: str, new: str) -> None:
    assert settled("alice", DAY, 100, old, new) == (None, 100)


def test_what_took_exactly_as_long_as_expected_needs_no_booking() -> None:
    assert settled("alice", DAY, 100, "in_progress", "completed", spent_us=100) == (None, 100)


def test_what_a_row_holds_when_it_goes_is_what_it_was_booked_with() -> None:
    assert kept("alice", DAY, 70, "completed") == Booking("alice", DAY, 1, 70)
    assert kept("alice", DAY, 30, "canceled") == Booking("alice", DAY, 0, 30)
    assert {"pending", "in_progress", "completed"} == COUNTED
