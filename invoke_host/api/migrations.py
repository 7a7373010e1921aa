"""Schema lineages: the host has one, each plugin with tables has its own, each with its own version table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData


@dataclass(frozen=True, slots=True, eq=False)
class MigrationLineage:
    """An Alembic history.

    `script_location` is the folder that holds `versions/`; `metadata` is what the tables look like at head (used only
    by the drift check, migrations define their own light tables). Tables of a plugin carry `prefix`; `requires_host`
    names the host revision that must be there first.
    """

    name: str
    script_location: Path
    metadata: MetaData
    prefix: str = ""
    requires_host: str | None = None

    @property
    def version_table(self) -> str:
        """Name of the table that holds this lineage's revision."""
        return f"invoke_schema_{self.name}"
