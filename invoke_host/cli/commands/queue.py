"""`invoke-host queue`: see and cancel what a running host has to do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.output import json_option, print_json, print_table

url_option = click.option(
    "--url", envvar="INVOKE_HOST_URL", show_envvar=True, help="The host to talk to; by default that of the root folder."
)

_SHOWN = 50


@click.group()
def queue() -> None:
    """See and cancel what a running host has to do."""


@queue.command("list")
@click.option("--all", "everything", is_flag=True, help="Finished items too.")
@click.option(
    "--limit", default=_SHOWN, show_default=True, type=click.IntRange(1, 1000), help="How many items, newest first."
)
@url_option
@json_option
@pass_cli
def list_items(cli: CliContext, everything: bool, limit: int, url: str | None, as_json: bool) -> None:
    """List items that wait or run, newest first."""
    rows = asyncio.run(_list(cli, url, limit))
    if not everything:
        rows = [row for row in rows if row["status"] in ("pending", "in_progress")]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("the queue is empty" if not everything else "nothing has been enqueued yet")
        return
    columns = ["item", "status", "device", "batch", "created", "pictures"]
    print_table(columns, [_cells(row) for row in rows])


@queue.command()
@click.argument("item_ids", nargs=-1, type=click.IntRange(min=1), metavar="ITEM_ID…")
@click.option("--all", "everything", is_flag=True, help="Everything that waits; what runs goes on.")
@click.option("--batch", "batch_ids", multiple=True, metavar="ID", help="All items of a batch; may be repeated.")
@url_option
@json_option
@pass_cli
def cancel(
    cli: CliContext,
    item_ids: tuple[int, ...],
    everything: bool,
    batch_ids: tuple[str, ...],
    url: str | None,
    as_json: bool,
) -> None:
    """Cancel items, batches, or everything that waits. Finished items stay as they are."""
    if sum(map(bool, (item_ids, everything, batch_ids))) != 1:
        raise click.UsageError("name item ids, or --batch ID, or --all (one of the three)")
    answer = asyncio.run(_cancel(cli, url, item_ids, everything, batch_ids))
    if as_json:
        print_json(answer)
        return
    count = answer["canceled"]
    click.echo(f"canceled {count} item{'' if count == 1 else 's'}")
    for item_id, status in answer.get("unchanged", {}).items():
        click.echo(f"item {item_id} is {status} and stays so")


async def _list(cli: CliContext, url: str | None, limit: int) -> list[dict[str, Any]]:
    from invoke_host.cli.client import connect
    from invoke_host.cli.running import find_or_fail

    async with connect(await find_or_fail(cli.root, url)) as client:
        ids = await client.item_ids()
        return await client.items(ids[:limit])


async def _cancel(
    cli: CliContext, url: str | None, item_ids: tuple[int, ...], everything: bool, batch_ids: tuple[str, ...]
) -> dict[str, Any]:
    from invoke_host.cli.client import connect
    from invoke_host.cli.running import find_or_fail

    async with connect(await find_or_fail(cli.root, url)) as client:
        if everything:
            return {"canceled": await client.cancel_waiting()}
        if batch_ids:
            return {"canceled": await client.cancel_batches(batch_ids)}
        items = [await client.cancel_item(item_id) for item_id in item_ids]
        canceled = [item for item in items if item["status"] == "canceled"]
        rest = {str(item["item_id"]): item["status"] for item in items if item not in canceled}
        return {"canceled": len(canceled), "unchanged": rest}


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    names = row.get("image_names") or []
    return (
        str(row["item_id"]),
        str(row["status"]),
        str(row.get("device") or ""),
        str(row.get("batch_id") or ""),
        str(row.get("created_at") or ""),
        ", ".join(map(str, names)),
    )
