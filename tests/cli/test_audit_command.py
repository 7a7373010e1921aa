"""`invoke-host audit`: the newest entries, those to come, and all of them in a file."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import Connection

from invoke_host.audit.record import Origin, Target, append
from invoke_host.clock import timestamp

from .conftest import Run
from .content import database

FIRST = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def write(root: Path, names: Sequence[str], *, first: datetime = FIRST, apart: timedelta = HOUR) -> None:
    """One login of each name, so far apart."""

    def unit(conn: Connection) -> None:
        for number, name in enumerate(names):
            origin = Origin("id-1", name, "api", "192.0.2.7")
            target = Target("user", "id-1", name)
            append(conn, origin, "login", target, details={"provider": "local"}, now=timestamp(first + number * apart))

    with database(root) as storage:
        storage.run_write(unit)


@pytest.fixture
def five(local_root: Path) -> list[str]:
    """Five logins, an hour apart."""
    names = [f"user{number}@example.com" for number in range(5)]
    write(local_root, names)
    return names


def names_of(text: str) -> list[str]:
    return [json.loads(line)["target_name"] for line in text.splitlines()]


def test_tail_shows_the_newest_oldest_first_a_line_each(run: Run, five: list[str]) -> None:
    lines = run("audit", "tail", "-n", 2).out.splitlines()
    assert lines[1] == (
        "2026-11-20 16:00:00.000 login ok: user user4@example.com by user4@example.com (api) from 192.0.2.7 "
        '{"provider":"local"}'
    )
    assert len(lines) == 2
    assert names_of(run("audit", "tail", "--json").out) == five
    assert run("audit", "tail", "-n", 0).out == ""


def test_tail_as_json_has_the_keys_of_the_http_api(run: Run, five: list[str]) -> None:
    (entry,) = map(json.loads, run("audit", "tail", "-n", 1, "--json").out.splitlines())
    assert entry["details"] == {"provider": "local"}
    assert set(entry) >= {"id", "at", "action", "outcome", "actor_id", "actor_name", "via", "address", "target_id"}


def test_tail_of_an_empty_log_is_empty(run: Run, local_root: Path) -> None:
    assert run("audit", "tail") == run("audit", "tail", "-n", 5)
    assert run("audit", "tail").out == ""


def test_follow_goes_on_with_what_is_added_by_another_process_until_ctrl_c(run: Run, local_root: Path) -> None:
    write(local_root, ["before@example.com"])
    command = [sys.executable, "-m", "invoke_host", "--root", str(local_root), "audit", "tail", "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["target_name"] == "before@example.com"
        for name in ("one@example.com", "two@example.com"):
            write(local_root, [name])
            assert json.loads(process.stdout.readline())["target_name"] == name
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "interrupted")


def test_export_writes_everything_oldest_first_over_all_pages(run: Run, local_root: Path) -> None:
    names = [f"user{number}@example.com" for number in range(2345)]
    write(local_root, names, apart=timedelta(seconds=1))
    assert names_of(run("audit", "export").out) == names
    rows = list(csv.DictReader(StringIO(run("audit", "export", "--format", "csv").out)))
    assert [row["target_name"] for row in rows] == names
    assert json.loads(rows[0]["details"]) == {"provider": "local"}


def test_export_of_a_time_has_its_first_moment_and_not_its_last(run: Run, five: list[str]) -> None:
    words = ("audit", "export", "--since", "2026-11-20T13:00", "--until", "2026-11-20T15:00Z")
    assert names_of(run(*words).out) == five[1:3]
    assert names_of(run("audit", "export", "--since", "2026-11-20T17:00+01:00").out) == five[4:]
    assert names_of(run("audit", "export", "--until", "2026-11-20").out) == []


def test_a_late_time_is_found_behind_thousands_of_entries(run: Run, local_root: Path) -> None:
    write(local_root, [f"user{number}" for number in range(5000)], apart=timedelta(minutes=1))
    last = FIRST + timedelta(minutes=4998)
    assert names_of(run("audit", "export", "--since", last.isoformat()).out) == ["user4998", "user4999"]
    until = FIRST + timedelta(minutes=2)
    assert names_of(run("audit", "export", "--until", until.isoformat()).out) == ["user0", "user1"]


@pytest.mark.parametrize("word", ["yesterday", "2026-13-01", ""])
def test_what_is_no_time_is_wrong_usage(run: Run, five: list[str], word: str) -> None:
    result = run("audit", "export", "--since", word)
    assert result.code == 2
    assert "is no time such as 2026-11-23" in result.err


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")'])
def test_no_cell_is_taken_for_a_formula(run: Run, local_root: Path, evil: str) -> None:
    write(local_root, [evil])
    (row,) = csv.DictReader(StringIO(run("audit", "export", "--format", "csv").out))
    assert row["target_name"] == f"'{evil}"
    assert row["actor_name"] == f"'{evil}"
    assert names_of(run("audit", "export").out) == [evil], "JSON is data, nothing calculates with it"


def test_a_file_is_whole_and_for_its_owner_alone(run: Run, five: list[str], tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    result = run("audit", "export", "-o", file)
    assert (result.code, result.out, result.err) == (0, "", f"{file}: 5 entries\n")
    assert names_of(file.read_text()) == five
    assert file.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_device_is_written_to_and_not_replaced(run: Run, five: list[str]) -> None:
    assert run("audit", "export", "--output", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


def test_a_file_that_can_not_be_written_is_told(run: Run, five: list[str], tmp_path: Path) -> None:
    result = run("audit", "export", "-o", tmp_path / "nowhere" / "audit.jsonl")
    assert result.code == 1
    assert "can't be written: No such file or directory" in result.err
