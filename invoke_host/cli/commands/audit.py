"""`invoke-host audit`: read the audit log, with or without a running host."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import rich_click as click

from invoke_host.cli.accounts import opened
from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.users.showing import say

#: Between two looks for news, with --follow.
_LOOK_EVERY_S = 0.25


class Moment(click.ParamType[datetime]):
    """A date or a time in ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, aware. Fails as wrong usage."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-11-23, 2026-11-23T18:30 or 2026-11-23T18:30+01:00")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@click.group()
def audit() -> None:
    """Read the audit log: logins, changes of users, groups and rights, and who did them."""


@audit.command()
@click.option("-n", "--lines", type=click.IntRange(0, 100_000), default=20, show_default=True, help="How many to show.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@pass_cli
def tail(cli: CliContext, lines: int, follow: bool, as_json: bool) -> None:
    """Show the newest entries, the oldest of them first."""
    from invoke_host.audit.service import AuditLog
    from invoke_host.cli.entries import as_jsonl, as_text

    show = as_jsonl if as_json else as_text
    with opened(cli) as accounts:
        log = AuditLog(accounts.services.storage)
        last = max((each.id for each in accounts.run(log.newest(1))), default=0)
        for entry in accounts.run(log.newest(lines)) if lines else ():
            say(show(entry))
            last = max(last, entry.id)
        while follow:
            for entry in accounts.run(log.after(last, 1000)):
                say(show(entry))
                last = entry.id
            time.sleep(_LOOK_EVERY_S)


@audit.command()
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True, help="Form.")
@click.option("--since", type=Moment(), help="Entries of this moment or later; without a zone it is UTC.")
@click.option("--until", type=Moment(), help="Entries before this moment.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write, instead of standard output."
)
@pass_cli
def export(cli: CliContext, kind: str, since: datetime | None, until: datetime | None, output: Path | None) -> None:
    """Write all entries, the oldest first, however many there are."""
    from invoke_host.cli.entries import between, write_csv, write_jsonl

    write = write_csv if kind == "csv" else write_jsonl
    with opened(cli) as accounts, _written(output) as file:
        count = write(between(accounts, since, until), file)
    if output is not None:
        say(f"{output}: {count} entries", err=True)


@contextmanager
def _written(output: Path | None) -> Iterator[IO[str]]:
    """Where to write to: the file, or standard output."""
    from invoke_host.cli.entries import whole_file

    if output is None:
        yield sys.stdout
        return
    with whole_file(output) as file:
        yield file
