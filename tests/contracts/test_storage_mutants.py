"""The storage suite proves itself: each broken backend fails the test that is meant for its defect."""

from __future__ import annotations

import inspect
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from invoke_storage_sqlite import SqliteBackend, SqliteOptions
from invoke_storage_sqlite import engine as sqlite_engine
from sqlalchemy import Connection, Engine, create_engine, event

from invoke_host.api import Health, StorageBackend, StorageUnavailable
from invoke_host.testing.contracts import StorageContract

QUICKLY = SqliteOptions(busy_timeout_s=0.3, synchronous="normal")


class Mutant(SqliteBackend):
    """A backend with one defect; this one has none yet."""

    begin: ClassVar[Any] = None
    pragma: ClassVar[str] = ""

    def __init__(self, path: Path) -> None:
        super().__init__(path, QUICKLY)

    def open(self) -> Engine:
        engine = super().open()
        if self.begin is not None:
            event.remove(engine, "begin", sqlite_engine._begin)
            event.listen(engine, "begin", type(self).begin)
        if self.pragma:
            event.listen(engine, "connect", lambda connection, record: connection.execute(self.pragma))
        return engine


class OpensTwice(Mutant):
    def open(self) -> Engine:
        self._engine = None
        return super().open()


class ClosesOnce(Mutant):
    def close(self) -> None:
        assert self._engine is not None, "not open"
        super().close()


class KeepsItsConnections(Mutant):
    kept: ClassVar[list[Engine | None]] = []

    def close(self) -> None:
        self.kept.append(self._engine)
        self._engine = None


class OpensAnything(Mutant):
    def _prepare(self) -> None:
        pass


class ShowsTheDriversError(Mutant):
    def _prepare(self) -> None:
        sqlite3.connect(self.path).execute("PRAGMA schema_version")


class NamesItsPassword(Mutant):
    def describe(self) -> str:
        return f"SQLite {self.path}?password=hunter2"


class UnhealthyWhenBusy(Mutant):
    def check(self) -> Health:
        try:
            sqlite3.connect(self.path, timeout=0).execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return Health("database", "failed", str(error))
        return Health("database", "ok")


class FindsFault(Mutant):
    def integrity_problems(self, connection: Connection) -> list[str]:
        return ["it is Monday"]


class ClassifiesNothing(Mutant):
    def classify(self, error: BaseException) -> None:
        return None


class ClassifiesEverything(Mutant):
    def classify(self, error: BaseException) -> StorageUnavailable:
        return StorageUnavailable("try again")


