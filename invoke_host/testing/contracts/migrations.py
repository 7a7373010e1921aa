"""What every schema lineage must keep, the host's and each plugin's, on SQLite and on PostgreSQL.

```python
import pytest
from invoke_host.testing.contracts import MigrationContract

class TestMigrations(MigrationContract):
    package = "invoke_acme"

    @pytest.fixture
    def lineage(self):
        return plugin.manifest.lineage
```
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog
from sqlalchemy import Engine, MetaData, inspect, text

from invoke_host.api import MigrationLineage, StorageBackend
from invoke_host.lineage import host_lineage
from invoke_host.storage import Storage, migrate
from invoke_host.storage.migrate.revisions import read_revisions
from invoke_host.testing.contracts._schema_picture import picture
from invoke_host.testing.storage import sqlite_backend

#: Names longer than this are cut by PostgreSQL, and then two can be the same.
LONGEST_NAME = 63

_LOG = structlog.get_logger("contract")


class MigrationContract:
    """A test class of a plugin with tables inherits this and says which lineage."""

    #: Top-level name of the package that the lineage belongs to; its migrations must not import it.
    package: ClassVar[str]

    @pytest.fixture
    def lineage(self) -> MigrationLineage:
        """Override this."""
        raise NotImplementedError("override the fixture `lineage`")

    @pytest.fixture(params=["sqlite", "postgresql"])
    def make_empty(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
        """A function that returns a closed backend on a new, empty database each time, on each kind of database."""
        if request.param == "sqlite":
            return lambda: sqlite_backend(tmp_path_factory.mktemp("contract"))
        from invoke_host.testing.postgres_backend import PostgresBackend

        server = request.getfixturevalue("postgres_server")
        return lambda: PostgresBackend(request_database(server, request))

    def test_it_upgrades_from_nothing_and_the_second_time_does_nothing(
        self, lineage: MigrationLineage, make_empty: Callable[[], StorageBackend], tmp_path: Path
    ) -> None:
        """The host's tables are there first, as they are when a plugin is installed later."""
        with Storage(make_empty(), log=_LOG) as storage:
            _upgrade(storage, [host_lineage()], tmp_path)
            done = [revision for name, revision in _upgrade(storage, _with_host(lineage), tmp_path)]
            expected = [] if lineage.name == "host" else list(read_revisions(lineage).order)
            assert done == expected
            assert _upgrade(storage, _with_host(lineage), tmp_path) == []

    def test_every_step_upgrades_to_the_next(
        self, lineage: MigrationLineage, make_empty: Callable[[], StorageBackend], tmp_path: Path
    ) -> None:
        """A database left at any revision reaches the head, one revision at a time."""
        order = read_revisions(lineage).order
        with Storage(make_empty(), log=_LOG) as storage:
            for number in range(1, len(order) + 1):
                part = _first(lineage, number, tmp_path)
                _upgrade(storage, [part] if lineage.name == "host" else [host_lineage(), part], tmp_path)
                found = migrate.status(storage.engine, storage.backend, [part])
                assert found[0].current == order[number - 1]

    def test_the_database_looks_as_the_tables_say(
        self, lineage: MigrationLineage, make_empty: Callable[[], StorageBackend], tmp_path: Path
    ) -> None:
        """Every column, key, constraint and index, their names and texts, compared with tables made from the models."""
        with Storage(make_empty(), log=_LOG) as storage:
            _upgrade(storage, _with_host(lineage), tmp_path)
            migrated = _picture(storage.engine, lineage.metadata)
            report = migrate.check(storage.engine, storage.backend, [lineage])
        with Storage(make_empty(), log=_LOG) as storage:
            if lineage.name != "host":
                _upgrade(storage, [host_lineage()], tmp_path)
            storage.run_write(lineage.metadata.create_all)
            wanted = _picture(storage.engine, lineage.metadata)
        assert "\n".join(migrated) == "\n".join(wanted), "the migrations (first) differ from the models (second)"
        assert not report.problems

    def test_it_makes_no_table_but_its_own(
        self, lineage: MigrationLineage, make_empty: Callable[[], StorageBackend], tmp_path: Path
    ) -> None:
        """A plugin's tables carry its prefix, are all in its models, and the host's are as they were."""
        with Storage(make_empty(), log=_LOG) as storage:
            _upgrade(storage, [host_lineage()], tmp_path)
            before = set(inspect(storage.engine).get_table_names())
            picture_before = _picture(storage.engine, host_lineage().metadata)
            _upgrade(storage, _with_host(lineage), tmp_path)
            made = set(inspect(storage.engine).get_table_names()) - before - {lineage.version_table}
            assert _picture(storage.engine, host_lineage().metadata) == picture_before
        assert made <= set(lineage.metadata.tables), "tables that no model has"
        if lineage.name != "host":
            assert lineage.prefix, "a plugin with tables needs a prefix"
            assert not [name for name in made if not name.startswith(lineage.prefix)], "tables without the prefix"

    def test_it_survives_the_removal_of_another_lineage_and_leaves_its_tables_alone(
        self, lineage: MigrationLineage, make_empty: Callable[[], StorageBackend], tmp_path: Path
    ) -> None:
        """Uninstalling a plugin must not break the upgrade of the others."""
        other = _other_lineage(tmp_path)
        with Storage(make_empty(), log=_LOG) as storage:
            _upgrade(storage, [host_lineage(), other], tmp_path)
            _upgrade(storage, _with_host(lineage), tmp_path)
            found = migrate.status(storage.engine, storage.backend, _with_host(lineage))
            assert {each.name: each.state for each in found}["zz_other"] == "orphan"
            assert {each.state for each in found} == {"current", "orphan"}
            with storage.engine.begin() as connection:
                assert connection.execute(text("SELECT id FROM zz_other_things")).scalars().all() == [1]

    def test_its_migrations_stand_alone(self, lineage: MigrationLineage) -> None:
        """They import neither their package nor the host: the models of today are not those of the day they ran."""
        for file in _files(lineage):
            for name in _imports(file):
                top = name.split(".")[0]
                assert top not in {"invoke_host", self.package}, f"{file.name} imports {name}"
                assert not name.startswith("."), f"{file.name} imports {name}"

    def test_its_migrations_form_one_line_that_alembic_reads_the_same(self, lineage: MigrationLineage) -> None:
        """The host reads the chain without Alembic; both must agree."""
        from invoke_host.storage.migrate.apply import script_directory

        heads = script_directory(lineage).get_heads()
        assert list(heads) == [read_revisions(lineage).head]

    def test_its_migrations_leave_transactions_to_the_host(self, lineage: MigrationLineage) -> None:
        """A COMMIT in the middle would leave half a schema when the rest fails."""
        for file in _files(lineage):
            code = file.read_text("utf-8")
            for word in ("autocommit_block", ".commit(", ".rollback(", "COMMIT", "create_all"):
                assert word not in code, f"{file.name} uses {word}"

    def test_its_names_are_short_enough_for_every_database(self, lineage: MigrationLineage) -> None:
        """PostgreSQL cuts names at 63 bytes."""
        for table in lineage.metadata.tables.values():
            named = [table.name, *(str(index.name) for index in table.indexes)]
            named += [str(constraint.name) for constraint in table.constraints if constraint.name]
            assert not [name for name in named if len(name) > LONGEST_NAME]


