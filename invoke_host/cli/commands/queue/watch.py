"""`invoke-host queue watch`: live, until everything is finished."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import rich_click as click

from invoke_host.cli.commands.queue.options import Host, on_host
from invoke_host.cli.errors import ExitCode

if TYPE_CHECKING:
    from invoke_host.cli.following import ItemState


@click.command()
@click.option("--batch", "batch_id", metavar="ID", help="Only the items of this batch, those that are finished too.")
@click.option("--follow", "-f", "forever", is_flag=True, help="Go on with what you enqueue later, until Ctrl-C.")
@on_host
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per finished item and line.")
def watch(host: Host, batch_id: str | None, forever: bool, as_json: bool) -> int:
    """Follow your items until all are finished, and print the names of their pictures as they come.

    Shows how far they are on standard error. A cut connection or a restart of the host is waited out.
    """
    return asyncio.run(_watch(host, batch_id, forever, as_json))


async def _watch(host: Host, batch_id: str | None, forever: bool, as_json: bool) -> int:
    from invoke_host.cli.progress import progress_bar
    from invoke_host.cli.watching import Watch

    def finished(item: ItemState) -> None:
        if as_json:
            row = {"item_id": item.id, "status": item.status, "image_names": item.image_names, "error": item.error}
            click.echo(json.dumps(row, ensure_ascii=False))
            return
        for name in item.image_names if item.status == "completed" else ():
            click.echo(name)
        if item.status != "completed":
            click.echo(f"item {item.id} {item.status}: {item.error or 'no reason'}", err=True)

    async with host.client() as client:
        with progress_bar(enabled=not as_json, now=lambda: client.host_time) as changed:
            items = await Watch(client, finished, changed, batch_id).run(forever=forever)
    if not items.items:
        click.echo("nothing of yours runs or waits", err=True)
    return ExitCode.OK if all(each.status == "completed" for each in items.items.values()) else ExitCode.FAILED
