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

token_option = click.option(
    "--token",
    envvar="INVOKE_HOST_TOKEN",
    show_envvar=True,
    help="API token to log in with. The variable keeps it out of the process list and the shell's history.",
)


@click.group()
def queue() -> None:
    """See and cancel what a running host has to do."""


@queue.command("list")
@click.option("--all", "everything", is_flag=True, help="Finished items too, newest first.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="Show no more items than that."
)
@url_option
@token_option
@json_option
@pass_cli
def list_items(
    cli: CliContext, everything: bool, limit: int, url: str | None, token: str | None, as_json: bool
) -> None:
    """List what runs, then what waits, oldest first."""
    rows = asyncio.run(_list(cli, url, token, limit if everything else None))
    if as_json:
        print_json(rows[:limit])
        return
    if not rows:
        click.echo("nothing has been enqueued yet" if everything else "nothing runs or waits")
        return
    print_table(["item", "status", "device", "batch", "created", "pictures"], [_cells(row) for row in rows[:limit]])
    if len(rows) > limit:
        click.echo(f"… and {len(rows) - limit} more")


@queue.command()
@click.argument("item_ids", nargs=-1, type=click.IntRange(min=1), metavar="ITEM_ID…")
@click.option("--all", "everything", is_flag=True, help="Everything that waits; what runs goes on.")
@click.option("--batch", "batch_ids", multiple=True, metavar="ID", help="All items of a batch; may be repeated.")
@url_option
@token_option
@json_option
@pass_cli
def cancel(
    cli: CliContext,
    item_ids: tuple[int, ...],
    everything: bool,
    batch_ids: tuple[str, ...],
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Cancel items, batches, or everything that waits. Finished items stay as they are."""
    if sum(map(bool, (item_ids, everything, batch_ids))) != 1:
        raise click.UsageError("name item ids, or --batch ID, or --all (one of the three)")
    answer = asyncio.run(_cancel(cli, url, token, item_ids, everything, batch_ids))
    if as_json:
        print_json(answer)
        return
    count = answer["canceled"]
    click.echo(f"canceled {count} item{'' if count == 1 else 's'}")
    for item_id, status in answer.get("unchanged", {}).items():
        click.echo(f"item {item_id} is {status} and stays so")


async def _list(cli: CliContext, url: str | None, token: str | None, newest: int | None) -> list[dict[str, Any]]:
    """The newest items of any status; with None, those that are unfinished."""
    from invoke_host.cli.client import IDS_AT_ONCE, connect
    from invoke_host.cli.running import find_or_fail

    async with connect(await find_or_fail(cli.root, url), token) as client:
        ids = await client.item_ids()
        if newest is not None:
            return await client.items(ids[:newest])
        unfinished: list[dict[str, Any]] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            page = await client.items(ids[start : start + IDS_AT_ONCE])
            found = [row for row in page if row["status"] in ("pending", "in_progress")]
            unfinished += found
            if not found:
                break  # a thousand finished items in a row: what is older is finished too
        return sorted(unfinished, key=lambda row: (row["status"] == "pending", row["item_id"]))


async def _cancel(
    cli: CliContext,
    url: str | None,
    token: str | None,
    item_ids: tuple[int, ...],
    everything: bool,
    batch_ids: tuple[str, ...],
) -> dict[str, Any]:
    from invoke_host.cli.client import connect
    from invoke_host.cli.running import find_or_fail

    async with connect(await find_or_fail(cli.root, url), token) as client:
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
