"""`invoke-host queue delete`, `prune` and `clear`: pictures stay, whatever happens to the items that made them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import rich_click as click

from invoke_host.cli.asking import ask_yes, can_ask, missing
from invoke_host.cli.commands.queue.options import Host, item_ids_argument, on_host
from invoke_host.cli.output import json_option, print_json
from invoke_host.cli.queue_words import counted, plain

if TYPE_CHECKING:
    from invoke_host.cli.client import HostClient


@click.command()
@item_ids_argument
@click.option("--waiting", is_flag=True, help="Everything that waits; what runs goes on.")
@click.option("--destination", metavar="NAME", help="All items for a destination, running ones too.")
@on_host
@json_option
def delete(host: Host, item_ids: tuple[int, ...], waiting: bool, destination: str | None, as_json: bool) -> None:
    """Remove items, stopping those that run. Pictures stay."""
    if sum(map(bool, (item_ids, waiting, destination))) != 1:
        raise click.UsageError("name item ids, or --waiting, or --destination NAME (one of the three)")

    async def remove(client: HostClient) -> int:
        if waiting:
            return await client.delete_waiting()
        if destination:
            return await client.delete_destination(destination)
        for item_id in item_ids:
            await client.delete_item(item_id)
        return len(item_ids)

    _remove(host, remove, as_json)


@click.command()
@click.option("--mine", is_flag=True, help="Only your own, also if you are an administrator.")
@on_host
@json_option
def prune(host: Host, mine: bool, as_json: bool) -> None:
    """Remove finished items: yours, or everybody's if you are an administrator. Pictures stay."""
    _remove(host, lambda client: client.prune(mine=mine), as_json)


@click.command()
@click.option("--force", "-f", is_flag=True, help="Do not ask.")
@on_host
@json_option
def clear(host: Host, force: bool, as_json: bool) -> None:
    """Remove all items, stopping those that run: yours, or everybody's if you are an administrator. Pictures stay."""
    if not force:
        if not can_ask():
            raise missing("--force")
        if not ask_yes(f"Remove all that runs, waits or is finished in queue {plain(host.queue_id)}?"):
            raise click.Abort
    _remove(host, lambda client: client.clear(), as_json)


def _remove(host: Host, remove: Callable[[HostClient], Awaitable[int]], as_json: bool) -> None:
    async def removed() -> int:
        async with host.client() as client:
            return await remove(client)

    count = asyncio.run(removed())
    if as_json:
        print_json({"deleted": count})
    else:
        click.echo(f"removed {counted(count)}")
