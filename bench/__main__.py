"""`make bench`: all benchmarks one after another, their JSON lines, and a table at the end."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from bench import directory, fairness, gallery, http, login, overhead, queue, start, streams, tokens


def main() -> int:
    """0 when every bar holds."""
    lines = [
        benchmark.main()
        for benchmark in (start, http, gallery, tokens, login, directory, queue, fairness, streams, overhead)
    ]
    table = Table("benchmark", "bar", "measured", "limit", "")
    for line in lines:
        for name, bar in line["bars"].items():
            table.add_row(line["bench"], name, str(bar["measured"]), bar["bar"], "ok" if bar["ok"] else "MISSED")
    Console().print(table)
    return 0 if all(line["ok"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
