"""What a kill -9 in the middle of an upgrade leaves, and two hosts that start at once. Real processes, real signals."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.migrations import host_process
from tests.migrations.lineages import CHILD, FILL, PARENT, REBUILD, write_lineage


def start(folder: Path, location: str, failpoint: str = "", *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, host_process.__file__, str(folder), location, *more]
    environment = os.environ | {"INVOKE_HOST_FAILPOINT": failpoint}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output


def schema(folder: Path) -> list[tuple[object, ...]]:
    """Everything that decides what a database is: its schema, its revision and its rows."""
    with closing(sqlite3.connect(folder / "invoke-host.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found: list[tuple[object, ...]] = connection.execute(
            "SELECT name, sql FROM sqlite_master ORDER BY name"
        ).fetchall()
        for name, _ in list(found):
            if name.startswith(("host_", "invoke_schema")):
                found += connection.execute(f"SELECT '{name}', * FROM {name}").fetchall()
        return found


def test_killed_at_any_statement_the_old_schema_is_whole_and_the_retry_works(tmp_path: Path) -> None:
    first = write_lineage(tmp_path, "host", [PARENT, CHILD, FILL])
    assert "applied: 0001 0002 0003" in finish(start(tmp_path, str(first.script_location)))
    before = schema(tmp_path)
    second = write_lineage(tmp_path, "host", [PARENT, CHILD, FILL, REBUILD])
    process = start(tmp_path, str(second.script_location), "", "each")
    assert process.stdout is not None
    assert process.stdin is not None
    kills, output = 0, []
    for line in process.stdout:
        output.append(line)
        if line == "killed\n":
            kills += 1
            assert schema(tmp_path) == before, f"killed at statement {kills}"
            process.stdin.write("go on\n")
            process.stdin.flush()
    assert finish(process) == ""
    assert kills > 6  # it rebuilds a table, makes an index, changes rows and notes its revision
    assert "applied: 0004\n" in output
    assert output[-1] == "ended 0\n"
    names = [row[1:] for row in schema(tmp_path) if row[0] == "host_parent" and len(row) == 3]
    assert names == [(1, "ONE"), (2, "TWO")]


@pytest.mark.parametrize("statement", [1, 9, 20])
def test_killed_while_setting_up_the_next_start_sets_up_all(tmp_path: Path, statement: int) -> None:
    killed = start(tmp_path, "-", f"migrate.mid:kill9@{statement}")
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert schema(tmp_path) == []
    assert "applied: 0001" in finish(start(tmp_path, "-"))


def test_of_two_hosts_that_start_at_once_one_migrates_and_the_other_waits(tmp_path: Path) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT, CHILD, FILL])
    first = start(tmp_path, str(lineage.script_location), "migrate.mid:stop@2")
    os.waitid(os.P_PID, first.pid, os.WSTOPPED)  # it stands still in the middle, with the lock
    second = start(tmp_path, str(lineage.script_location))
    assert second.stdout is not None
    assert second.stdout.readline() == "begin\n"
    assert second.poll() is None
    first.send_signal(signal.SIGCONT)
    assert "applied: 0001 0002 0003" in finish(first)
    output = finish(second)
    assert "applied: \n" in output
    assert len([row for row in schema(tmp_path) if row[0] == "host_child"]) == 3  # the table and two rows, once


def test_a_start_on_a_schema_that_fits_does_not_import_alembic(tmp_path: Path) -> None:
    assert "alembic: True" in finish(start(tmp_path, "-"))
    assert "alembic: False" in finish(start(tmp_path, "-"))