class LetsReadersWrite(Mutant):
    def begin(connection: Connection) -> None:  # noqa: N805 - an event listener, called without self
        writes = connection.get_execution_options().get("invoke_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class WritersBeginAsReaders(Mutant):
    def begin(connection: Connection) -> None:  # noqa: N805 - an event listener, called without self
        connection.exec_driver_sql("BEGIN")


class EveryoneIsAWriter(Mutant):
    def begin(connection: Connection) -> None:  # noqa: N805 - an event listener, called without self
        connection.exec_driver_sql("BEGIN IMMEDIATE")


class ReadsWithoutTransaction(Mutant):
    def begin(connection: Connection) -> None:  # noqa: N805 - an event listener, called without self
        if connection.get_execution_options().get("invoke_write"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


class NoTransactions(Mutant):
    def begin(connection: Connection) -> None:  # noqa: N805 - an event listener, called without self
        pass


class TheDriversTransactions(Mutant):
    def open(self) -> Engine:
        self._prepare()
        self._engine = create_engine(f"sqlite:///{self.path}", connect_args={"timeout": 0.3})
        return self._engine


class NoForeignKeys(Mutant):
    pragma = "PRAGMA foreign_keys=OFF"


class CutsText(Mutant):
    def open(self) -> Engine:
        engine = super().open()

        @event.listens_for(engine, "before_cursor_execute", retval=True)
        def cut(connection, cursor, statement, parameters, context, many):
            if not many and isinstance(parameters, tuple):
                parameters = tuple(each[:255] if isinstance(each, str) else each for each in parameters)
            return statement, parameters

        return engine


class ClaimsToSkipLocked(Mutant):
    capabilities = replace(SqliteBackend.capabilities, skip_locked=True)


class ClaimsManyWriters(Mutant):
    capabilities = replace(SqliteBackend.capabilities, concurrent_writers=True)


class WaitsOnTheLoop(Mutant):
    def open(self) -> Engine:
        engine = super().open()
        event.remove(engine, "set_connection_execution_options", sqlite_engine._configured)
        return engine


class LocksNobodyOut(Mutant):
    @contextmanager
    def migration_lock(self, timeout_s: float) -> Iterator[None]:
        yield


class LocksItselfOut(Mutant):
    @contextmanager
    def migration_lock(self, timeout_s: float) -> Iterator[None]:
        with sqlite3.connect(self.path, isolation_level=None) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")


class CopiesTheFile(Mutant):
    def backup(self, target: Path) -> Path:
        target.parent.mkdir(parents=True)
        return Path(shutil.copyfile(self.path, target))


class ReportsAFailedBackup(Mutant):
    def backup(self, target: Path) -> Path | None:
        try:
            return super().backup(target)
        except OSError:
            return target


#: Defect: the test that must find it.
KILLED_BY: dict[type[Mutant], str] = {
    OpensTwice: "test_opening_twice_is_an_error",
    ClosesOnce: "test_closing_twice_is_harmless",
    KeepsItsConnections: "test_closing_ends_its_threads_and_connections",
    OpensAnything: "test_what_can_not_be_opened_is_a_start_up_error_with_a_reason",
    ShowsTheDriversError: "test_what_can_not_be_opened_is_a_start_up_error_with_a_reason",
    NamesItsPassword: "test_it_describes_itself_in_one_line_without_secrets",
    UnhealthyWhenBusy: "test_it_is_healthy_while_it_is_open_and_says_so_quickly",
    FindsFault: "test_a_sound_database_has_no_integrity_problems",
    ClassifiesNothing: "test_a_duplicate_is_a_conflict",
    ClassifiesEverything: "test_its_own_mistakes_are_not_classified",
    LetsReadersWrite: "test_a_unit_that_only_reads_can_not_write",
    WritersBeginAsReaders: "test_fifty_writers_lose_no_update",
    EveryoneIsAWriter: "test_a_reader_does_not_wait_for_a_writer",
    ReadsWithoutTransaction: "test_a_unit_reads_one_snapshot",
    NoTransactions: "test_a_unit_that_raises_leaves_nothing",
    TheDriversTransactions: "test_transactional_ddl_rolls_a_new_table_back",
    NoForeignKeys: "test_foreign_keys_are_enforced_and_a_conflict",
    CutsText: "test_values_come_back_as_they_went_in",
    ClaimsToSkipLocked: "test_skip_locked_passes_over_what_another_transaction_holds",
    ClaimsManyWriters: "test_concurrent_writers_do_not_wait_for_each_other",
    WaitsOnTheLoop: "test_the_connection_of_inline_reads_fails_at_once_where_others_wait_for_a_lock",
    LocksNobodyOut: "test_one_at_a_time_may_migrate",
    LocksItselfOut: "test_the_migration_lock_stops_nobody_else",
    CopiesTheFile: "test_a_backup_holds_what_was_committed_and_only_that",
    ReportsAFailedBackup: "test_a_backup_that_fails_leaves_no_file_that_looks_like_one",
}


class Suite(StorageContract):
    secrets = ("hunter2",)


class Fixtures:
    """What pytest would hand to a test of the suite."""

    def __init__(self, kind: type[Mutant], folder: Path) -> None:
        self.tmp_path = folder
        self.request = self
        self.column, self.first = "content", "a table"
        self._kind = kind

    def make_backend(self) -> StorageBackend:
        return self._kind(self.tmp_path / "mutant.db")

    @property
    def unopenable(self) -> StorageBackend:
        path = self.tmp_path / "holiday.jpg"
        path.write_bytes(b"not a database " * 100)
        return self._kind(path)

    def getfixturevalue(self, name: str) -> Any:
        assert name == "open_backup"
        return lambda copy: SqliteBackend(Path(shutil.copyfile(copy, self.tmp_path / "restored.db")))

    def run(self, name: str) -> None:
        test = getattr(Suite(), name)
        test(**{argument: getattr(self, argument) for argument in inspect.signature(test).parameters})


@pytest.mark.parametrize("mutant", KILLED_BY, ids=lambda mutant: mutant.__name__)
def test_a_broken_backend_fails_the_test_for_its_defect(mutant: type[Mutant], tmp_path: Path) -> None:
    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        Fixtures(mutant, tmp_path).run(KILLED_BY[mutant])
    assert not isinstance(caught.value, (pytest.skip.Exception, NotImplementedError, AttributeError)), caught.value


@pytest.mark.parametrize("name", sorted(set(KILLED_BY.values())))
def test_the_same_tests_pass_without_a_defect(name: str, tmp_path: Path) -> None:
    try:
        Fixtures(Mutant, tmp_path).run(name)
    except pytest.skip.Exception as reason:
        assert "does not declare the capability" in str(reason)  # noqa: PT017 - a skip with another reason is wrong
