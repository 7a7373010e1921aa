"""The runner: under the backend's lock, after a backup, host before plugins, one transaction per migration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from structlog.typing import FilteringBoundLogger

from invoke_host.api import (
    MigrationLineage,
    SchemaError,
    StorageBackend,
    StorageError,
    StorageReadOnly,
    StorageUnavailable,
)
from invoke_host.clock import Clock, SystemClock
from invoke_host.storage.migrate.revisions import read_revisions
from invoke_host.storage.migrate.state import LineageStatus, status

#: Long enough for another host to rebuild a large table.
LOCK_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """What an upgrade did: (lineage, revision) in the order of application, and the backup made before."""

    applied: tuple[tuple[str, str], ...] = ()
    backup: Path | None = None
    orphans: tuple[str, ...] = ()


def ensure(
    engine: Engine,
    backend: StorageBackend,
    lineages: Sequence[MigrationLineage],
    *,
    backup_dir: Path,
    auto_migrate: bool,
    command: str,
    log: FilteringBoundLogger,
    clock: Clock | None = None,
) -> UpgradeReport:
    """Make the schema fit at start; `command` is what to tell the operator to run where `auto_migrate` is off.

    A database that holds nothing yet is set up also without `auto_migrate`: there is nothing to lose.

    Raises:
        SchemaError: it does not fit and may not or can't be upgraded, or a migration failed (and left no trace).
        StorageError: the database can't be used, or another process migrates for too long.
    """
    found = status(engine, backend, lineages)
    _refuse(found)
    _log_orphans(found, log)
    behind = [each for each in found if each.pending]
    if not behind:
        return UpgradeReport(orphans=_orphans(found))
    if not auto_migrate and any(each.state == "behind" for each in behind):
        listed = "; ".join(f"{each.name}: {each.current} -> {each.head}" for each in behind)
        raise SchemaError(
            f"the database schema is older than this program ({listed}) and [storage] auto_migrate is false. "
            f"Stop all hosts that use the database, then run: {command}"
        )
    return upgrade(engine, backend, lineages, backup_dir=backup_dir, log=log, clock=clock)


def upgrade(
    engine: Engine,
    backend: StorageBackend,
    lineages: Sequence[MigrationLineage],
    *,
    backup_dir: Path,
    log: FilteringBoundLogger,
    clock: Clock | None = None,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> UpgradeReport:
    """Apply what is pending. When two hosts start at once, one migrates and the other waits and finds nothing to do.

    Raises:
        SchemaError: the schema can't be upgraded, the backup failed, or a migration did. Migrations before that one
            stay applied, of itself nothing stays; trying again goes on with it.
        StorageError: the database can't be used, or the lock was not free in time.
    """
    with backend.migration_lock(lock_timeout_s):
        found = status(engine, backend, lineages)
        _refuse(found)
        _require_host(lineages)
        pending = [(lineage, each) for lineage, each in zip(lineages, found, strict=False) if each.pending]
        if not pending:
            return UpgradeReport(orphans=_orphans(found))
        moment = (clock or SystemClock()).now()
        copy = _back_up(backend, found, backup_dir, moment, log)
        applied: list[tuple[str, str]] = []
        for lineage, each in pending:
            for revision in each.pending:
                _apply(engine, backend, lineage, revision, copy)
                log.info("schema upgraded", lineage=lineage.name, revision=revision)
                applied.append((lineage.name, revision))
        return UpgradeReport(tuple(applied), copy, _orphans(found))


def _apply(
    engine: Engine, backend: StorageBackend, lineage: MigrationLineage, revision: str, copy: Path | None
) -> None:
    from invoke_host.storage.migrate.apply import apply  # imports Alembic

    try:
        apply(engine, lineage, revision)
    except Exception as error:
        known = error if isinstance(error, StorageError) else backend.classify(error)
        if isinstance(known, (StorageUnavailable, StorageReadOnly)):
            raise known from error
        kept = f" A backup from before is {copy}." if copy else ""
        raise SchemaError(
            f"migration {revision!r} of {lineage.name!r} failed and was rolled back whole: {error}.{kept}"
        ) from error


def _refuse(found: Sequence[LineageStatus]) -> None:
    problems = [each.problem for each in found if each.problem]
    if problems:
        raise SchemaError("\n".join(problems))


def _require_host(lineages: Sequence[MigrationLineage]) -> None:
    """Host migrations come first: what a plugin requires is there when its turn comes, if this host has it at all."""
    host = read_revisions(lineages[0])
    for lineage in lineages[1:]:
        if lineage.requires_host is not None and lineage.requires_host not in host.order:
            raise SchemaError(
                f"plugin {lineage.name!r} needs revision {lineage.requires_host!r} of the schema {lineages[0].name!r}; "
                f"this program has it up to {host.head!r}. Install a newer invoke-host, or an older plugin"
            )


def _back_up(
    backend: StorageBackend,
    found: Sequence[LineageStatus],
    backup_dir: Path,
    moment: datetime,
    log: FilteringBoundLogger,
) -> Path | None:
    if all(each.current is None for each in found):
        return None  # nothing is in it yet
    name = f"before-upgrade-from-{found[0].current or 'nothing'}-{moment:%Y%m%dT%H%M%S.%fZ}.db"
    try:
        copy = backend.backup(backup_dir / name)
    except (OSError, StorageError) as error:
        raise SchemaError(
            f"the schema was not upgraded, because no backup could be written to {backup_dir}: {error}"
        ) from error
    if copy is None:
        log.warning("no backup before the upgrade: with this database that is the operator's job")
    else:
        log.info("database backed up before the upgrade", file=str(copy))
    return copy


def _orphans(found: Sequence[LineageStatus]) -> tuple[str, ...]:
    return tuple(each.name for each in found if each.state == "orphan")


def _log_orphans(found: Sequence[LineageStatus], log: FilteringBoundLogger) -> None:
    for name in _orphans(found):
        log.warning("tables of a plugin that is not loaded are left as they are", lineage=name)
