"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoke_host.cli.following import Batch


@contextmanager
def progress_bar(*, total: int, enabled: bool) -> Iterator[Callable[[Batch], None]]:
    """Yields what to call with each piece of news; silent where nobody looks."""
    if not enabled or not sys.stderr.isatty():
        yield lambda batch: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=total)

        def changed(batch: Batch) -> None:
            running = [item for item in batch.items.values() if item.status == "in_progress"]
            words = next((item.message for item in running if item.message), "generating" if running else "waiting")
            progress.update(task, completed=batch.share, total=len(batch.items), description=words)

        yield changed
