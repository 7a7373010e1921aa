"""A disk that is full, or gone: nothing fails of it that could wait, `/readyz` is red, and it is over by itself."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from .asking import generate, item, readiness, send, status_of, until
from .host import QUEUE, HostRoot, RunningHost
from .oracle import Oracle
from .rounds import log_problems

#: Runs a host in a namespace of its own, where its disk is a small one that nobody else sees; it ends with the host.
ON_A_SMALL_DISK = (
    *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
    'mount -t tmpfs -o size=64m none "$0" && mkdir "$0/blobs" && exec "$@"',
)


def small_disks_are_possible() -> bool:
    command = ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


def fill(disk: Path, leave_bytes: int = 0) -> Path:
    """Write a file until that much room is left."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    left = free - leave_bytes
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while left > 0:
            left -= file.write(b"\0" * min(left, 65536))
    return filler


@pytest.mark.skipif(not small_disks_are_possible(), reason="this kernel gives no mount namespace to this user")
async def test_f_15_on_a_full_disk_items_wait_and_go_on_when_there_is_room(root: HostRoot) -> None:
    disk = root.root / "disk"
    disk.mkdir()
    (root.root / "blobs").symlink_to(disk / "blobs")
    environment = {"INVOKE_HOST_STORAGE__PATH": str(disk / "invoke-host.db")}
    host = await root.start(through=(*ON_A_SMALL_DISK, str(disk)), environment=environment)
    inside = Path(f"/proc/{host.process.pid}/root{disk}")
    [first] = await generate(host)
    await status_of(host, first, "completed")
    ids = await generate(host, count=40, steps=30)
    filler = fill(inside)
    status, checks = await until("it is red", lambda: _red(host), host)
    assert (status, checks["disk"][0]) == (503, "failed")
    assert "32 are needed" in checks["disk"][1]
    refused, answer = await send(host, count=1000, key="late")
    while refused in (200, 201):  # the last room in the database's own files
        refused, answer = await send(host, count=1000)
    assert refused == 507
    assert answer["error_id"]
    assert (await host.ask("GET", f"{QUEUE}/status"))[0] == 200
    assert (await host.ask("GET", "/api/v1/images/?limit=5"))[0] == 200
    filler.unlink()
    await until("it is no longer red", lambda: _not_red(host), host, within_s=10)
    [probe] = await generate(host, prepend=True)
    assert (await status_of(host, probe, within_s=10))["status"] == "completed"
    for item_id in ids:
        found = await status_of(host, item_id)
        assert found["status"] == "completed", found
    assert log_problems(root) == []


async def _red(host: RunningHost) -> tuple[int, dict[str, tuple[str, str]]] | None:
    status, checks = await readiness(host)
    return (status, checks) if status == 503 else None


async def _not_red(host: RunningHost) -> dict[str, tuple[str, str]] | None:
    status, checks = await readiness(host)
    return checks if status == 200 else None


async def test_f_15_a_log_that_can_not_be_written_stops_nothing(root: HostRoot) -> None:
    """/dev/full refuses every byte as a full disk does."""
    host = await root.start(through=("sh", "-c", 'exec "$@" 2>/dev/full >/dev/full', "sh"))
    ids = await generate(host, count=3)
    for item_id in ids:
        assert (await status_of(host, item_id))["status"] == "completed"
    host.signal(15)
    await host.gone()
    assert list(Oracle().problems(root.root, finished=True)) == []


async def test_f_16_a_disk_that_is_unmounted_under_the_host_gets_nothing_written_below_it(root: HostRoot) -> None:
    host = await root.start()
    [first] = await generate(host)
    await status_of(host, first, "completed")
    blobs, away = root.root / "blobs", root.root / "unmounted"
    await host.ask("PUT", f"{QUEUE}/processor/pause")
    waiting = await generate(host, count=3)
    blobs.rename(away)
    blobs.mkdir()  # the empty mount point
    await host.ask("PUT", f"{QUEUE}/processor/resume")
    _, checks = await until("it is red", lambda: _red(host), host)
    assert checks["disk"] == (
        "failed",
        f"the marker file .invoke-host-blobs is missing in {blobs}: is the disk mounted?",
    )
    await until("the queue says so", lambda: _queue_waits(host), host)
    assert [(await item(host, item_id))["status"] for item_id in waiting] == ["pending"] * 3
    assert list(blobs.iterdir()) == []
    blobs.rmdir()
    away.rename(blobs)
    for item_id in waiting:
        found = await status_of(host, item_id, within_s=10)
        assert (found["status"], found["attempt"]) == ("completed", 1)
    assert await host.terminate() == 0
    assert log_problems(root) == []


async def _queue_waits(host: RunningHost) -> bool:
    _, checks = await readiness(host)
    return "nothing is begun" in checks["queue"][1]


async def test_f_16_an_unmounted_disk_at_the_start_is_a_refusal_that_writes_nothing(root: HostRoot) -> None:
    host = await root.start()
    await generate(host)
    assert await host.terminate() == 0
    blobs = root.root / "blobs"
    blobs.rename(root.root / "unmounted")
    blobs.mkdir()
    again = await root.start()
    await again.gone()
    assert again.process.returncode == 2
    assert "its marker file .invoke-host-blobs is missing: is the disk mounted?" in again.log_text()
    assert list(blobs.iterdir()) == []
