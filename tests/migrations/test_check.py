"""The thorough check finds what does not fit, and says nothing when all is well. On both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Column, Index, Integer

from invoke_host.api import MigrationLineage
from invoke_host.storage.migrate.drift import draft
from tests.migrations.conftest import Database
from tests.migrations.lineages import CHILD, FILL, PARENT, REBUILD, write_lineage


@pytest.fixture
def lineage(tmp_path: Path) -> MigrationLineage:
    return write_lineage(tmp_path, "host", [PARENT, CHILD, FILL, REBUILD])


def test_a_sound_database_has_no_problems(database: Database, lineage: MigrationLineage) -> None:
    database.upgrade(lineage)
    assert database.check(lineage) == ()


def test_pending_migrations_are_named(database: Database, lineage: MigrationLineage) -> None:
    assert database.check(lineage) == ("host: not applied yet: 0001, 0002, 0003, 0004",)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("ALTER TABLE host_parent ADD COLUMN extra INTEGER", "extra"),
        ("DROP INDEX ix_host_parent_name", "ix_host_parent_name"),
        ("CREATE INDEX ix_extra ON host_child (parent_id)", "ix_extra"),
        ("CREATE TABLE host_extra (id INTEGER)", "host_extra"),
    ],
)
def test_what_differs_from_the_models_is_named(
    database: Database, lineage: MigrationLineage, change: str, word: str
) -> None:
    database.upgrade(lineage)
    database.run(change)
    assert any(word in problem for problem in database.check(lineage))


def test_an_index_on_an_expression_is_compared_too(sqlite: Database, lineage: MigrationLineage) -> None:
    Index("ix_backwards", lineage.metadata.tables["host_child"].c.parent_id.desc())
    sqlite.upgrade(lineage)
    assert any("index ix_backwards: expected CREATE INDEX" in problem for problem in sqlite.check(lineage))
    sqlite.run("CREATE INDEX ix_backwards ON host_child (parent_id DESC)")
    assert sqlite.check(lineage) == ()


def test_tables_of_others_are_none_of_our_business(database: Database, lineage: MigrationLineage) -> None:
    database.upgrade(lineage)
    database.run("CREATE TABLE somebody_elses (id INTEGER)")
    assert database.check(lineage) == ()


def test_rows_that_point_at_nothing_are_found(sqlite: Database, lineage: MigrationLineage) -> None:
    sqlite.upgrade(lineage)
    driver = sqlite.engine.raw_connection()
    driver.cursor().execute("PRAGMA foreign_keys=OFF").execute("PRAGMA query_only=OFF")
    driver.cursor().execute("INSERT INTO host_child (id, parent_id) VALUES (12, 99)")
    driver.invalidate()
    assert sqlite.check(lineage) == ("row 12 of host_child points to a row of host_parent that does not exist",)


def test_a_draft_of_the_missing_migration_can_be_had(database: Database, lineage: MigrationLineage) -> None:
    database.upgrade(lineage)
    lineage.metadata.tables["host_parent"].append_column(Column("size", Integer))
    with database.engine.begin() as connection:
        code = draft(connection, lineage)
    assert "add_column(sa.Column('size', sa.Integer(), nullable=True))" in code
