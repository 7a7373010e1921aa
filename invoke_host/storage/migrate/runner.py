"""Runs migrations: under the backend's lock, after a backup, each in a transaction of its own, on SQLite too.

Whatever ends an upgrade half-way, an exception or a kill -9, leaves the schema of the last migration that finished, and
the next start goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine
from structlog.typing import FilteringBoundLogger

from invoke_host.api import MigrationLineage, SchemaError, StorageBackend
from invoke_host.clock import Clock
from invoke_host.storage.migrate.status import LineageStatus, status

#: How long a start waits for another process that is upgrading the same database.
LOCK_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """What an upgrade did: lineages that changed as (name, from, to), and the backup made before, if any."""

    changed: tuple[tuple[str, str | None, str], ...]
    backup: Path | None


def ensure(
    engine: Engine,
    backend: StorageBackend,
    lineages: Sequence[MigrationLineage],
    *,
    auto_migrate: bool,
    backup_dir: Path,
    clock: Clock,
    log: FilteringBoundLogger,
) -> UpgradeReport:
    """Return when the schema fits; cheap when it does already.

    Raises:
        SchemaError: the database is newer than the program or of unknown origin, or an upgrade is needed and
            `auto_migrate` is off; the text says what to do.
    """
    with _reading(engine) as connection:
        found = status(connection, lineages)
    refuse(found, backend)
    behind = [each for each in found if each.state in ("pending", "empty")]
    if not behind:
        return UpgradeReport((), None)
    if not auto_migrate and any(each.current is not None for each in found):
        names = ", ".join(f"{each.name} ({each.current or 'none'} -> {each.head})" for each in behind)
        raise SchemaError(
            f"{backend.describe()}: the schema must be upgraded: {names}. Run `invoke-host db upgrade`, "
            "or set [storage] auto_migrate = true."
        )
    return upgrade(engine, backend, lineages, backup_dir=backup_dir, clock=clock, log=log)


def upgrade(
    engine: Engine,
    backend: StorageBackend,
    lineages: Sequence[MigrationLineage],
    *,
    backup_dir: Path,
    clock: Clock,
    log: FilteringBoundLogger,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> UpgradeReport:
    """Upgrade all lineages to their heads, the host's first, then the others in the order given.

    Raises:
        SchemaError: as `ensure`; or a migration failed, and the schema is as it was before that migration.
        StorageUnavailable: another process holds the migration lock for too long.
    """
    from invoke_host.storage.migrate.alembic_run import run

    with backend.migration_lock(lock_timeout_s):
        with _reading(engine) as connection:
            found = status(connection, lineages)  # again: another process may have done it while this one waited
        refuse(found, backend)
        behind = {each.name: each for each in found if each.state in ("pending", "empty")}
        if not behind:
            return UpgradeReport((), None)
        copy = None
        if any(each.current is not None for each in found):
            copy = backend.backup(backup_dir / _backup_name(clock, found))
            log.info("database_backup", file=str(copy) if copy else None)
        changed = []
        for lineage in lineages:
            if lineage.name in behind:
                before = behind[lineage.name]
                log.info("database_upgrade", lineage=lineage.name, current=before.current, target=before.head)
                run(engine, lineage, copy)
                changed.append((lineage.name, before.current, before.head))
    return UpgradeReport(tuple(changed), copy)


def check(engine: Engine, backend: StorageBackend, lineages: Sequence[MigrationLineage]) -> list[str]:
    """What is wrong with the database, one sentence each: schema, drift from the program's tables, integrity."""
    from invoke_host.storage.migrate.alembic_run import drift

    with _reading(engine) as connection:
        found = status(connection, lineages)
        problems = [_sentence(each) for each in found if each.state != "current"]
        if not problems:
            for lineage in lineages:
                problems += drift(connection, lineage)
        return problems + backend.integrity_problems(connection)


def refuse(found: Sequence[LineageStatus], backend: StorageBackend) -> None:
    """Raise SchemaError for a database that this program must not touch."""
    bad = [_sentence(each) for each in found if each.state in ("newer", "foreign")]
    if bad:
        raise SchemaError(f"{backend.describe()}: " + " ".join(bad))


def _sentence(each: LineageStatus) -> str:
    return {
        "newer": (
            f"its schema {each.name!r} is at revision {each.current!r}, which this program does not know (it knows up "
            f"to {each.head!r}): the database was used by a newer version. Install that version, or restore a backup."
        ),
        "foreign": (
            f"it has tables of {each.name!r} but no record of their revision: not made by this program, or damaged. "
            "Restore a backup, or name another database."
        ),
        "pending": f"the schema {each.name!r} is at {each.current!r} and must be upgraded to {each.head!r}.",
        "empty": f"the schema {each.name!r} does not exist yet.",
        "current": f"the schema {each.name!r} is current.",
    }[each.state]


def _backup_name(clock: Clock, found: Sequence[LineageStatus]) -> str:
    revision = found[0].current or "empty"
    return f"invoke-host-{clock.now():%Y%m%d-%H%M%S}-{revision}.db"


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection, connection.begin():
        yield connection