def request_database(server: Any, request: pytest.FixtureRequest) -> str:
    """The URL of a new database on a throw-away PostgreSQL, removed after the test."""
    context = server.database()
    url: str = context.__enter__()
    request.addfinalizer(lambda: context.__exit__(None, None, None))
    return url


def _with_host(lineage: MigrationLineage) -> list[MigrationLineage]:
    return [lineage] if lineage.name == "host" else [host_lineage(), lineage]


def _upgrade(storage: Storage, lineages: list[MigrationLineage], tmp_path: Path) -> list[tuple[str, str]]:
    report = migrate.upgrade(storage.engine, storage.backend, lineages, backup_dir=tmp_path / "backups", log=_LOG)
    return list(report.applied)


def _picture(engine: Engine, metadata: MetaData) -> list[str]:
    with engine.begin() as connection:
        return picture(connection, metadata.tables)


def _files(lineage: MigrationLineage) -> list[Path]:
    return sorted((lineage.script_location / "versions").glob("*.py"))


def _imports(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names


def _first(lineage: MigrationLineage, number: int, tmp_path: Path) -> MigrationLineage:
    """The lineage as it was when it had so many revisions."""
    versions = tmp_path / f"first-{number}" / "versions"
    # With whatever else lies there, for migrations may read it.
    shutil.copytree(lineage.script_location, versions.parent, ignore=shutil.ignore_patterns("versions"))
    versions.mkdir()
    for file in read_revisions(lineage).files[:number]:
        shutil.copyfile(file, versions / file.name)
    return MigrationLineage(lineage.name, versions.parent, lineage.metadata, lineage.prefix, lineage.requires_host)


def _other_lineage(tmp_path: Path) -> MigrationLineage:
    """A plugin that is there at first and gone later."""
    versions = tmp_path / "zz_other" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        'revision = "0001"\ndown_revision = None\n\n\n'
        "def upgrade():\n"
        '    op.create_table("zz_other_things", sa.Column("id", sa.Integer, primary_key=True))\n'
        '    op.execute("INSERT INTO zz_other_things (id) VALUES (1)")\n'
    )
    return MigrationLineage("zz_other", versions.parent, MetaData(), "zz_other_")
