"""`invoke-host queue pause` and `resume`."""

from __future__ import annotations

import asyncio
from typing import Any

import rich_click as click

from invoke_host.cli.commands.queue.options import Host, on_host
from invoke_host.cli.output import json_option, print_json
from invoke_host.cli.queue_words import plain


@click.command()
@click.option("--mine", is_flag=True, help="Only your own items, in all queues; everybody may.")
@on_host
@json_option
def pause(host: Host, mine: bool, as_json: bool) -> None:
    """Start no more items of the queue (for administrators), or none of yours. What runs is finished."""
    _tell(asyncio.run(_set(host, True, mine)), as_json, _words(host, mine, "paused"))


@click.command()
@click.option("--mine", is_flag=True, help="Only your own items, in all queues; everybody may.")
@on_host
@json_option
def resume(host: Host, mine: bool, as_json: bool) -> None:
    """Start items of the queue again (for administrators), or yours."""
    _tell(asyncio.run(_set(host, False, mine)), as_json, _words(host, mine, "resumed"))


async def _set(host: Host, paused: bool, mine: bool) -> dict[str, Any]:
    async with host.client() as client:
        return await client.set_paused(paused, mine=mine)


def _words(host: Host, mine: bool, done: str) -> str:
    return f"{done} your items" if mine else f"{done} queue {plain(host.queue_id)}"


def _tell(answer: dict[str, Any], as_json: bool, words: str) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(words)
