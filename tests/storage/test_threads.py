"""Where units run, what cancellation leaves behind, and who is told of a commit."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from invoke_host.api import InvokeHostError
from invoke_host.storage import Storage, quick
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.storage import copy_of
from tests.storage.units import add_user, ids, rename


def where(connection: Connection) -> str:
    return threading.current_thread().name


async def test_quick_reads_run_on_the_loop_and_others_on_threads(storage: Storage) -> None:
    assert await storage.read(quick(lambda connection: where(connection))) == threading.current_thread().name
    assert (await storage.read(where)).startswith("db-read")
    assert (await storage.write(where)).startswith("db-write")


async def test_quick_reads_run_on_threads_where_the_backend_may_wait(each_storage: Storage) -> None:
    thread = await each_storage.read(quick(lambda connection: where(connection)))
    assert thread.startswith("db-read") is not each_storage.backend.capabilities.inline_reads


async def test_the_connection_of_the_loop_waits_for_no_lock_and_those_of_threads_do(storage: Storage) -> None:
    def timeout_ms(connection: Connection) -> int:
        return connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()

    assert await storage.read(quick(lambda connection: timeout_ms(connection))) == 0
    assert await storage.read(timeout_ms) > 0
    assert await storage.write(timeout_ms) > 0


async def test_a_quick_read_sees_what_was_committed_before_it(storage: Storage) -> None:
    count = quick(lambda connection: len(ids(connection)))
    for number in range(3):
        await storage.write(add_user, f"user{number}")
        assert await storage.read(count) == number + 1


async def test_context_variables_reach_the_unit(storage: Storage) -> None:
    request = contextvars.ContextVar("request", default="none")
    request.set("r-1")
    assert await storage.read(lambda connection: request.get()) == "r-1"
    assert await storage.write(lambda connection: request.get()) == "r-1"


class Blocker:
    """A write that holds the one writer thread until it is let go."""

    def __init__(self, storage: Storage) -> None:
        self.began, self.go = asyncio.Event(), threading.Event()
        self._loop = asyncio.get_running_loop()
        self.task = asyncio.create_task(storage.write(self._unit))

    def _unit(self, connection: Connection) -> None:
        add_user(connection, "blocker")
        self._loop.call_soon_threadsafe(self.began.set)
        assert self.go.wait(10)


async def test_a_write_canceled_while_it_waits_never_happens(storage: Storage) -> None:
    blocker = Blocker(storage)
    await blocker.began.wait()
    waiting = asyncio.create_task(storage.write(add_user, "canceled"))
    await asyncio.sleep(0)  # let it reach the queue
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    blocker.go.set()
    await blocker.task
    await storage.write(rename, "after")
    assert await storage.read(ids) == ["blocker"]


async def test_a_write_canceled_while_it_runs_commits_and_holds_no_lock(storage: Storage, tmp_path: Path) -> None:
    told = asyncio.Event()
    storage.on_commit(told.set)
    blocker = Blocker(storage)
    await blocker.began.wait()
    blocker.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocker.task
    blocker.go.set()
    await told.wait()
    other = sqlite3.connect(tmp_path / "invoke-host.db", timeout=0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # fails if anybody still holds the write lock
    other.execute("ROLLBACK")
    other.close()
    assert await storage.read(ids) == ["blocker"]


async def test_commits_are_told_on_the_loop_and_rollbacks_are_not(storage: Storage) -> None:
    told: list[int] = []
    storage.on_commit(lambda: told.append(threading.get_ident()))

    def fails(connection: Connection) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await storage.write(fails)
    assert told == []
    await storage.write(rename, "x")
    assert told == [threading.get_ident()]


async def test_a_failing_callback_is_logged_and_the_others_are_called(storage: Storage) -> None:
    told = asyncio.Event()

    def broken() -> None:
        raise RuntimeError("broken callback")

    storage.on_commit(broken)
    storage.on_commit(told.set)
    with capture_logs() as logs:
        await storage.write(rename, "x")
        await told.wait()
    assert [log["event"] for log in logs] == ["an on_commit callback failed"]


async def test_a_slow_quick_unit_is_reported_by_name(sqlite_template: Path, tmp_path: Path, clock: FakeClock) -> None:
    import structlog

    storage = Storage(copy_of(sqlite_template, tmp_path), log=structlog.get_logger(), clock=clock)
    await storage.open()

    @quick
    def takes(connection: Connection, seconds: float) -> None:
        clock.advance(seconds)

    with capture_logs() as logs:
        await storage.read(takes, 0.004)
        assert logs == []
        for seconds in (0.006, 0.020, 0.007):  # one line a minute, not one each: the machine may be slow as a whole
            await storage.read(takes, seconds)
        clock.advance(60)
        await storage.read(takes, 0.008)
    await storage.close()
    assert {log["event"] for log in logs} == {"slow quick unit"}
    assert [(log["worst_ms"], log["times"]) for log in logs] == [(6.0, 1), (20.0, 3)]
    assert logs[0]["unit"].endswith("takes")


async def test_opening_twice_is_an_error_and_closing_twice_is_not(storage: Storage) -> None:
    with pytest.raises(InvokeHostError, match="open already"):
        await storage.open()
    await storage.close()
    await storage.close()
    for use in (storage.read(ids), storage.write(ids)):
        with pytest.raises(InvokeHostError, match="not open"):
            await use


async def test_a_closed_storage_opens_again(storage: Storage) -> None:
    await storage.write(add_user, "alice")
    await storage.close()
    await storage.open()
    assert await storage.read(quick(lambda connection: ids(connection))) == ["alice"]


async def test_closing_waits_for_the_write_that_runs(storage: Storage) -> None:
    blocker = Blocker(storage)
    await blocker.began.wait()
    closing = asyncio.create_task(storage.close())
    await asyncio.sleep(0)
    assert not closing.done()
    blocker.go.set()
    await closing
    await blocker.task
    with storage:
        assert storage.run_read(ids) == ["blocker"]


async def test_without_a_loop_callbacks_are_called_on_the_spot(sqlite_template: Path, tmp_path: Path) -> None:
    import structlog

    told: list[str] = []
    with Storage(copy_of(sqlite_template, tmp_path), log=structlog.get_logger()) as storage:
        storage.on_commit(lambda: told.append("told"))
        storage.run_write(rename, "x")
    assert told == ["told"]
