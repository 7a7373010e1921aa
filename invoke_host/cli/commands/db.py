"""`invoke-host db`: look at the database's schema, bring it up to date, check it for damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from structlog.typing import FilteringBoundLogger

    from invoke_host.api import MigrationLineage, StorageBackend
    from invoke_host.storage.migrate import LineageStatus


@dataclass(frozen=True, slots=True)
class _Database:
    engine: Engine
    backend: StorageBackend
    lineages: Sequence[MigrationLineage]
    log: FilteringBoundLogger


@click.group()
def db() -> None:
    """Look at the database's schema, bring it up to date, check it."""


@db.command()
@json_option
@pass_cli
def status(cli: CliContext, as_json: bool) -> int:
    """Show where the schema of the host and of each plugin stands; exit code 1 if an upgrade is due."""
    from invoke_host.storage import migrate

    with _opened(cli) as database:
        found = migrate.status(database.engine, database.backend, database.lineages)
        place = database.backend.describe()
    if as_json:
        print_json({"database": place, "lineages": [asdict(each) for each in found]})
    else:
        click.echo(place)
        _print_lineages(found)
    for each in found:
        if each.problem:
            click.echo(f"error: {each.problem}", err=True)
    if any(each.problem for each in found):
        return ExitCode.UNHEALTHY
    return ExitCode.FAILED if any(each.pending for each in found) else ExitCode.OK


@db.command()
@json_option
@pass_cli
def upgrade(cli: CliContext, as_json: bool) -> int:
    """Apply what is pending, after a backup. Either a migration is done whole or nothing of it remains."""
    from invoke_host.root import HostRoot
    from invoke_host.storage import migrate

    root = HostRoot(cli.root)
    root.prepare()
    with _opened(cli) as database:
        done = migrate.upgrade(
            database.engine, database.backend, database.lineages, backup_dir=root.backups, log=database.log
        )
    if as_json:
        applied = [{"lineage": lineage, "revision": revision} for lineage, revision in done.applied]
        print_json({"applied": applied, "backup": done.backup, "orphans": done.orphans})
        return ExitCode.OK
    if done.backup:
        click.echo(f"backup: {done.backup}")
    for lineage, revision in done.applied:
        click.echo(f"applied {lineage}: {revision}")
    if not done.applied:
        click.echo("nothing to do")
    return ExitCode.OK


@db.command()
@json_option
@pass_cli
def check(cli: CliContext, as_json: bool) -> int:
    """Compare the schema with what the program expects and look for damage; exit code 5 if anything is wrong."""
    from invoke_host.storage import migrate

    with _opened(cli) as database:
        found = migrate.check(database.engine, database.backend, database.lineages)
    if as_json:
        lineages = [asdict(each) for each in found.lineages]
        print_json({"ok": not found.problems, "problems": found.problems, "lineages": lineages})
    else:
        for problem in found.problems:
            click.echo(problem, err=True)
        click.echo("no problems" if not found.problems else f"{len(found.problems)} found", err=bool(found.problems))
    return ExitCode.UNHEALTHY if found.problems else ExitCode.OK


@contextmanager
def _opened(cli: CliContext) -> Iterator[_Database]:
    """The database of the root folder, with the lineages of the host and of all loaded plugins."""
    if not cli.root.is_dir():
        raise CliError(f"there is no folder {cli.root}, so no host lives there; see --root", ExitCode.NOT_FOUND)
    from invoke_host.cli.registry import lineages, load_registry
    from invoke_host.ops.logging import setup_logging
    from invoke_host.plugins import HostServices, Offers

    loaded = cli.read()
    registry = load_registry(loaded)
    log = setup_logging(loaded.config.logging.level, loaded.config.logging.format)
    path = loaded.config.storage.path
    services = HostServices(loaded.root, log, database_path=loaded.path(path, "") if path else None)
    backend = Offers(registry, services).storage_backend()
    try:
        yield _Database(backend.open(), backend, lineages(registry), log)
    finally:
        backend.close()


def _print_lineages(found: Sequence[LineageStatus]) -> None:
    rows = [(each.name, each.state, each.current or "-", each.head or "-", str(len(each.pending))) for each in found]
    print_table(["schema", "state", "revision", "newest", "pending"], rows)
