"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from invoke_host.cli.queue_words import starts

if TYPE_CHECKING:
    from invoke_host.cli.following import Batch


@contextmanager
def progress_bar(*, enabled: bool, now: Callable[[], datetime]) -> Iterator[Callable[[Batch], None]]:
    """Yields what to call with each piece of news; silent where nobody looks. `now` is the host's time."""
    if not enabled or not sys.stderr.isatty():
        yield lambda batch: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
    )
    # What goes to the same screen must pass through the bar; what goes to a file must not.
    to_screen = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=to_screen, redirect_stderr=True
    ) as progress:
        task = progress.add_task("starting", total=None, done="")

        def changed(batch: Batch) -> None:
            finished = sum(item.finished for item in batch.items.values())
            done = f"{finished}/{len(batch.items)}" if len(batch.items) > 1 else ""
            words = doing(batch, now())
            progress.update(task, completed=batch.share, total=len(batch.items) or None, description=words, done=done)

        yield changed


def doing(batch: Batch, now: datetime) -> str:
    """What happens to the items, in a few words: what the running one says, else when the first of them starts."""
    items = batch.items.values()
    running = [item for item in items if item.status == "in_progress"]
    if running:
        return next((item.message for item in running if item.message), "generating")
    ahead = [(item.position, item) for item in items if not item.finished and item.position is not None]
    if not ahead:
        return "waiting"
    position, first = min(ahead, key=lambda pair: pair[0])
    about = starts({"status": first.status, "estimated_start_at": first.estimated_start_at}, now)
    return f"waiting, position {position}" + (f", starts {about}" if about else "")
