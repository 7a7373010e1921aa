"""A worker never outlives its host, whatever either of them is doing; and it takes no nonsense from its socket."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from invoke_host.generation.protocol import HEADER, VERSION, Cancel, Configure, encode

CONFIGURE = encode(Configure("cpu", 1, 1, 0, 0.1))

HOST = textwrap.dedent(
    """
    import asyncio, structlog, sys
    from invoke_host.generation.local import LocalExecutor

    async def main():
        executor = LocalExecutor(devices=["cpu"], log=structlog.get_logger())
        await executor.start()
        if sys.argv[1] == "ready":
            await executor.capacity()
        while not executor.pids():
            await asyncio.sleep(0.01)
        print("worker", executor.pids()["cpu"], flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())
    """
)


@contextmanager
def host(moment: str) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A host process with one worker, at its start or ready for work."""
    process = subprocess.Popen([sys.executable, "-c", HOST, moment], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        pid = next(int(line.split()[1]) for line in process.stdout if line.startswith("worker "))
        yield process, psutil.Process(pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("moment", ["starting", "ready"])
def test_kill_9_of_the_host_ends_its_worker(moment):
    with host(moment) as (process, worker):
        process.send_signal(signal.SIGKILL)
        worker.wait(timeout=10)


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel ends a stopped process with its parent")
def test_kill_9_of_the_host_ends_even_a_worker_that_is_stopped():
    with host("ready") as (process, worker):
        worker.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGKILL)
        worker.wait(timeout=10)


@contextmanager
def bare_worker() -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A worker whose host is this test, so that only the socket tells it anything."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "invoke_host.generation.worker", str(theirs.fileno()), str(psutil.Process().pid)]
    process = subprocess.Popen(command, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE)
    theirs.close()
    try:
        yield ours, process
    finally:
        ours.close()
        process.kill()
        process.communicate()


@pytest.mark.parametrize("said", [b"", CONFIGURE, CONFIGURE + b"\x00\x00", CONFIGURE[:-3]])
def test_the_end_of_the_socket_ends_the_worker_at_once(said):
    with bare_worker() as (ours, process):
        ours.sendall(said)
        ours.shutdown(socket.SHUT_RDWR)
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "protocol version 47, expected 1"),
        (encode(Cancel("x")), "expected Configure, got Cancel"),
        (CONFIGURE + CONFIGURE, "unexpected Configure"),
        (CONFIGURE + HEADER.pack(2, VERSION, 2) + b"{}", "bad Run frame: job: Field required"),
        (CONFIGURE + HEADER.pack(0, VERSION, 99), "unknown frame kind 99"),
        (CONFIGURE + HEADER.pack(2**31, VERSION, 2), "a frame of 2147483648 bytes is over 1048576"),
    ],
)
def test_nonsense_on_the_socket_ends_the_worker_with_a_line_in_the_log(said, complaint):
    with bare_worker() as (ours, process):
        ours.sendall(said)
        assert process.wait(timeout=20) == 76
        assert process.stderr is not None
        assert complaint in process.stderr.read().decode()
