"""What the operator sees when the host is ready: a panel on a terminal, a structured log line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from structlog.typing import FilteringBoundLogger

from invoke_host.masking import mask_text, one_line

_SETUP = "There is no administrator yet: open the URL and enter the setup code."
_GOOD_FOR = "It is good once, and until this host ends."


@dataclass(frozen=True, slots=True)
class BannerFacts:
    """The facts of one start. Texts come without secrets: `database` is what the backend's `describe()` says.

    `free_bytes` None means that the blob store can't tell; `recovered_items` were left running by the last host.
    `setup_code` is what the first administrator's account needs, where there is none yet; `url` is where people go.
    """

    url: str
    mode: str
    version: str
    database: str
    schema_revision: str
    blobs: str
    free_bytes: int | None
    devices: Sequence[str]
    recovered_items: int
    warnings: Sequence[str]
    root: Path
    plugins: Sequence[str]
    setup_code: str | None = None


def show_banner(facts: BannerFacts, log: FilteringBoundLogger, *, stream: TextIO | None = None) -> None:
    """Write the banner to `stream` (standard error) if that is a terminal, else log it; one log line per warning."""
    out = sys.stderr if stream is None else stream
    if out.isatty():
        _print_panel(facts, out)
        return
    fields = asdict(facts)
    warnings, setup_code = fields.pop("warnings"), fields.pop("setup_code")
    log.info("host_started", **{**fields, "root": str(facts.root)})
    if setup_code is not None:
        log.warning("setup_required", setup_code=setup_code, url=facts.url, detail=f"{_SETUP} {_GOOD_FOR}")
    for warning in warnings:
        log.warning("startup_warning", detail=warning)


def human_size(size_bytes: int) -> str:
    """A size as people say it: `812 MiB`, `1.5 TiB`."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit in ("bytes", "KiB", "MiB") else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _rows(facts: BannerFacts) -> Iterator[tuple[str, str]]:
    free = "" if facts.free_bytes is None else f", {human_size(facts.free_bytes)} free"
    yield "mode", facts.mode
    yield "root folder", str(facts.root)
    yield "database", f"{facts.database}, schema {facts.schema_revision}"
    yield "pictures", f"{facts.blobs}{free}"
    yield "devices", ", ".join(facts.devices) or "none yet"
    yield "plugins", ", ".join(facts.plugins) or "none"
    if facts.recovered_items:
        items = "item was" if facts.recovered_items == 1 else "items were"
        yield "recovered", f"{facts.recovered_items} interrupted {items} put back into the queue"


def _print_panel(facts: BannerFacts, out: TextIO) -> None:
    # rich is slow to import and only needed where somebody looks
    from rich.console import Console, Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in _rows(facts):
        table.add_row(Text(name, style="dim"), Text(one_line(mask_text(value))))
    parts: list[Table | Text] = [Text(facts.url, style="bold underline"), Text(""), table]
    if facts.setup_code is not None:
        code = Text(f"    {facts.setup_code}", style="bold yellow")  # alone on its line, to be copied
        parts += [Text(""), Text(_SETUP), code, Text(_GOOD_FOR)]
    if facts.warnings:
        parts.append(Text(""))
        parts.extend(Text(f"warning: {one_line(mask_text(each))}", style="yellow") for each in facts.warnings)
    title = f"Invoke Host {facts.version}"
    Console(file=out, highlight=False).print(Panel(Group(*parts), title=title, title_align="left", expand=False))
