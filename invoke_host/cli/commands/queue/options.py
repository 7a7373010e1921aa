"""Where a command finds its host and queue: the options that all commands on a queue have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli

if TYPE_CHECKING:
    from invoke_host.cli.client import HostClient

P = ParamSpec("P")

url_option = click.option(
    "--url", envvar="INVOKE_HOST_URL", show_envvar=True, help="The host to talk to; by default that of the root folder."
)

token_option = click.option(
    "--token",
    envvar="INVOKE_HOST_TOKEN",
    show_envvar=True,
    help="API token to log in with. The variable keeps it out of the process list and the shell's history.",
)

queue_option = click.option(
    "--queue", "queue_id", default="default", show_default=True, metavar="ID", help="The id of the queue."
)

item_ids_argument = click.argument("item_ids", nargs=-1, type=click.IntRange(min=1), metavar="ITEM_ID…")


@dataclass(frozen=True, slots=True)
class Host:
    """The host and the queue that were asked for."""

    cli: CliContext
    url: str | None
    token: str | None
    queue_id: str

    @asynccontextmanager
    async def client(self) -> AsyncIterator[HostClient]:
        """A client of it. Raises CliError where no host runs, or none answers."""
        from invoke_host.cli.client import connect
        from invoke_host.cli.running import find_or_fail

        async with connect(await find_or_fail(self.cli.root, self.url), self.token, self.queue_id) as client:
            yield client


def on_host(command: Callable[Concatenate[Host, P], Any]) -> Callable[..., Any]:
    """Give a command the options --queue, --url and --token, and what they name as its first argument."""

    @queue_option
    @url_option
    @token_option
    @pass_cli
    @wraps(command)
    def called(
        cli: CliContext, /, url: str | None, token: str | None, queue_id: str, *args: P.args, **options: P.kwargs
    ) -> Any:
        return command(Host(cli, url, token, queue_id), *args, **options)

    return called
