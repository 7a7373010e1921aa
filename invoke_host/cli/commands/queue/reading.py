"""`invoke-host queue status`, `list` and `show`."""

from __future__ import annotations

import asyncio
from typing import Any

import rich_click as click

from invoke_host.cli.commands.queue.options import Host, on_host
from invoke_host.cli.output import json_option, print_json, print_table

_UNFINISHED = ("pending", "in_progress")
_STATUSES = (*_UNFINISHED, "completed", "failed", "canceled")


@click.command()
@on_host
@json_option
def status(host: Host, as_json: bool) -> None:
    """Show how many items run and wait, how far yours are, when the next of yours starts, and what is paused."""
    from invoke_host.cli import queue_status

    found = asyncio.run(_status(host))
    if as_json:
        print_json(found.as_json())
        return
    for line in queue_status.lines(found):
        click.echo(line)


async def _status(host: Host) -> Any:
    from invoke_host.cli.queue_status import look

    async with host.client() as client:
        return await look(client)


@click.command("list")
@click.option("--all", "everything", is_flag=True, help="Finished items too, newest first.")
@click.option("--mine", is_flag=True, help="Only your own.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(_STATUSES),
    help="Only items of this status; may be repeated.",
)
@click.option("--batch", "batch_id", metavar="ID", help="Only items of this batch.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="Show no more items than that."
)
@on_host
@json_option
def list_items(
    host: Host,
    everything: bool,
    mine: bool,
    statuses: tuple[str, ...],
    batch_id: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what runs, then what waits in the order in which it starts; yours first."""
    if everything and statuses:
        raise click.UsageError("say --all or --status, not both")
    listed = asyncio.run(_list(host, everything, mine, statuses, batch_id, limit))
    rows, total, me, now = listed
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(_nothing(everything, mine or batch_id is not None, statuses))
        return
    from invoke_host.cli.queue_words import columns_of

    print_table(*columns_of(rows, me, now))
    if total > len(rows):
        click.echo(f"… and {total - len(rows)} more")


async def _list(
    host: Host, everything: bool, mine: bool, statuses: tuple[str, ...], batch_id: str | None, limit: int
) -> Any:
    """The rows to show, how many there are, the caller's id (None: all are theirs), the time."""
    from invoke_host.cli.queue_words import line_order

    async with host.client() as client:
        me = None if mine else await client.whoami()
        if everything:
            rows = await client.newest(limit, batch_id=batch_id, mine=mine)
            return rows, len(rows), me, client.host_time
        found = [] if statuses else await client.unfinished(batch_id=batch_id, mine=mine)
        for each in statuses:
            # What is unfinished is bounded by `[queue] max_size` and sorted by position; the rest is history.
            at_most = None if each in _UNFINISHED else limit
            found += await client.newest(at_most, status=each, batch_id=batch_id, mine=mine)
        rows = sorted(found, key=lambda row: _finished_last(row) + line_order(row, me))
        return rows[:limit], len(found), me, client.host_time


def _finished_last(row: Any) -> tuple[bool, int]:
    """Finished items come behind the others, the newest first."""
    finished = row["status"] not in _UNFINISHED
    return finished, -int(row["item_id"]) if finished else 0


def _nothing(everything: bool, narrowed: bool, statuses: tuple[str, ...]) -> str:
    if narrowed or statuses:
        return "there is no such item"
    return "nothing has been enqueued yet" if everything else "nothing runs or waits"


@click.command()
@click.argument("item_id", type=click.IntRange(min=1))
@on_host
@json_option
def show(host: Host, item_id: int, as_json: bool) -> None:
    """Show all that is known of an item: where it stands, what it makes, what became of it."""
    row, me, now = asyncio.run(_show(host, item_id))
    if as_json:
        print_json(row)
        return
    from invoke_host.cli.queue_words import facts

    for name, value in facts(row, me, now):
        click.echo(f"{name + ':':<14}{value}")


async def _show(host: Host, item_id: int) -> Any:
    async with host.client() as client:
        row = await client.item(item_id)
        return row, await client.whoami(), client.host_time
