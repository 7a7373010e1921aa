"""Storage contract, part 4: the migration lock and backups."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from invoke_host.api import StorageBackend, StorageUnavailable
from invoke_host.testing.contracts._storage_base import MakeBackend, StorageSuite, add, names, opened

OpenBackup = Callable[[Path], StorageBackend]


class StorageSafety(StorageSuite):
    """What keeps data safe when something goes wrong."""

    @pytest.fixture
    def open_backup(self) -> OpenBackup:
        """Override this if `backup` returns a file: a closed backend on a new database restored from that file."""
        raise NotImplementedError("this backend makes backups: override the fixture `open_backup`")

    def test_one_at_a_time_may_migrate(self, make_backend: MakeBackend) -> None:
        """Another host waits, and is told when it has waited long enough."""
        one, two = make_backend(), make_backend()
        with opened(one), opened(two), one.migration_lock(1.0):
            began = time.monotonic()
            with pytest.raises(StorageUnavailable), two.migration_lock(0.2):
                pass  # two hosts hold the lock at the same time
            assert 0.1 < time.monotonic() - began < 5.0

    def test_who_waits_for_the_migration_lock_gets_it_when_it_is_free(self, make_backend: MakeBackend) -> None:
        """Whatever ended the one that had it."""
        one, two = make_backend(), make_backend()
        held, order = threading.Event(), []

        def fail_while_migrating() -> None:
            with suppress(KeyError), one.migration_lock(5.0):
                held.set()
                order.append("first")
                raise KeyError("the migration failed")

        with opened(one), opened(two):
            thread = threading.Thread(target=fail_while_migrating)
            thread.start()
            assert held.wait(30)
            with two.migration_lock(30.0):
                order.append("second")
            thread.join()
        assert order == ["first", "second"]

    def test_the_migration_lock_stops_nobody_else(self, make_backend: MakeBackend) -> None:
        """The holder itself writes under it, on other connections."""
        with opened(make_backend()) as storage, storage.backend.migration_lock(5.0):
            storage.run_write(add, "row")
            assert storage.run_read(names) == ["row"]

    def test_a_backup_holds_what_was_committed_and_only_that(
        self, make_backend: MakeBackend, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        """Made in the middle of somebody's transaction, right after a commit, into a folder that is not there yet."""
        with opened(make_backend()) as storage:
            storage.run_write(add, "committed")
            with storage.engine.execution_options(invoke_write=True).begin() as connection:
                add(connection, "uncommitted")
                copy = storage.backend.backup(tmp_path / "backups" / "copy.db")
            if copy is None:
                pytest.skip(f"the backend {storage.backend.name!r} says that backups are the operator's job")
            storage.run_write(add, "later")
            assert copy.is_relative_to(tmp_path / "backups")
            assert {path.name for path in copy.parent.iterdir()} == {copy.name}
        open_backup: OpenBackup = request.getfixturevalue("open_backup")
        with opened(open_backup(copy), tables=False) as restored:
            assert restored.run_read(names) == ["committed"]
            assert restored.run_read(restored.backend.integrity_problems) == []

    def test_a_backup_that_fails_leaves_no_file_that_looks_like_one(
        self, make_backend: MakeBackend, tmp_path: Path
    ) -> None:
        """Here its folder's name is taken by a file."""
        (tmp_path / "backups").write_text("not a folder")
        with opened(make_backend()) as storage:
            storage.run_write(add, "row")
            try:
                copy = storage.backend.backup(tmp_path / "backups" / "copy.db")
            except Exception:  # noqa: BLE001 - any error will do, as long as it is one
                copy = None
        assert copy is None
        assert (tmp_path / "backups").read_text() == "not a folder"
