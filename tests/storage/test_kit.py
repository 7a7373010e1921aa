"""The kit's own parts: the clock that tests move, and the throw-away PostgreSQL."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from invoke_host.clock import timestamp
from invoke_host.testing import postgres
from invoke_host.testing.clock import FakeClock


def test_the_clock_stands_still_until_it_is_moved(clock: FakeClock) -> None:
    assert timestamp(clock.now()) == "2026-01-01 12:00:00.000"
    clock.advance(61.5)
    assert timestamp(clock.now()) == "2026-01-01 12:01:01.500"
    assert clock.monotonic() == 61.5


def test_setting_the_wall_clock_back_leaves_durations_alone(clock: FakeClock) -> None:
    clock.advance(10)
    clock.jump(-3600)
    assert timestamp(clock.now()) == "2026-01-01 11:00:10.000"
    assert clock.monotonic() == 10
    with pytest.raises(ValueError, match="use jump"):
        clock.advance(-1)


def test_each_test_gets_a_database_of_its_own(postgres_server: postgres.PostgresServer) -> None:
    with postgres_server.database() as one, postgres_server.database() as two:
        assert one != two


def test_a_missing_server_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "_DEBIAN", tmp_path)
    with pytest.raises(postgres.PostgresMissingError, match=r"Run: apt-get install postgresql$"):
        postgres.postgres_server().__enter__()


STARTS_AND_WAITS = """
import sys
from invoke_host.testing.postgres import postgres_server
with postgres_server() as server:
    print(server.url("postgres").partition("host=")[2], flush=True)
    sys.stdin.read()
"""


def test_the_server_ends_when_its_tests_are_killed() -> None:
    command = [sys.executable, "-c", STARTS_AND_WAITS]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    descriptor = os.pidfd_open(server)
    process.kill()
    process.communicate()
    assert select.select([descriptor], [], [], 30)[0], "the server is still there"
    os.close(descriptor)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host={folder} user=postgres dbname=postgres")
    shutil.rmtree(folder)
    assert process.returncode == -signal.SIGKILL
