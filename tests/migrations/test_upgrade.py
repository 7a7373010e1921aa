"""What an upgrade does and what it leaves behind when it can't, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoke_host.api import SchemaError
from tests.migrations.conftest import Database
from tests.migrations.lineages import CHILD, FAILS, FILL, PARENT, REBUILD, write_lineage


def test_an_empty_database_gets_every_migration_and_the_second_time_none(database: Database, tmp_path: Path) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT, CHILD])
    assert [each.state for each in database.status(lineage)] == ["new"]
    assert database.upgrade(lineage).applied == (("host", "0001"), ("host", "0002"))
    assert database.upgrade(lineage).applied == ()
    assert [each.state for each in database.status(lineage)] == ["current"]


def test_the_host_comes_first_and_then_the_plugins_in_their_order(database: Database, tmp_path: Path) -> None:
    host = write_lineage(tmp_path, "host", [PARENT])
    zebra = write_lineage(tmp_path, "zebra", [PARENT], requires_host="0001")
    apple = write_lineage(tmp_path, "apple", [PARENT, CHILD])
    report = database.upgrade(host, zebra, apple)
    assert report.applied == (("host", "0001"), ("zebra", "0001"), ("apple", "0001"), ("apple", "0002"))


def test_a_plugin_that_needs_a_newer_host_stops_the_upgrade_before_it_begins(
    database: Database, tmp_path: Path
) -> None:
    host = write_lineage(tmp_path, "host", [PARENT])
    plugin = write_lineage(tmp_path, "acme", [PARENT], requires_host="0007")
    with pytest.raises(SchemaError, match=r"plugin 'acme' needs revision '0007' .* up to '0001'. Install a newer"):
        database.upgrade(host, plugin)
    assert database.tables() == set()


def test_an_exception_leaves_the_schema_before_the_migration_and_the_retry_works(
    database: Database, tmp_path: Path
) -> None:
    good = write_lineage(tmp_path, "host", [PARENT, CHILD, FILL])
    database.upgrade(good)
    before = database.tables()
    broken = write_lineage(tmp_path, "host", [PARENT, CHILD, FILL, FAILS])
    for _ in range(2):
        with pytest.raises(SchemaError, match=r"'0004' of 'host' failed and was rolled back.*made a mistake"):
            database.upgrade(broken)
        assert database.tables() == before
        assert database.rows("SELECT name FROM host_parent ORDER BY id") == [("one",), ("two",)]
    repaired = write_lineage(tmp_path, "host", [PARENT, CHILD, FILL, REBUILD])
    assert database.upgrade(repaired).applied == (("host", "0004"),)
    assert not database.check(repaired)


def test_an_exception_in_the_first_migration_leaves_an_empty_database(database: Database, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="made a mistake"):
        database.upgrade(write_lineage(tmp_path, "host", ["raise RuntimeError('the author made a mistake')"]))
    assert database.tables() == set()


def test_migrations_before_the_one_that_fails_stay_applied(database: Database, tmp_path: Path) -> None:
    broken = write_lineage(tmp_path, "host", [PARENT, CHILD, FILL, FAILS])
    with pytest.raises(SchemaError):
        database.upgrade(broken)
    assert [(each.current, each.pending) for each in database.status(broken)] == [("0003", ("0004",))]


def test_rebuilding_a_table_keeps_its_children(database: Database, tmp_path: Path) -> None:
    database.upgrade(write_lineage(tmp_path, "host", [PARENT, CHILD, FILL, REBUILD]))
    assert database.rows("SELECT id, parent_id FROM host_child ORDER BY id") == [(10, 1), (11, 2)]
    assert database.rows("SELECT name FROM host_parent ORDER BY id") == [("ONE",), ("TWO",)]


def test_a_migration_that_leaves_rows_pointing_at_nothing_is_rolled_back(database: Database, tmp_path: Path) -> None:
    orphaned = 'op.execute("INSERT INTO {prefix}child (id, parent_id) VALUES (12, 99)")'
    with pytest.raises(SchemaError, match=r"(?s)'0003' of 'host'.*(row 12 of host_child|violates foreign key)"):
        database.upgrade(write_lineage(tmp_path, "host", [PARENT, CHILD, orphaned]))
    assert database.rows("SELECT id FROM host_child") == []


def test_foreign_keys_are_enforced_again_after_an_upgrade(database: Database, tmp_path: Path) -> None:
    database.upgrade(write_lineage(tmp_path, "host", [PARENT, CHILD]))
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        database.run("INSERT INTO host_child (id, parent_id) VALUES (1, 99)")


def test_a_database_that_a_newer_program_used_is_refused_and_left_alone(database: Database, tmp_path: Path) -> None:
    database.upgrade(write_lineage(tmp_path / "new", "host", [PARENT, CHILD]))
    old = write_lineage(tmp_path / "old", "host", [PARENT])
    before = database.tables()
    for use in (database.ensure, database.upgrade):
        with pytest.raises(SchemaError, match=r"'host' .* revision '0002', unknown to this .* up to '0001': a newer"):
            use(old)
    assert database.tables() == before
    assert [each.state for each in database.status(old)] == ["newer"]


@pytest.mark.parametrize("version_table", [False, True], ids=["no version table", "empty version table"])
def test_tables_without_a_recorded_revision_are_refused_and_never_stamped(
    database: Database, tmp_path: Path, version_table: bool
) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT])
    database.run("CREATE TABLE host_parent (id INTEGER)")
    if version_table:
        database.run("CREATE TABLE invoke_schema_host (version_num VARCHAR(32) PRIMARY KEY)")
    for use in (database.ensure, database.upgrade):
        with pytest.raises(SchemaError, match=r"tables of 'host' \(host_parent\) but no record of their revision"):
            use(lineage)
    assert [each.current for each in database.status(lineage)] == [None]


def test_two_recorded_revisions_are_refused(database: Database, tmp_path: Path) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT, CHILD])
    database.upgrade(lineage)
    database.run("INSERT INTO invoke_schema_host VALUES ('0001')")
    with pytest.raises(SchemaError, match=r"invoke_schema_host holds 2 revisions, .*; expected one"):
        database.ensure(lineage)


def test_the_tables_of_a_removed_plugin_are_reported_and_left_alone(database: Database, tmp_path: Path) -> None:
    host = write_lineage(tmp_path, "host", [PARENT])
    database.upgrade(host, write_lineage(tmp_path, "acme", [PARENT, CHILD, FILL]))
    host = write_lineage(tmp_path, "host", [PARENT, CHILD])
    report = database.ensure(host)
    assert (report.applied, report.orphans) == ((("host", "0002"),), ("acme",))
    assert [(each.name, each.state, each.current) for each in database.status(host)][1:] == [("acme", "orphan", "0003")]
    assert len(database.rows("SELECT * FROM acme_child")) == 2
    assert not [problem for problem in database.check(host) if "acme" in problem]


def test_a_plugin_added_later_gets_its_tables_without_touching_the_host(database: Database, tmp_path: Path) -> None:
    host = write_lineage(tmp_path, "host", [PARENT])
    database.upgrade(host)
    assert database.ensure(host, write_lineage(tmp_path, "acme", [PARENT])).applied == (("acme", "0001"),)


def test_without_auto_migrate_an_old_schema_is_refused_with_the_command_to_run(
    database: Database, tmp_path: Path
) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT])
    assert database.ensure(lineage, auto_migrate=False).applied  # nothing was there, so nothing can be lost
    lineage = write_lineage(tmp_path, "host", [PARENT, CHILD])
    with pytest.raises(SchemaError, match=r"0001 -> 0002.*then run: invoke-host --root /srv/host db upgrade$"):
        database.ensure(lineage, auto_migrate=False)
    assert database.upgrade(lineage).applied == (("host", "0002"),)
    assert database.ensure(lineage, auto_migrate=False).applied == ()
