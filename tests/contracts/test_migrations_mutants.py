"""The migration suite proves itself: an honest lineage passes, each broken one fails the test meant for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Column, Index, Integer, Table

from invoke_host.api import MigrationLineage
from invoke_host.testing.contracts import MigrationContract
from invoke_host.testing.storage import sqlite_backend
from tests.migrations.lineages import CHILD, FAILS, FILL, PARENT, REBUILD, write_lineage

HONEST = [PARENT, CHILD, FILL, REBUILD]


class Suite(MigrationContract):
    package = "invoke_acme"


TESTS = [name for name, _ in inspect.getmembers(Suite, inspect.isfunction) if name.startswith("test_")]


def run(name: str, lineage: MigrationLineage, folder: Path) -> None:
    made = iter(range(100))

    def make_empty():
        place = folder / f"database-{next(made)}"
        place.mkdir()
        return sqlite_backend(place)

    given = {"lineage": lineage, "make_empty": make_empty, "tmp_path": folder}
    test = getattr(Suite(), name)
    test(**{argument: given[argument] for argument in inspect.signature(test).parameters})


@pytest.mark.parametrize("name", TESTS)
def test_an_honest_lineage_passes(name: str, tmp_path: Path) -> None:
    run(name, write_lineage(tmp_path, "acme", HONEST), tmp_path)


def more(*bodies: str) -> Callable[[Path], MigrationLineage]:
    """The honest migrations, and these."""
    return lambda folder: write_lineage(folder, "acme", [*HONEST, *bodies])


def forgotten_column(folder: Path) -> MigrationLineage:
    lineage = write_lineage(folder, "acme", HONEST)
    lineage.metadata.tables["acme_parent"].append_column(Column("size", Integer))
    return lineage


def forgotten_index(folder: Path) -> MigrationLineage:
    lineage = write_lineage(folder, "acme", HONEST)
    Index("ix_acme_child_backwards", lineage.metadata.tables["acme_child"].c.parent_id.desc())
    return lineage


def other_rule(folder: Path) -> MigrationLineage:
    return write_lineage(folder, "acme", [PARENT, CHILD.replace("CASCADE", "SET NULL"), FILL, REBUILD])


def long_name(folder: Path) -> MigrationLineage:
    lineage = write_lineage(folder, "acme", HONEST)
    Table("acme_" + "x" * 60, lineage.metadata, Column("id", Integer))
    return lineage


def wrong_prefix(folder: Path) -> MigrationLineage:
    lineage = write_lineage(folder, "acme", HONEST, prefix="mine_")
    return MigrationLineage("acme", lineage.script_location, lineage.metadata, "acme_")


def two_heads(folder: Path) -> MigrationLineage:
    lineage = write_lineage(folder, "acme", HONEST)
    last = lineage.script_location / "versions" / "0004_test.py"
    (last.parent / "0005_test.py").write_text(last.read_text().replace('revision = "0004"', 'revision = "0005"'))
    return lineage


NOTHING = "test_it_upgrades_from_nothing_and_the_second_time_does_nothing"
STEPS = "test_every_step_upgrades_to_the_next"
LOOKS = "test_the_database_looks_as_the_tables_say"
OWN = "test_it_makes_no_table_but_its_own"
REMOVAL = "test_it_survives_the_removal_of_another_lineage_and_leaves_its_tables_alone"
ALONE = "test_its_migrations_stand_alone"
LINE = "test_its_migrations_form_one_line_that_alembic_reads_the_same"
TRANSACTIONS = "test_its_migrations_leave_transactions_to_the_host"
NAMES = "test_its_names_are_short_enough_for_every_database"

MUTANTS = {
    "fails": (NOTHING, more(FAILS)),
    "fails on its last step": (STEPS, more(FAILS)),
    "forgets a column of its model": (LOOKS, forgotten_column),
    "forgets an index on an expression": (LOOKS, forgotten_index),
    "makes another foreign key rule": (LOOKS, other_rule),
    "makes tables with another prefix": (OWN, wrong_prefix),
    "makes a table that no model has": (OWN, more('op.create_table("acme_more", sa.Column("id", sa.Integer))')),
    "changes a table of the host": (OWN, more('op.add_column("users", sa.Column("acme", sa.Integer))')),
    "needs another plugin's table": (OWN, more('op.execute("UPDATE zz_other_things SET id = 2")')),
    "changes another plugin's table": (
        REMOVAL,
        more('if sa.inspect(op.get_bind()).has_table("zz_other_things"): op.execute("DELETE FROM zz_other_things")'),
    ),
    "imports its models": (ALONE, more("from invoke_acme.tables import parent")),
    "imports the host": (ALONE, more("import invoke_host.storage.schema")),
    "imports by a relative name": (ALONE, more("from ..tables import parent")),
    "has two heads": (LINE, two_heads),
    "commits in the middle": (TRANSACTIONS, more("op.get_bind().commit()")),
    "makes tables from its models": (TRANSACTIONS, more("metadata.create_all(op.get_bind())")),
    "has a name that PostgreSQL cuts": (NAMES, long_name),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_lineage_fails_the_test_for_its_defect(mutant: str, tmp_path: Path) -> None:
    name, make = MUTANTS[mutant]
    with pytest.raises(Exception, match=r".+") as caught:
        run(name, make(tmp_path), tmp_path)
    assert not isinstance(caught.value, (NotImplementedError, AttributeError, KeyError)), caught.value


def test_every_test_of_the_suite_has_a_mutant() -> None:
    assert {name for name, _ in MUTANTS.values()} == set(TESTS)
