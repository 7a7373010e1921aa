"""Run as a program: brings a database to a lineage's head, as a host does at start, and says what it did.

Arguments: folder of the database, the folder of the lineage `host` (`-` for the host's own), and `each` to be killed at
each statement in turn.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path

import structlog
from sqlalchemy import MetaData

from invoke_host import faults
from invoke_host.api import InvokeHostError, MigrationLineage
from invoke_host.lineage import host_lineage
from invoke_host.storage.migrate import ensure
from invoke_host.testing.storage import sqlite_backend


def main(folder: Path, location: str) -> None:
    lineage = host_lineage() if location == "-" else MigrationLineage("host", Path(location), MetaData(), "host_")
    backend = sqlite_backend(folder)
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    print("begin", flush=True)
    try:
        report = ensure(
            backend.open(),
            backend,
            [lineage],
            backup_dir=folder / "backups",
            auto_migrate=True,
            command="invoke-host db upgrade",
            log=log,
        )
    except InvokeHostError as error:
        print(f"error: {error}")
    else:
        print(f"applied: {' '.join(revision for _, revision in report.applied)}")
    print(f"alembic: {'alembic' in sys.modules}")
    backend.close()


def kill_at_each_statement(folder: Path, location: str) -> None:
    """Fork a host that dies at its first statement, one that dies at its second, ..., until one gets through.

    Says how each ended and waits for a line on standard input before the next.
    """
    for statement in count(1):
        child = os.fork()
        if child == 0:
            faults._ARMED["migrate.mid"] = ("kill9", statement)
            main(folder, location)
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else f"ended {status}", flush=True)
        if not killed:
            return
        sys.stdin.readline()


if __name__ == "__main__":
    (kill_at_each_statement if len(sys.argv) > 3 else main)(Path(sys.argv[1]), sys.argv[2])
