"""`invoke-host queue cancel` and `retry`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import rich_click as click

from invoke_host.cli.commands.queue.options import Host, item_ids_argument, on_host
from invoke_host.cli.output import json_option, print_json
from invoke_host.cli.queue_words import counted

if TYPE_CHECKING:
    from invoke_host.cli.client import HostClient


@click.command()
@item_ids_argument
@click.option("--all", "everything", is_flag=True, help="Everything that waits; what runs goes on.")
@click.option("--batch", "batch_ids", multiple=True, metavar="ID", help="All items of a batch; may be repeated.")
@click.option("--destination", metavar="NAME", help="All items for a destination.")
@click.option("--mine", is_flag=True, help="All your items, those that run too.")
@on_host
@json_option
def cancel(host: Host, /, item_ids: tuple[int, ...], as_json: bool, **which: Any) -> None:
    """Cancel items, batches, or everything that waits. Finished items stay as they are.

    --all, --batch and --destination reach your own items, or everybody's if you are an administrator.
    """
    if sum(map(bool, (item_ids, *which.values()))) != 1:
        ways = "item ids, --batch ID, --destination NAME, --mine or --all"
        raise click.UsageError(f"say what to cancel in exactly one way: {ways}")
    answer = asyncio.run(_cancel(host, item_ids, **which))
    if as_json:
        print_json(answer)
        return
    click.echo(f"canceled {counted(answer['canceled'])}")
    for item_id, status in answer.get("unchanged", {}).items():
        click.echo(f"item {item_id} is {status} and stays so")


async def _cancel(
    host: Host,
    item_ids: tuple[int, ...],
    *,
    everything: bool,
    batch_ids: tuple[str, ...],
    destination: str | None,
    mine: bool,
) -> dict[str, Any]:
    async with host.client() as client:
        if everything:
            return {"canceled": await client.cancel_waiting()}
        if batch_ids:
            return {"canceled": await client.cancel_batches(batch_ids)}
        if destination:
            return {"canceled": await client.cancel_destination(destination)}
        if mine:
            return {"canceled": await _cancel_mine(client)}
        items = [await client.cancel_item(item_id) for item_id in item_ids]
        canceled = [item for item in items if item["status"] == "canceled"]
        rest = {str(item["item_id"]): item["status"] for item in items if item not in canceled}
        return {"canceled": len(canceled), "unchanged": rest}


async def _cancel_mine(client: HostClient) -> int:
    """Batch by batch: the route for all that waits would, for administrators, reach everybody's."""
    from invoke_host.cli.client import IDS_AT_ONCE

    me = await client.whoami()
    rows = [row for row in await client.unfinished(mine=True) if row["user_id"] == me]  # asked twice: no way back
    batch_ids = list(dict.fromkeys(str(row["batch_id"]) for row in rows))
    steps = range(0, len(batch_ids), IDS_AT_ONCE)
    return sum([await client.cancel_batches(batch_ids[start : start + IDS_AT_ONCE]) for start in steps])


@click.command()
@item_ids_argument
@click.option("--failed", is_flag=True, help="All failed items of yours that were not retried yet.")
@click.option("--batch", "batch_id", metavar="ID", help="With --failed: only those of this batch.")
@on_host
@json_option
def retry(host: Host, item_ids: tuple[int, ...], failed: bool, batch_id: str | None, as_json: bool) -> None:
    """Enqueue failed or canceled items again, as new items; each once. Others are passed over."""
    if bool(item_ids) == failed:
        raise click.UsageError("name item ids, or --failed (one of the two)")
    if batch_id and not failed:
        raise click.UsageError("--batch goes with --failed")
    retried = asyncio.run(_retry(host, item_ids, batch_id))
    if as_json:
        print_json([{"item_id": old, "new_item_id": new} for old, new in retried.items()])
        return
    click.echo(f"enqueued {counted(len(retried))} again")
    for old in dict.fromkeys(item_ids):
        click.echo(f"item {old} is now {retried[old]}" if old in retried else f"item {old} was passed over")


async def _retry(host: Host, item_ids: tuple[int, ...], batch_id: str | None) -> dict[int, int]:
    """The new id of each item that was enqueued again; without `item_ids`, all failed ones."""
    from invoke_host.cli.client import IDS_AT_ONCE

    async with host.client() as client:
        wanted = list(dict.fromkeys(item_ids))
        if not wanted:
            rows = await client.newest(status="failed", mine=True, batch_id=batch_id)
            wanted = sorted(int(row["item_id"]) for row in rows)
        done: dict[int, int] = {}
        for start in range(0, len(wanted), IDS_AT_ONCE):
            done |= await client.retry(wanted[start : start + IDS_AT_ONCE])
        return done
