"""Storage contract, part 2: transactions."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, inspect, select, text, update

from invoke_host.api import StorageConflict, StorageError, StorageUnavailable
from invoke_host.storage import Storage, quick
from invoke_host.testing.contracts._storage_base import MakeBackend, StorageSuite, add, items, names, need, opened

WRITERS = 50

#: Longer than it takes to be refused, shorter than any time that a backend would wait for a lock.
AT_ONCE_S = 0.1


class StorageUnits(StorageSuite):
    """What units of work rely on."""

    def test_a_unit_that_raises_leaves_nothing(self, make_backend: MakeBackend) -> None:
        """And its exception arrives unchanged."""

        def half(connection: Connection) -> None:
            add(connection, "half")
            raise KeyError("stop")

        with opened(make_backend()) as storage:
            with pytest.raises(KeyError, match="stop"):
                storage.run_write(half)
            assert storage.run_read(names) == []

    def test_a_unit_that_only_reads_can_not_write(self, make_backend: MakeBackend) -> None:
        """`invoke_write` is not set: a write in there is a mistake that must not wait for two hosts to show."""
        with opened(make_backend()) as storage:
            with pytest.raises(StorageError):
                storage.run_read(add, "smuggled")
            storage.run_write(add, "declared")
            assert storage.run_read(names) == ["declared"]

    def test_a_unit_reads_one_snapshot(self, make_backend: MakeBackend) -> None:
        """What others commit between two of its statements does not show."""
        with opened(make_backend()) as storage:

            def twice(connection: Connection) -> tuple[list[str], list[str]]:
                before = names(connection)
                with ThreadPoolExecutor(1) as other:
                    other.submit(storage.run_write, add, "between").result(30)
                return before, names(connection)

            assert storage.run_read(twice) == ([], [])
            assert storage.run_read(names) == ["between"]

    def test_a_reader_does_not_wait_for_a_writer(self, make_backend: MakeBackend) -> None:
        """And sees nothing of what is not committed."""
        with opened(make_backend()) as storage, ThreadPoolExecutor(1) as other:
            with storage.engine.execution_options(invoke_write=True).begin() as connection:
                add(connection, "uncommitted")
                assert other.submit(storage.run_read, names).result(30) == []
            assert storage.run_read(names) == ["uncommitted"]

    def test_fifty_writers_lose_no_update(self, make_backend: MakeBackend) -> None:
        """Each reads, then writes what it read plus one: 25 threads on each of two backends, as of two hosts."""

        def increment(connection: Connection) -> None:
            query = select(items.c.count).where(items.c.name == "counter").with_for_update()
            count = connection.scalar(query) or 0
            connection.execute(update(items).where(items.c.name == "counter").values(count=count + 1))

        first, second = make_backend(), make_backend()
        with opened(first) as one, opened(second) as two, ThreadPoolExecutor(16) as threads:
            one.run_write(add, "counter")
            futures = [threads.submit((one, two)[number % 2].run_write, increment) for number in range(WRITERS)]
            for future in futures:
                future.result(60)
            assert one.run_read(lambda connection: connection.scalar(select(items.c.count))) == WRITERS

    def test_a_canceled_task_leaves_no_open_transaction(self, make_backend: MakeBackend) -> None:
        """Another process can write at once."""

        async def cancel_in_the_middle() -> None:
            storage = Storage(make_backend(), log=structlog.get_logger("contract"))
            await storage.open()
            began, go = asyncio.Event(), threading.Event()
            loop = asyncio.get_running_loop()

            def slow(connection: Connection) -> None:
                add(connection, "slow")
                loop.call_soon_threadsafe(began.set)
                assert go.wait(30)

            task = asyncio.create_task(storage.write(slow))
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            go.set()
            with opened(make_backend(), tables=False) as other:
                await asyncio.to_thread(other.run_write, add, "other")
            assert set(await storage.read(names)) >= {"other"}
            await storage.close()

        with opened(make_backend()):
            pass
        asyncio.run(cancel_in_the_middle())

    def test_a_duplicate_is_a_conflict(self, make_backend: MakeBackend) -> None:
        """Of a unique column and of a primary key."""
        with opened(make_backend()) as storage:
            storage.run_write(add, "twice", id=1)
            with pytest.raises(StorageConflict):
                storage.run_write(add, "twice")
            with pytest.raises(StorageConflict):
                storage.run_write(add, "another", id=1)
            assert storage.run_read(names) == ["twice"]

    def test_foreign_keys_are_enforced_and_a_conflict(self, make_backend: MakeBackend) -> None:
        """On insert, on update and on delete, and on each connection of the pool."""
        with opened(make_backend()) as storage:
            storage.run_write(add, "parent", id=1000)
            storage.run_write(add, "child", parent_id=1000)
            with pytest.raises(StorageConflict):
                storage.run_write(add, "stray", parent_id=99)
            with pytest.raises(StorageConflict):
                storage.run_write(
                    lambda connection: connection.execute(items.delete().where(items.c.id == 1000)).rowcount
                )
            with pytest.raises(StorageConflict):
                storage.run_write(lambda connection: connection.execute(update(items).values(parent_id=99)).rowcount)
            assert sorted(storage.run_read(names)) == ["child", "parent"]

    def test_a_lost_connection_is_unavailable_and_the_next_unit_gets_another(
        self, make_backend: MakeBackend, cut_connections: Callable[[], None] | None
    ) -> None:
        """Lost in the middle of a unit, and lost while it lay in the pool."""
        if cut_connections is None:
            pytest.skip("the fixture `cut_connections` says that this backend has no connections to lose")

        def cut(connection: Connection) -> None:
            add(connection, "lost")
            cut_connections()
            add(connection, "lost too")

        with opened(make_backend()) as storage:
            with pytest.raises(StorageUnavailable):
                storage.run_write(cut)
            storage.run_write(add, "kept")
            cut_connections()
            assert storage.run_read(names) == ["kept"]

    def test_a_mistake_in_sql_is_not_a_storage_error(self, make_backend: MakeBackend) -> None:
        """Neither is a value that the schema rules out: trying again would not help."""
        with opened(make_backend()) as storage:
            for mistake in (
                lambda connection: connection.execute(text("SELECT * FROM no_such_table")).all(),
                lambda connection: connection.execute(insert(items).values(content="no name")).rowcount,
                lambda connection: connection.execute(insert(items).values(name="x", count=-1)).rowcount,
            ):
                with pytest.raises(Exception) as caught:  # noqa: PT011 - each driver has its own
                    storage.run_write(mistake)
                assert not isinstance(caught.value, StorageError), caught.value

    @pytest.mark.parametrize("first", ["a row", "a table"])
    def test_transactional_ddl_rolls_a_new_table_back(self, make_backend: MakeBackend, first: str) -> None:
        """Migrations rely on it, whatever the transaction begins with."""
        backend = make_backend()
        need(backend, "transactional_ddl")

        def half(connection: Connection) -> None:
            if first == "a row":
                add(connection, "before")
            Table("contract_half", MetaData(), Column("id", Integer)).create(connection)
            connection.execute(text("INSERT INTO contract_half VALUES (1)"))
            raise KeyError("stop")

        with opened(backend) as storage:
            with pytest.raises(KeyError):
                storage.run_write(half)
            assert not inspect(storage.engine).has_table("contract_half")
            assert storage.run_read(names) == []

    def test_concurrent_writers_do_not_wait_for_each_other(self, make_backend: MakeBackend) -> None:
        """Two transactions have both written before either commits."""
        backend = make_backend()
        need(backend, "concurrent_writers")
        both = threading.Barrier(2, timeout=30)

        def meet(connection: Connection, name: str) -> None:
            add(connection, name)
            both.wait()

        def write(storage: Storage, name: str) -> None:
            try:
                storage.run_write(meet, name)
            except Exception:
                both.abort()  # do not let the other wait for what will not come
                raise

        with opened(backend) as storage, ThreadPoolExecutor(2) as threads:
            for future in [threads.submit(write, storage, name) for name in ("one", "two")]:
                future.result(30)
            assert sorted(storage.run_read(names)) == ["one", "two"]

    def test_inline_reads_never_make_the_event_loop_wait(self, make_backend: MakeBackend) -> None:
        """Not for a writer, not for long: half of a hundred point reads take under 5 ms."""
        backend = make_backend()
        need(backend, "inline_reads")

        @quick
        def point(connection: Connection) -> str | None:
            return connection.scalar(select(items.c.name).where(items.c.id == 1))

        async def read() -> list[float]:
            took = []
            storage = Storage(backend, log=structlog.get_logger("contract"))
            await storage.open()
            with storage.engine.execution_options(invoke_write=True).begin() as connection:
                add(connection, "uncommitted")
                for _ in range(100):
                    began = time.perf_counter()
                    assert await storage.read(point) == "row"
                    took.append(time.perf_counter() - began)
            await storage.close()
            return sorted(took)

        with opened(make_backend()) as other:
            other.run_write(add, "row", id=1)
        assert asyncio.run(read())[50] < 0.005

    def test_the_connection_of_inline_reads_fails_at_once_where_others_wait_for_a_lock(
        self, make_backend: MakeBackend
    ) -> None:
        """That connection is the event loop's own: what it waits for, every client waits for."""
        backend = make_backend()
        need(backend, "inline_reads")
        inline: list[Connection] = []

        async def use() -> float:
            storage = Storage(make_backend(), log=structlog.get_logger("contract"))
            await storage.open()
            await storage.read(quick(lambda connection: inline.append(connection)))
            began = time.perf_counter()
            # Reads rarely meet a lock, so the same connection is made to want the one that is held.
            with pytest.raises(Exception) as caught, inline[0].execution_options(invoke_write=True).begin():  # noqa: PT011 - each driver has its own
                add(inline[0], "second")
            took = time.perf_counter() - began
            assert isinstance(storage.backend.classify(caught.value), StorageUnavailable), caught.value
            await storage.close()
            return took

        with opened(backend) as other, other.engine.execution_options(invoke_write=True).begin() as connection:
            add(connection, "first")
            assert asyncio.run(use()) < AT_ONCE_S

    def test_a_writer_that_waits_too_long_gets_unavailable(self, make_backend: MakeBackend) -> None:
        """Where there is one writer: the lock is held by another process for longer than the backend waits."""
        backend = make_backend()
        if backend.capabilities.concurrent_writers:
            pytest.skip(f"the backend {backend.name!r} declares 'concurrent_writers', so writers do not wait in line")
        with opened(make_backend()) as one, opened(backend) as two, ThreadPoolExecutor(1) as other:
            with one.engine.execution_options(invoke_write=True).begin() as connection:
                add(connection, "first")
                future = other.submit(two.run_write, add, "second")
                with pytest.raises(StorageUnavailable):
                    future.result(90)
            two.run_write(add, "later")
            assert one.run_read(names) == ["first", "later"]
