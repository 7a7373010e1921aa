"""Where each fault of the reliability list is shown, and each promise; a test that is gone is found here.

The list is in docs/explanation/durability.md. Not in it: directories (F-22, F-23), restore (F-27, F-28) and object
stores (F-35), which come with what they are about.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "explanation" / "durability.md"

ROUNDS = "faults/test_rounds.py::test_whatever_strikes_nothing_is_lost_and_nothing_is_stored_twice"

#: Fault to modules and the beginnings of their tests' names.
FAULTS = {
    "F-01": ("faults/test_deaths.py::test_f_01_", ROUNDS),
    "F-02": ("faults/test_deaths.py::test_f_02_", ROUNDS),
    "F-03": ("faults/test_deaths.py::test_f_03_", ROUNDS),
    "F-04": ("faults/test_deaths.py::test_f_04_", ROUNDS),
    "F-05": ("faults/test_deaths.py::test_f_05_", ROUNDS),
    "F-06": ("faults/test_deaths.py::test_f_06_", ROUNDS),
    "F-07": ("faults/test_deaths.py::test_f_07_", ROUNDS),
    "F-08": ("faults/test_deaths.py::test_f_06_and_f_08_",),
    "F-09": (
        "host/test_lifecycle.py::test_kill_9_and_a_gentle_end_lose_nothing_and_make_nothing_twice",
        "generation/test_lifeline.py::test_kill_9_of_the_host_ends_its_worker",
    ),
    "F-10": ("queue/test_zombies.py::test_f_10_", "faults/test_deaths.py::test_f_14_", ROUNDS),
    "F-11": ("host/test_lifecycle.py::test_what_does_not_end_in_time_is_given_back_and_a_second_signal_ends_at_once",),
    "F-12": ("generation/test_pictures.py::test_out_of_memory_fails_the_item_with_its_size_and_the_worker_lives_on",),
    "F-13": (
        "faults/test_deaths.py::test_f_13_",
        "host/test_lifecycle.py::test_a_picture_that_kills_its_worker_fails_with_the_reason_and_the_host_goes_on",
        "queue/test_finishing.py::test_an_item_that_kills_two_workers_is_quarantined_with_what_to_do",
    ),
    "F-14": (
        "faults/test_deaths.py::test_f_14_",
        "generation/test_worker_death.py::test_a_worker_that_lives_but_makes_no_progress_is_replaced",
        "generation/test_worker_death.py::test_a_stopped_worker_is_noticed_by_its_missing_heartbeat_and_replaced",
    ),
    "F-15": ("faults/test_disk.py::test_f_15_", "queue/test_full_disk.py::test_f_15_", ROUNDS),
    "F-16": ("faults/test_disk.py::test_f_16_",),
    "F-17": ("faults/test_locked.py::test_f_17_", ROUNDS),
    "F-18": ("queue/test_storm.py::test_f_19_a_hundred_enqueues_beside_four_workers_and_cancels",),
    "F-19": ("queue/test_storm.py::test_f_19_",),
    "F-20": (
        "images/test_media.py::test_a_damaged_file_is_gone_and_never_half_sent",
        "queue/test_recovery.py::test_a_picture_whose_file_is_gone_is_reported",
    ),
    "F-21": ("host/test_startup_errors.py::test_data_that_does_not_fit_stops_the_start_and_is_left_as_it_is",),
    "F-24": (
        "faults/test_clock.py::test_f_24_",
        "queue/test_finishing.py::test_the_wall_clock_of_the_host_has_no_part_in_leases",
    ),
    "F-25": (
        "migrations/test_kill.py::test_killed_at_any_statement_the_old_schema_is_whole_and_the_retry_works",
        "migrations/test_kill.py::test_of_two_hosts_that_start_at_once_one_migrates_and_the_other_waits",
    ),
    "F-26": ("migrations/test_upgrade.py::test_a_database_that_a_newer_program_used_is_refused_and_left_alone",),
    "F-29": (
        "faults/test_ten_thousand.py::test_f_29_",
        "queue/test_recovery.py::test_recovery_is_quick_with_ten_thousand_waiting_and_many_finished",
    ),
    "F-30": ("images/test_listing.py::", "web/test_loop.py::"),
    "F-31": ("queue/test_storm.py::test_f_31_", "queue/test_dispatcher.py::test_deleting_a_running_item_stops_it"),
    "F-32": ("queue/test_storm.py::test_f_32_",),
    "F-39": ("faults/test_disk.py::test_f_15_a_log_that_can_not_be_written_stops_nothing",),
}

#: Promise to the same.
PROMISES = {
    "P1": ("faults/test_deaths.py::test_f_02_", ROUNDS),
    "P2": ("faults/test_deaths.py::test_f_06_", "queue/test_recovery.py::test_after_a_crash_there_are_files", ROUNDS),
    "P3": ("faults/test_deaths.py::test_f_13_", "faults/test_deaths.py::test_f_04_"),
    "P4": ("queue/test_dispatcher.py::test_cancel_wins_when_it_comes_while_the_picture_is_saved", ROUNDS),
    "P5": (
        "queue/test_storm.py::test_f_19_each_user_s_items_are_begun_in_the_order_in_which_they_came",
        "host/test_lifecycle.py::test_a_pause_and_the_order_of_the_queue_last_over_a_restart",
        "faults/test_ten_thousand.py::test_f_29_",
    ),
    "P6": ("queue/test_inactive_users.py::test_what_waits_for_a_deactivated_user_is_passed_over_and_others_go_on",),
    "P7": ("host/test_lifecycle.py::test_what_does_not_end_in_time_is_given_back_and_a_second_signal_ends_at_once",),
    "P8": ("migrations/test_kill.py::test_killed_at_any_statement_the_old_schema_is_whole_and_the_retry_works",),
    "P9": ("migrations/test_backup.py::test_a_backup_holds_what_is_only_in_the_wal_and_no_open_transaction",),
    "P10": ("queue/test_counters_hold.py::test_counters_hold_on_sqlite", ROUNDS),
}


@pytest.mark.parametrize(("case", "place"), [(case, place) for case in FAULTS for place in FAULTS[case]])
def test_the_fault_has_its_test(case: str, place: str) -> None:
    assert _tests(place), f"{case}: there is no test that begins with {place}"


@pytest.mark.parametrize(("case", "place"), [(case, place) for case in PROMISES for place in PROMISES[case]])
def test_the_promise_has_its_test(case: str, place: str) -> None:
    assert _tests(place), f"{case}: there is no test that begins with {place}"


@pytest.mark.parametrize("case", [*FAULTS, *PROMISES])
def test_the_page_names_it(case: str) -> None:
    assert f"| {case} |" in PAGE.read_text(), f"{PAGE.name} has no row for {case}"


def _tests(place: str) -> list[str]:
    module, _, start = place.partition("::")
    tree = ast.parse((TESTS / module).read_text())
    tests = [node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [name for name in tests if name.startswith(start or "test_")]
