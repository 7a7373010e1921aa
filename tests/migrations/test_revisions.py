"""Reading a lineage's files without importing them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import MetaData

from invoke_host.api import MigrationLineage, SchemaError
from invoke_host.storage.migrate.revisions import read_revisions
from tests.migrations.lineages import CHILD, PARENT, write_lineage


def lineage_of(folder: Path, **files: str) -> MigrationLineage:
    versions = folder / "versions"
    versions.mkdir()
    for name, text in files.items():
        (versions / f"{name}.py").write_text(text)
    return MigrationLineage("host", folder, MetaData())


def test_the_order_is_the_chain_and_not_the_file_names(tmp_path: Path) -> None:
    lineage = lineage_of(
        tmp_path,
        a='revision: str = "third"\ndown_revision: str | None = "second"\n',
        b="revision = 'first'\ndown_revision = None\n",
        c='revision = "second"\ndown_revision = "first"\n',
        __init__="",
    )
    found = read_revisions(lineage)
    assert found.order == ("first", "second", "third")
    assert [file.name for file in found.files] == ["b.py", "c.py", "a.py"]
    assert found.head == "third"
    assert found.after("first") == ("second", "third")
    assert found.after(None) == found.order


def test_a_lineage_without_migrations_has_no_head(tmp_path: Path) -> None:
    assert read_revisions(lineage_of(tmp_path)).head is None


def test_a_file_without_its_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"a\.py: `revision` and `down_revision` must each be a plain string"):
        read_revisions(lineage_of(tmp_path, a='revision = make()\ndown_revision = "x"\n'))


def test_two_that_follow_the_same_are_named(tmp_path: Path) -> None:
    lineage = write_lineage(tmp_path, "host", [PARENT, CHILD])
    second = lineage.script_location / "versions" / "0002_test.py"
    (second.parent / "0002_other.py").write_text(second.read_text().replace('"0002"', '"0002b"'))
    with pytest.raises(SchemaError, match=r"both '0002b' and '0002' follow '0001'.*renumber the one that came later"):
        read_revisions(lineage)


@pytest.mark.parametrize("down", ["0009", "0001"], ids=["missing", "itself"])
def test_one_that_can_not_be_reached_is_named(tmp_path: Path, down: str) -> None:
    with pytest.raises(SchemaError, match="0001 can't be reached from the first migration"):
        read_revisions(lineage_of(tmp_path, a=f'revision = "0001"\ndown_revision = "{down}"\n'))
