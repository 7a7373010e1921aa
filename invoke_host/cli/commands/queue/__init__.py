"""`invoke-host queue`: see, follow and change what a running host has to do."""

from __future__ import annotations

import rich_click as click

from invoke_host.cli.commands.queue.changing import cancel, retry
from invoke_host.cli.commands.queue.pausing import pause, resume
from invoke_host.cli.commands.queue.reading import list_items, show, status
from invoke_host.cli.commands.queue.removing import clear, delete, prune
from invoke_host.cli.commands.queue.watch import watch


@click.group()
def queue() -> None:
    """See, follow and change what a running host has to do."""


for _command in (status, list_items, show, watch, cancel, retry, pause, resume, delete, prune, clear):
    queue.add_command(_command)
