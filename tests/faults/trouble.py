"""What befalls a running host from outside and passes: processes that stand still, a full disk, a locked database."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from random import Random

from .host import LEASE_S, RunningHost
from .painter_plugin import AGAIN_S, SILENCE_S

Strike = Callable[[RunningHost, Random], Awaitable[bool]]

#: Holds the write lock of a database for a while, as a backup tool does that somebody runs.
LOCKER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("ROLLBACK")
"""


async def stop_worker(host: RunningHost, random: Random) -> bool:
    """The worker stands still for three times as long as is waited for it, then goes on as if nothing had been."""
    pids = host.workers()[-1:]
    for pid in pids:
        await _stand_still(pid, 3 * (SILENCE_S + AGAIN_S))
    return bool(pids)


async def stop_host(host: RunningHost, random: Random) -> bool:
    """The host stands still for a moment; its worker goes on."""
    await _stand_still(host.process.pid, random.uniform(0.2, 1.0))
    return True


async def stop_host_for_three_leases(host: RunningHost, random: Random) -> bool:
    """The host stands still until all its leases have run out."""
    await _stand_still(host.process.pid, 3 * LEASE_S + 0.5)
    return True


async def fill_disk(host: RunningHost, random: Random) -> bool:
    """No file of host or worker may grow beyond a few bytes for a while: database, pictures and log."""
    worker = random.random() < 0.5
    pids = [host.process.pid, *(host.workers() if worker else [])]
    wal = host.root.root / "invoke-host.db-wal"
    limit = random.choice([0, 4096, wal.stat().st_size if wal.exists() else 0])
    try:
        for pid in pids:
            _limit_files(pid, limit)
        await asyncio.sleep(random.uniform(0.3, 2.0))
    finally:
        for pid in pids:
            _limit_files(pid, resource.RLIM_INFINITY)
    return True


async def lock_database(host: RunningHost, random: Random) -> bool:
    """Another process writes for longer than the host waits for it."""
    async with locked(host.root.root, 3.0):
        pass
    return True


async def lock_database_briefly(host: RunningHost, random: Random) -> bool:
    """Another process writes for a moment."""
    async with locked(host.root.root, random.uniform(0.1, 0.6)):
        pass
    return True


@asynccontextmanager
async def locked(root: Path, seconds: float) -> AsyncIterator[None]:
    """Begins when a process of its own has locked the database of a root, and ends when it has let go after so long."""
    database = str(root / "invoke-host.db")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCKER, database, str(seconds), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()  # empty where it could not lock: then it has ended
        yield
    finally:
        await process.wait()


#: By name; those that no client notices, and those that answer 503 or 507 while they last.
TROUBLES: dict[str, Strike] = {
    "worker.stopped": stop_worker,
    "host.stopped": stop_host,
    "host.stopped_for_three_leases": stop_host_for_three_leases,
    "disk.full": fill_disk,
    "database.locked": lock_database,
    "database.locked_briefly": lock_database_briefly,
}

#: Those after which an item may have failed at the disk.
DISK_TROUBLES = frozenset({"disk.full"})

#: Those that take many seconds; a short run has each of them once.
SLOW_TROUBLES = frozenset({"host.stopped_for_three_leases"})


def failed_items(root: Path, error_type: str) -> int:
    """How many items have failed so."""
    with closing(sqlite3.connect(root / "invoke-host.db")) as db:
        row: tuple[int] = db.execute("SELECT count(*) FROM queue_items WHERE error_type = ?", (error_type,)).fetchone()
        return row[0]


async def _stand_still(pid: int, seconds: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


def _limit_files(pid: int, limit: int) -> None:
    with suppress(ProcessLookupError):  # it has ended meanwhile
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
