"""Real failures of a SQLite file, and the host's words for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from invoke_storage_sqlite import SqliteBackend, SqliteOptions
from invoke_storage_sqlite.engine import POOL_SIZE
from sqlalchemy import Connection, text

from invoke_host.api import StartupError, StorageReadOnly, StorageUnavailable
from invoke_host.storage import Storage, quick
from invoke_host.testing.storage import open_storage


def copied(template: Path, folder: Path) -> Path:
    return Path(shutil.copyfile(template, folder / "invoke-host.db"))


def overwrite_page(path: Path, number: int, size: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek((number - 1) * size)
        file.write(b"\xff" * size)


@pytest.fixture
async def impatient(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Storage]:
    """A Storage that waits a tenth of a second for locks."""
    path = copied(sqlite_template, tmp_path)
    async with open_storage(SqliteBackend(path, SqliteOptions(busy_timeout_s=0.1))) as opened:
        yield opened


def rename(connection: Connection, name: str) -> None:
    connection.execute(text("UPDATE users SET display_name = :name"), {"name": name})


def name_of(connection: Connection) -> str:
    return connection.execute(text("SELECT display_name FROM users")).scalar_one()


@quick
def quick_name_of(connection: Connection) -> str:
    return name_of(connection)


LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement)
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(path: Path, *statements: str) -> Iterator[None]:
    """Another process has run the statements and keeps its connection until the block ends."""
    command = [sys.executable, "-c", LOCKER, str(path), *statements]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "locked\n"
        yield
    finally:
        process.communicate()


async def test_a_write_lock_of_another_process_is_unavailable_and_goes_away(impatient: Storage, tmp_path: Path) -> None:
    with another_process(tmp_path / "invoke-host.db", "BEGIN IMMEDIATE"):
        with pytest.raises(StorageUnavailable, match="locked by another process"):
            await impatient.write(rename, "x")
        assert await impatient.read(name_of) == "System"  # readers do not mind
    await impatient.write(rename, "x")


async def test_a_short_lock_of_another_process_goes_unseen(storage: Storage, tmp_path: Path) -> None:
    with another_process(tmp_path / "invoke-host.db", "BEGIN IMMEDIATE"):
        writing = asyncio.create_task(storage.write(rename, "x"))
        assert await storage.read(name_of) == "System"
    await writing


async def test_a_quick_read_that_meets_a_lock_goes_on_in_a_thread(storage: Storage) -> None:
    threads: list[str] = []

    @quick
    def locked_on_the_loop(connection: Connection) -> str:
        threads.append(threading.current_thread().name)
        if len(threads) == 1:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return name_of(connection)

    assert await storage.read(locked_on_the_loop) == "System"
    assert threads[0] == threading.current_thread().name
    assert threads[1].startswith("db-read")
    assert await storage.read(locked_on_the_loop) == "System"
    assert threads[2] == threads[0]


async def test_while_the_host_runs_nobody_can_lock_its_readers_out(storage: Storage, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "invoke-host.db", timeout=0, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    with contextlib.suppress(sqlite3.OperationalError):
        other.execute("UPDATE users SET display_name = 'x'")
    assert await storage.read(quick_name_of) in {"System", "x"}
    other.close()


async def test_a_full_disk_is_read_only_until_there_is_room(sqlite_template: Path, tmp_path: Path) -> None:
    path = copied(sqlite_template, tmp_path)
    backend = SqliteBackend(path)
    limits = ["PRAGMA max_page_count=1"]  # SQLite's own way to a full disk: it never goes below what is in use

    def fill(connection: Connection) -> None:
        connection.connection.dbapi_connection.execute(limits[0])  # type: ignore[union-attr] - it is connected
        connection.execute(text("CREATE TABLE filler (content BLOB)"))
        connection.execute(text("INSERT INTO filler VALUES (zeroblob(1000000))"))

    async with open_storage(backend) as storage:
        with pytest.raises(StorageReadOnly, match=r"disk of .* is full; make room"):
            await storage.write(fill)
        assert await storage.read(name_of) == "System"
        limits[0] = "PRAGMA max_page_count=1073741823"
        await storage.write(fill)


AS_SOMEBODY_ELSE = """
import os, sys
from pathlib import Path
from invoke_storage_sqlite import SqliteBackend
if sys.argv[2] != "-":
    os.setgroups([])
    os.setuid(int(sys.argv[2]))
try:
    SqliteBackend(Path(sys.argv[1])).open()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_folder_that_is_not_ours_is_a_start_up_error_that_names_it(tmp_path: Path) -> None:
    root = os.geteuid() == 0
    path = (Path("/root") if root else Path("/")) / "invoke-host.db"
    user = str(pwd.getpwnam("nobody").pw_uid) if root else "-"
    command = [sys.executable, "-c", AS_SOMEBODY_ELSE, str(path), user]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=True)
    assert done.stdout.startswith("StartupError"), done.stdout + done.stderr
    assert f"{path} can't be opened: Permission denied" in done.stdout


def test_a_file_of_another_kind_is_a_start_up_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "invoke-host.db"
    path.write_bytes(b"This is a holiday picture, not a database. " * 100)
    with pytest.raises(StartupError, match=f"{path} is damaged or no SQLite database"):
        SqliteBackend(path).open()


def test_a_folder_in_place_of_the_file_is_a_start_up_error(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="can't be opened: Is a directory"):
        SqliteBackend(tmp_path).open()


async def test_a_damaged_page_is_unavailable_and_found_by_the_thorough_check(
    sqlite_template: Path, tmp_path: Path
) -> None:
    path = copied(sqlite_template, tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'users'").fetchone()[0]
    overwrite_page(path, root)
    backend = SqliteBackend(path)
    async with open_storage(backend) as storage:
        with pytest.raises(StorageUnavailable, match=f"{path} is damaged"):
            await storage.read(name_of)
        problems = storage.run_read(backend.integrity_problems)
    assert problems
    assert all("damaged" in line or line.startswith("integrity check: ") for line in problems)


def test_the_driver_s_own_complaints_are_mistakes_of_the_program(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "x.db")
    assert backend.classify(sqlite3.ProgrammingError("Cannot operate on a closed database.")) is None
    assert backend.classify(ValueError("x")) is None


async def test_more_connections_than_the_pool_has_is_unavailable(impatient: Storage) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(POOL_SIZE - 1):  # the loop's own connection is the last
            held.enter_context(impatient.engine.connect())
        with pytest.raises(StorageUnavailable, match=r"all connections to .* are in use"):
            await impatient.read(name_of)
    assert await impatient.read(name_of) == "System"


@pytest.mark.parametrize("pragma", ["foreign_keys", "synchronous", "journal_mode"])
async def test_every_kind_of_connection_has_the_promised_settings(impatient: Storage, pragma: str) -> None:
    def setting(connection: Connection) -> object:
        return connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()

    expected = {"foreign_keys": 1, "synchronous": 2, "journal_mode": "wal"}[pragma]
    assert await impatient.read(setting) == expected
    assert await impatient.read(quick(lambda connection: setting(connection))) == expected
    assert await impatient.write(setting) == expected


async def test_synchronous_can_be_relaxed(sqlite_template: Path, tmp_path: Path) -> None:
    async with open_storage(SqliteBackend(tmp_path / "x.db", SqliteOptions(synchronous="normal"))) as storage:
        assert await storage.write(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar_one()) == 1
