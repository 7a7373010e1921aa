"""Lineages written for a test: a folder of migrations, one function body each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table

from invoke_host.api import MigrationLineage
from invoke_host.storage.schema import NAMING

PARENT = """
op.create_table("{prefix}parent", sa.Column("id", sa.Integer, nullable=False), sa.Column("name", sa.String(20)),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_{prefix}parent")))
"""
CHILD = """
op.create_table("{prefix}child", sa.Column("id", sa.Integer, nullable=False),
    sa.Column("parent_id", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("id", name=op.f("pk_{prefix}child")),
    sa.ForeignKeyConstraint(["parent_id"], ["{prefix}parent.id"], ondelete="CASCADE",
        name=op.f("fk_{prefix}child_parent_id_{prefix}parent")))
"""
FILL = """
op.execute("INSERT INTO {prefix}parent (id, name) VALUES (1, 'one'), (2, 'two')")
op.execute("INSERT INTO {prefix}child (id, parent_id) VALUES (10, 1), (11, 2)")
"""
#: Rebuilds the table on SQLite, which must not take the children along.
REBUILD = """
with op.batch_alter_table("{prefix}parent") as batch:
    batch.alter_column("name", existing_type=sa.String(20), nullable=False)
op.create_index("ix_{prefix}parent_name", "{prefix}parent", ["name"])
op.execute("UPDATE {prefix}parent SET name = upper(name)")
"""
FAILS = """
op.create_table("{prefix}half", sa.Column("id", sa.Integer))
op.execute("UPDATE {prefix}parent SET name = 'half done'")
raise RuntimeError("the author made a mistake")
"""

_FILE = '''"""Migration {revision}."""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade() -> None:
{body}
'''


def write_lineage(
    folder: Path, name: str, bodies: Sequence[str], *, prefix: str | None = None, requires_host: str | None = None
) -> MigrationLineage:
    """A lineage with the revisions 0001, 0002, ... of these bodies; `{prefix}` in them is the lineage's."""
    prefix = f"{name}_" if prefix is None else prefix
    versions = folder / name / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(bodies, 1):
        down = None if number == 1 else f"{number - 1:04}"
        text = _FILE.format(
            revision=f"{number:04}",
            down=repr(down),
            body=textwrap.indent(body.replace("{prefix}", prefix), "    ") + "\n    pass",
        )
        (versions / f"{number:04}_test.py").write_text(text)
    return MigrationLineage(name, folder / name, family(prefix), prefix=prefix, requires_host=requires_host)


def family(prefix: str) -> MetaData:
    """What the tables look like after PARENT, CHILD, FILL and REBUILD."""
    metadata = MetaData(naming_convention=NAMING)
    parent = Table(f"{prefix}parent", metadata, Column("id", Integer, primary_key=True))
    parent.append_column(Column("name", String(20), nullable=False, index=True))
    child = Table(f"{prefix}child", metadata, Column("id", Integer, primary_key=True))
    child.append_column(
        Column("parent_id", Integer, ForeignKey(f"{prefix}parent.id", ondelete="CASCADE"), nullable=False)
    )
    return metadata
