"""A thorough look: does the schema equal what the program expects, and is the database sound inside?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from invoke_host.api import MigrationLineage, StorageBackend
from invoke_host.storage.migrate.state import LineageStatus, read_status


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found. All is well when `problems` is empty; each is one sentence."""

    lineages: tuple[LineageStatus, ...]
    problems: tuple[str, ...]


def check(engine: Engine, backend: StorageBackend, lineages: Sequence[MigrationLineage]) -> CheckReport:
    """Compare tables with models and let the backend look for damage. Reads everything, changes nothing.

    Raises:
        SchemaError: the files of a lineage are no single line.
        StorageError: the database can't be read.
    """
    from invoke_host.storage.migrate.drift import differences  # imports Alembic

    try:
        with engine.begin() as connection:
            found = read_status(connection, lineages)
            problems = list(backend.integrity_problems(connection))
            for lineage, each in zip(lineages, found, strict=False):
                if each.problem:
                    problems.append(each.problem)
                elif each.pending:
                    problems.append(f"{each.name}: not applied yet: {', '.join(each.pending)}")
                else:
                    problems.extend(f"{each.name}: {text}" for text in differences(connection, lineage))
    except Exception as error:
        known = backend.classify(error)
        if known is None:
            raise
        raise known from error
    return CheckReport(tuple(found), tuple(problems))
