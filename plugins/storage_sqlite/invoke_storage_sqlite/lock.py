"""The right to migrate: an exclusive `flock` on a file beside the database, which the kernel gives back when we die."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from invoke_host.api import StorageUnavailable

_POLL_S = 0.05  # flock can't wait with a time limit


@contextmanager
def exclusive(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock; raises StorageUnavailable when another process still has it after `timeout_s`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, path, timeout_s)
        # The file stays: removing it would let a third process lock a new one while a second holds the old.
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StorageUnavailable(
                    f"another process is changing the schema (it holds {path}) and did not finish in {timeout_s:g} s"
                ) from None
            time.sleep(_POLL_S)
        else:
            return
