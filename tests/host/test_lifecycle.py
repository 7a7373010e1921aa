"""How a host ends and comes back: gently, hurried, killed; with work in hand that must be done exactly once."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psutil

from tests.machine import busy

from .client import QUEUE
from .conftest import NewHost
from .listener import Listener
from .process import NO_DEVICES, HostProcess, until
from .startup import refused

#: An item that runs long enough to be interrupted: two calls of the UNet for each of the steps.
LONG = {"steps": 40, "scheduler": "dpmpp_2s"}


def rows(root: Path, query: str) -> list[tuple]:
    """What the database of a host says while no host has it open."""
    with closing(sqlite3.connect(f"file:{root}/invoke-host.db?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def items(root: Path) -> list[tuple]:
    """(status, attempt, deaths of workers) of all items, in order."""
    return rows(root, "SELECT status, attempt, worker_deaths FROM queue_items ORDER BY id")


def blobs(root: Path) -> list[str]:
    """Suffixes of all files with pictures, and of everything that is staged."""
    return sorted(file.suffix for file in (root / "blobs").rglob("*") if file.is_file() and file.suffix)


def ended_within(process: psutil.Process, seconds: float) -> bool:
    """Does the process end in time?"""
    gone, _ = psutil.wait_procs([process], timeout=seconds)
    return bool(gone)


def test_kill_9_and_a_gentle_end_lose_nothing_and_make_nothing_twice(new_host: NewHost, root: Path):
    killed = new_host()
    client = killed.wait_ready()
    with Listener(client) as listener:
        accepted = client.generate(count=2, key="precious", **LONG)
        first, second = accepted["item_ids"]
        listener.step(first, 5)
        worker = killed.worker()
        killed.signal(signal.SIGKILL)
        assert ended_within(worker, 5)
    assert killed.wait() == -signal.SIGKILL
    assert [status for status, *_ in items(root)] == ["in_progress", "pending"]

    again = new_host()
    client = again.wait_ready()
    assert client.generate(count=2, key="precious", **LONG) == accepted
    with Listener(client) as listener:
        until("the first is made", lambda: client.item(first)["status"] == "completed")
        assert client.item(first)["attempt"] == 2
        listener.step(second)
        worker = again.worker()
        assert again.stop() == 0
    assert items(root) == [("completed", 2, 0), ("completed", 1, 0)]  # what ran was finished before the end
    assert ended_within(worker, 5)
    assert blobs(root) == [".png", ".png", ".webp", ".webp"]
    assert rows(root, "SELECT count(*) FROM images") == [(2,)]
    assert not (root / "run" / "host.json").exists()
    assert '"recovered_items":1' in again.log
    assert "Traceback" not in killed.log + again.log


def test_what_does_not_end_in_time_is_given_back_and_a_second_signal_ends_at_once(new_host: NewHost, root: Path):
    gentle = new_host({"INVOKE_HOST_QUEUE__DRAIN_S": "0"})
    client = gentle.wait_ready()
    with Listener(client) as listener:
        [item_id] = client.generate(**LONG)["item_ids"]
        listener.step(item_id, 3)
        assert gentle.stop() == 0
    assert items(root) == [("pending", 0, 0)]
    assert blobs(root) == []
    assert "Traceback" not in gentle.log

    hurried = new_host()
    client = hurried.wait_ready()
    with Listener(client) as listener:
        until("it is made", lambda: client.item(item_id)["status"] == "completed")
        assert client.item(item_id)["attempt"] == 1
        [late] = client.generate(**LONG)["item_ids"]
        listener.step(late, 3)
        worker = hurried.worker()
        hurried.signal(signal.SIGTERM)
        until("it says that it stops", lambda: '"stopping"' in hurried.log)
        asked_at = time.monotonic()
        hurried.signal(signal.SIGINT)
        assert hurried.wait() == 130
        assert time.monotonic() - asked_at < 2 * busy()
    assert ended_within(worker, 5)
    assert items(root) == [("completed", 1, 0), ("in_progress", 1, 0)]

    last = new_host(NO_DEVICES)
    assert last.client.item(late)["status"] == "pending"
    assert last.client.get(f"{QUEUE}/next").json()["item_id"] == late
    assert last.stop() == 0


def test_a_pause_and_the_order_of_the_queue_last_over_a_restart(new_host: NewHost):
    first = new_host(NO_DEVICES)
    client = first.client
    assert client.put(f"{QUEUE}/processor/pause").json() == {"is_started": False, "is_processing": False}
    [behind] = client.generate("a pear")["item_ids"]
    [ahead] = client.generate("an apple", prepend=True)["item_ids"]
    assert client.get(f"{QUEUE}/next").json() is None  # nothing is, while it is paused
    assert first.stop() == 0

    second = new_host(NO_DEVICES)
    client = second.client
    status = client.get(f"{QUEUE}/status").json()
    assert (status["processor"]["is_started"], status["queue"]["pending"]) == (False, 2)
    assert client.put(f"{QUEUE}/processor/resume").json()["is_started"]
    assert client.get(f"{QUEUE}/next").json()["item_id"] == ahead
    assert client.put(f"{QUEUE}/i/{ahead}/cancel").json()["status"] == "canceled"
    assert client.get(f"{QUEUE}/next").json()["item_id"] == behind
    second.signal(signal.SIGKILL)
    second.wait()

    third = new_host(NO_DEVICES)
    status = third.client.get(f"{QUEUE}/status").json()
    assert (status["processor"]["is_started"], status["queue"]["pending"], status["queue"]["canceled"]) == (True, 1, 1)
    assert third.stop() == 0


def test_a_picture_that_kills_its_worker_fails_with_the_reason_and_the_host_goes_on(new_host: NewHost):
    doomed = new_host({"INVOKE_HOST_FAILPOINT": "worker.step:kill9@1", "INVOKE_HOST_QUEUE__MAX_WORKER_DEATHS": "2"})
    client = doomed.client
    with Listener(client) as listener:
        [item_id] = client.generate()["item_ids"]
        failed = listener.status(item_id, "failed")
        assert listener.statuses(item_id) == ["in_progress", "pending", "in_progress", "failed"]
    assert (failed.data["error_type"], failed.data["attempt"]) == ("quarantined", 2)
    item = client.item(item_id)
    assert item["error_message"] == (
        "The worker on cpu ended while it made this picture: it was killed (SIGKILL; the system does that when memory "
        "runs out). 2 workers have ended over this picture, so it is quarantined: the others go on, and it is not "
        "tried again by itself. Ask for a smaller picture, fewer steps or another model, or retry it once the host's "
        "log has told the cause."
    )
    assert item["image_names"] == []
    retried = client.put(f"{QUEUE}/retry_items_by_id", [item_id]).json()
    assert client.item(retried["new_item_ids"][0])["retried_from_item_id"] == item_id
    assert client.get("/healthz").status == 200
    assert doomed.stop() == 0
    assert "Traceback" not in doomed.log


def test_a_host_that_is_told_to_end_while_its_worker_still_starts_ends_soon(new_host: NewHost):
    young = new_host()
    worker = young.client and young.worker()
    asked_at = time.monotonic()
    assert young.stop() == 0
    assert time.monotonic() - asked_at < 8 * busy()
    assert ended_within(worker, 1)


def test_a_second_host_in_the_same_folder_is_refused_and_told_where_the_first_one_is(host: HostProcess):
    url = host.client.url
    assert refused(host.root) == (
        f"{host.root}: another host already runs in this folder at {url} (process {host.pid}); "
        "stop it, or use another --root"
    )
    assert host.client.get("/healthz").status == 200


def test_a_second_host_on_the_same_database_is_refused(new_host: NewHost, tmp_path: Path):
    """Two would take each other's running work for dead; and it is not the root folder alone that tells them apart."""
    shared = {**NO_DEVICES, "INVOKE_HOST_STORAGE__PATH": str(tmp_path / "disk" / "shared.db")}
    first = new_host(shared)
    assert first.client.get("/healthz").status == 200
    told = refused(tmp_path / "other", extra=shared)
    assert "shared.db: a host with another root folder already uses this database" in told
    assert first.stop() == 0


def test_a_port_in_use_is_refused_with_a_remedy(host: HostProcess, root: Path):
    port = host.client.port
    told = refused(root, "--port", str(port))
    assert f"can't listen on 127.0.0.1 port {port}: another program uses it already" in told
    assert not (root / "run" / "host.json").exists()
