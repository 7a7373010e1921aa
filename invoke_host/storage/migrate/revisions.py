"""The revisions of a lineage, read from its files as text: importing Alembic to learn that all is well costs 0.1 s."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from invoke_host.api import MigrationLineage, SchemaError

_REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"']([^\"'\n]+)[\"']", re.MULTILINE)
_DOWN = re.compile(r"^down_revision\b[^=\n]*=\s*(?:(None)\b|[\"']([^\"'\n]+)[\"'])", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Revisions:
    """All revisions of a lineage and their files, oldest first. There are no branches."""

    order: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def head(self) -> str | None:
        """The newest, or None in a lineage without migrations."""
        return self.order[-1] if self.order else None

    def after(self, current: str | None) -> tuple[str, ...]:
        """What is still to be applied to a database at `current` (None = nothing applied yet)."""
        return self.order if current is None else self.order[self.order.index(current) + 1 :]


def read_revisions(lineage: MigrationLineage) -> Revisions:
    """The chain in `versions/`.

    Raises:
        SchemaError: a file says nothing about its place, or the files do not form one line.
    """
    folder = lineage.script_location / "versions"
    parents: dict[str | None, str] = {}
    file_of: dict[str, Path] = {}
    files = sorted(file for file in folder.glob("*.py") if file.name != "__init__.py")
    for file in files:
        text = file.read_text("utf-8")
        revision, down = _REVISION.search(text), _DOWN.search(text)
        if revision is None or down is None:
            raise SchemaError(
                f"{file}: `revision` and `down_revision` must each be a plain string (or None) on one line"
            )
        parent = down[2]
        if parent in parents:
            raise SchemaError(
                f"{folder}: both {parents[parent]!r} and {revision[1]!r} follow {parent!r}; lineage {lineage.name!r} "
                "must be one line, renumber the one that came later"
            )
        parents[parent] = revision[1]
        file_of[revision[1]] = file
    order: list[str] = []
    while (following := parents.get(order[-1] if order else None)) is not None and following not in order:
        order.append(following)
    if len(order) != len(files):
        missing = sorted(set(parents.values()) - set(order))
        raise SchemaError(f"{folder}: {', '.join(missing)} can't be reached from the first migration")
    return Revisions(tuple(order), tuple(file_of[revision] for revision in order))
