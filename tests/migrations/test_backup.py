"""The copy that is made before an upgrade."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from invoke_host.api import SchemaError, StorageUnavailable
from invoke_host.testing.storage import sqlite_backend
from tests.migrations.conftest import Database
from tests.migrations.lineages import CHILD, FAILS, FILL, PARENT, REBUILD, write_lineage


def test_an_upgrade_of_a_used_database_leaves_a_backup_that_can_be_opened(sqlite: Database, tmp_path: Path) -> None:
    assert sqlite.upgrade(write_lineage(tmp_path, "host", [PARENT, CHILD, FILL])).backup is None  # it was empty
    report = sqlite.upgrade(write_lineage(tmp_path, "host", [PARENT, CHILD, FILL, REBUILD]))
    assert report.backup == tmp_path / "backups" / "before-upgrade-from-0003-20260101T120000.000000Z.db"
    restored = tmp_path / "restored"
    restored.mkdir()
    (restored / "invoke-host.db").write_bytes(report.backup.read_bytes())  # one file is all of it
    old = Database(sqlite_backend(restored), tmp_path / "backups")
    assert old.rows("SELECT name FROM host_parent ORDER BY id") == [("one",), ("two",)]
    assert [each.state for each in old.status(write_lineage(tmp_path, "host", [PARENT, CHILD, FILL]))] == ["behind"]
    old.backend.close()


def test_a_failed_upgrade_names_its_backup(sqlite: Database, tmp_path: Path) -> None:
    sqlite.upgrade(write_lineage(tmp_path, "host", [PARENT]))
    with pytest.raises(SchemaError, match=r"A backup from before is .*before-upgrade-from-0001-.*\.db"):
        sqlite.upgrade(write_lineage(tmp_path, "host", [PARENT, FAILS]))


def test_nothing_to_do_makes_no_backup(sqlite: Database, tmp_path: Path) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT])
    sqlite.upgrade(lineage)
    sqlite.upgrade(lineage)
    assert not (tmp_path / "backups").exists()


def test_a_backup_holds_what_is_only_in_the_wal_and_no_open_transaction(sqlite: Database, tmp_path: Path) -> None:
    sqlite.upgrade(write_lineage(tmp_path, "host", [PARENT, CHILD, FILL]))
    with sqlite.engine.execution_options(invoke_write=True).begin() as connection:
        connection.exec_driver_sql("UPDATE host_parent SET name = 'uncommitted'")
        copy = sqlite.backend.backup(tmp_path / "copy.db")
    assert copy is not None
    assert (tmp_path / "invoke-host.db-wal").stat().st_size > 0
    assert {path.name for path in tmp_path.glob("copy.db*")} == {"copy.db"}
    with closing(sqlite3.connect(copy)) as opened:
        assert opened.execute("SELECT name FROM host_parent ORDER BY id").fetchall() == [("one",), ("two",)]
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert copy.stat().st_mode & 0o077 == 0


def test_a_backup_that_can_not_be_written_stops_the_upgrade(sqlite: Database, tmp_path: Path) -> None:
    sqlite.upgrade(write_lineage(tmp_path, "host", [PARENT]))
    (tmp_path / "backups").write_text("not a folder")
    with pytest.raises(SchemaError, match="was not upgraded, because no backup could be written"):
        sqlite.upgrade(write_lineage(tmp_path, "host", [PARENT, CHILD]))
    assert sqlite.status(write_lineage(tmp_path, "host", [PARENT, CHILD]))[0].current == "0001"


def test_a_second_process_waits_for_the_lock_and_gives_up_in_time(sqlite: Database, tmp_path: Path) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT])
    busy = pytest.raises(StorageUnavailable, match="another process is changing the schema")
    with sqlite.backend.migration_lock(1.0), busy:
        sqlite.upgrade(lineage, lock_timeout_s=0.1)
    assert sqlite.upgrade(lineage).applied
