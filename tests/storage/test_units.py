"""What a unit of work can rely on, on both databases."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Connection, CursorResult, insert, select, text

from invoke_host.api import InvokeHostError, NotFound, StorageConflict, StorageError
from invoke_host.identity.tables import users
from invoke_host.images.tables import image_counts
from invoke_host.storage import Storage, quick
from tests.storage.units import add_user, ids, name_of, rename


async def test_a_write_is_there_when_it_returns(each_storage: Storage) -> None:
    await each_storage.write(rename, "Somebody", user="system")
    assert await each_storage.read(name_of, user="system") == "Somebody"


async def test_an_exception_rolls_back_and_passes_through_unchanged(each_storage: Storage) -> None:
    missing = NotFound("no such thing")

    def half(connection: Connection) -> None:
        add_user(connection, "alice")
        raise missing

    with pytest.raises(NotFound) as caught:
        await each_storage.write(half)
    assert caught.value is missing
    assert await each_storage.read(ids) == []


async def test_a_mistake_in_sql_is_not_called_a_storage_error(each_storage: Storage) -> None:
    with pytest.raises(Exception, match="no_such_table") as caught:
        await each_storage.read(lambda connection: connection.execute(text("SELECT * FROM no_such_table")).all())
    assert not isinstance(caught.value, StorageError)


async def test_a_duplicate_is_a_conflict(each_storage: Storage) -> None:
    await each_storage.write(add_user, "alice")
    with pytest.raises(StorageConflict) as caught:
        await each_storage.write(add_user, "alice")
    assert caught.value.__cause__ is not None


async def test_a_reference_to_nothing_is_a_conflict(each_storage: Storage) -> None:
    row = {"user_id": "nobody", "board_id": "none", "category": "general", "is_intermediate": False, "starred": False}
    with pytest.raises(StorageConflict):
        await each_storage.write(lambda connection: connection.execute(insert(image_counts).values(row)).rowcount)


async def test_a_missing_value_is_a_mistake_and_no_conflict(each_storage: Storage) -> None:
    with pytest.raises(Exception, match=r"(?i)null") as caught:
        await each_storage.write(lambda connection: connection.execute(insert(users).values(id="x")).rowcount)
    assert not isinstance(caught.value, StorageError)


@pytest.mark.parametrize("mark", [quick, lambda unit: unit], ids=["quick", "threaded"])
async def test_a_unit_that_only_reads_can_not_write(each_storage: Storage, mark: object) -> None:
    assert callable(mark)
    with pytest.raises(StorageError):
        await each_storage.read(mark(lambda connection: add_user(connection, "alice")))
    assert await each_storage.read(ids) == []


async def test_a_unit_reads_one_snapshot(each_storage: Storage) -> None:
    written, began = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def twice(connection: Connection) -> tuple[str | None, str | None]:
        before = name_of(connection)
        loop.call_soon_threadsafe(began.set)
        assert written.wait(10)
        return before, name_of(connection)

    reading = asyncio.create_task(each_storage.read(twice))
    await began.wait()
    await each_storage.write(rename, "New")
    written.set()
    assert await reading == ("System", "System")
    assert await each_storage.read(name_of) == "New"


async def test_an_open_result_can_not_leave_its_unit(each_storage: Storage) -> None:
    def leak(connection: Connection) -> CursorResult[tuple[str]]:
        return connection.execute(select(users.c.id))

    with pytest.raises(InvokeHostError, match=r"leak returned an open Result; fetch the rows"):
        await each_storage.read(leak)


async def test_fifty_concurrent_writers_lose_nothing(each_storage: Storage) -> None:
    def increment(connection: Connection) -> None:
        # Read first, then write: what deferred transactions lose updates or fail with.
        query = select(users.c.display_name).where(users.c.id == "system").with_for_update()
        rename(connection, str(int(connection.scalar(query) or 0) + 1))

    await each_storage.write(rename, "0")
    await asyncio.gather(*(each_storage.write(increment) for _ in range(50)))
    assert await each_storage.read(name_of) == "50"


async def test_the_same_storage_serves_code_without_a_loop(each_storage: Storage) -> None:
    each_storage.run_write(add_user, "alice")
    assert each_storage.run_read(ids) == ["alice"]
