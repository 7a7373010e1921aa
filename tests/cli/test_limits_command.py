"""`invoke-host limits` and `invoke-host usage`: set, told, taken back, and each change in the audit log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from invoke_host.cli.errors import ExitCode
from invoke_host.clock import SystemClock, timestamp
from invoke_host.identity.groups import store as groups
from invoke_host.limits import usage
from invoke_host.limits.usage import Booking
from invoke_host.queue.tables import queue_lanes

from .conftest import PASSWORD, Run
from .content import database

NOW = timestamp(SystemClock().now())


@pytest.fixture
def studio(run: Run, local_root: Path) -> Run:
    """Bob, and a group that he is in."""
    assert run("users", "add", "-e", "bob@example.com", "-p", PASSWORD).code == 0
    bob = json.loads(run("users", "show", "bob@example.com", "--json").out)["id"]

    def unit(conn: Connection) -> None:
        groups.add(conn, "g-1", "Studio", "", now=NOW)
        groups.add_member(conn, "g-1", bob, now=NOW)
        usage.book(conn, [Booking(bob, NOW, 3, 4_500_000)])
        conn.execute(insert(queue_lanes).values(user_id=bob, pending=2, running=1))

    with database(local_root) as storage:
        storage.run_write(unit)
    return run


def test_without_any_the_list_says_so(run: Run, local_root: Path) -> None:
    assert run("limits", "list").out == "no limits are set\n"


def test_what_is_set_is_listed_by_whose_it_is(studio: Run) -> None:
    assert studio("limits", "set", "--everyone", "max_pending=100", "images_per_day=50").code == 0
    assert studio("limits", "set", "--group", "STUDIO", "--together", "engine_s_per_day=7200.5").code == 0
    assert studio("limits", "set", "--group", "Studio", "weight=2").code == 0
    done = studio("limits", "set", "--user", "BOB@example.com", "images_per_day=none")
    assert done.out.splitlines()[0] == "✅ Set for bob@example.com: images_per_day=none"
    assert studio("limits", "list").out.splitlines() == [
        "WHOSE            SCOPE     LIMIT             VALUE",
        "everyone         each      images_per_day    50",
        "everyone         each      max_pending       100",
        "group Studio     each      weight            2",
        "group Studio     together  engine_s_per_day  7200.5",
        "bob@example.com  each      images_per_day    none",
    ]
    found = json.loads(studio("limits", "list", "--json").out)
    assert found["everyone"] == {"each": {"images_per_day": 50, "max_pending": 100}}
    assert found["groups"][0]["together"] == {"engine_s_per_day": 7200.5}


def test_what_is_taken_back_is_not_listed_any_more(studio: Run) -> None:
    studio("limits", "set", "--everyone", "max_pending=100", "images_per_day=50", "max_running=1")
    done = studio("limits", "unset", "--everyone", "max_pending", "images_per_day", "--json")
    assert json.loads(done.out) == {"each": {"max_running": 1}}


def test_of_several_that_are_to_be_taken_back_all_are_or_none(studio: Run) -> None:
    studio("limits", "set", "--everyone", "max_pending=100")
    done = studio("limits", "unset", "--everyone", "max_pending", "max_running")
    assert (done.code, done.err) == (ExitCode.NOT_FOUND, "error: max_running (each) is not set for everyone.\n")
    assert "max_pending" in studio("limits", "list").out


def test_everything_wrong_is_told_at_once(studio: Run) -> None:
    done = studio(
        "limits", "set", "--everyone", "max_pendin=1", "max_pending", "images_per_day=many", "max_running=nan",
        "weight=none", "images_per_minute=1.5", "images_per_month=1e12", "engine_s_per_day=1", "engine_s_per_day=2",
    )  # fmt: skip
    assert done.code == ExitCode.FAILED
    assert done.err.splitlines() == [
        "error: 'max_pending' has no value: say max_pending=NUMBER or max_pending=none",
        "images_per_day: 'many' is neither a number nor `none`",
        "engine_s_per_day is there twice",
        "max_pendin: there is no limit 'max_pendin'; did you mean 'max_pending'?",
        "max_running: must be from 0 to 1000000000, or null for no limit",
        "weight: the weight is a number; remove it to go back to the default",
        "images_per_minute: must be a whole number",
        "images_per_month: must be from 0 to 1000000000, or null for no limit",
    ]
    assert studio("limits", "list").out == "no limits are set\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "say whose limits"),
        (("--everyone", "--user", "bob@example.com"), "say whose limits"),
        (("--user", "bob@example.com", "--together"), "only groups have limits together"),
        (("--user", "eve@example.com"), "there is no user with the e-mail address"),
        (("--group", "Lab"), "there is no group named 'Lab'"),
        (("--group", ""), "there is no group named ''"),
    ],
)
@pytest.mark.parametrize("command", [("set", "max_pending=1"), ("unset", "max_pending")])
def test_it_must_be_clear_whose_limits_are_meant(
    studio: Run, command: tuple[str, str], words: tuple[str, ...], complaint: str
) -> None:
    done = studio("limits", command[0], *words, command[1])
    assert done.code in (ExitCode.FAILED, ExitCode.NOT_FOUND)
    assert complaint in done.err


def test_each_change_is_in_the_audit_log_under_who_ran_the_command(studio: Run) -> None:
    studio("limits", "set", "--group", "Studio", "--together", "max_running=2")
    studio("limits", "unset", "--group", "Studio", "--together", "max_running")
    rows = [json.loads(line) for line in studio("audit", "tail", "-n", 2, "--json").out.splitlines()]
    assert [(row["action"], row["via"], row["target_name"]) for row in rows] == [("limits.change", "cli", "Studio")] * 2
    assert all(row["actor_name"].startswith("cli: ") for row in rows)
    assert rows[1]["details"] == {"together.max_running": {"before": 2, "after": "unset"}}


def test_the_usage_of_all_is_a_table(studio: Run) -> None:
    lines = studio("usage").out.splitlines()
    assert lines[0].split("  ")[0] == "USER"
    assert lines[1].split() == ["bob@example.com", "2", "1", "3", "4.5", "3", "4.5"]
    found = json.loads(studio("usage", "--json").out)
    assert found[0]["day"] == {"images": 3, "engine_s": 4.5}


def test_the_usage_of_one_says_what_is_left_of_each_limit(studio: Run) -> None:
    studio("limits", "set", "--everyone", "images_per_day=10", "max_pending=5")
    studio("limits", "set", "--group", "Studio", "--together", "engine_s_per_month=100.5")
    studio("limits", "set", "--group", "Studio", "weight=0.5")
    lines = studio("usage", "--user", "bob@example.com").out.splitlines()
    assert lines[:2] == ["Weight:  0.5 (group Studio)", "Waiting: 2, running: 1"]
    assert "This month:   3 images, 4.5 s of device time" in lines
    table = [line.split() for line in lines[lines.index("") + 2 :]]
    assert [row[0] for row in table] == ["max_pending", "images_per_day", "engine_s_per_month"]
    assert table[0] == ["max_pending", "everyone", "5", "2", "3"]
    assert table[2][1:7] == ["group", "Studio", "together", "100.5", "4.5", "96"]
    assert json.loads(studio("usage", "--user", "bob@example.com", "--json").out)["weight"] == 0.5


def test_who_has_no_limits_reads_so(studio: Run) -> None:
    assert studio("usage", "--user", "bob@example.com").out.splitlines()[-1] == "No limits."
    assert studio("usage", "--user", "eve@example.com").code == ExitCode.NOT_FOUND
