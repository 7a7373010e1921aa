"""The sweep of deleted pictures' files never takes one whose row is still to come."""

from __future__ import annotations

import asyncio
import threading

import pytest
from structlog.typing import FilteringBoundLogger

from invoke_host.api import BlobInfo
from invoke_host.blobs.sweep import SWEEP_AGE, sweep_task
from invoke_host.queue.save import Saver
from invoke_host.storage.blobs import FilesystemBlobStore

from .conftest import ALICE, Line
from .test_recovery import stage
from .works import stored_pictures


async def test_a_picture_that_is_being_stored_for_very_long_keeps_its_files(
    each_line: Line, blobs: FilesystemBlobStore, log: FilteringBoundLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = each_line
    saver = Saver(line.storage, blobs, line.clock, log)
    sweep = sweep_task(line.storage, blobs, line.clock, lambda: saver.names)
    line.add(ALICE)
    token = line.must_claim().lease_token or ""
    output = stage(blobs, token)
    adopt, loop = blobs.adopt, asyncio.get_running_loop()
    adopted, go_on = asyncio.Event(), threading.Event()

    def adopt_and_wait(staged: object, key: str) -> BlobInfo:
        info = adopt(staged, key)  # type: ignore[arg-type]  # passed through as it came
        if key.startswith("thumbnails/"):
            loop.call_soon_threadsafe(adopted.set)
            assert go_on.wait(10)
        return info

    monkeypatch.setattr(blobs, "adopt", adopt_and_wait)
    saving = asyncio.create_task(saver.save(token, output.image.parent, [output], device=None, engine_s=1.0))
    await adopted.wait()
    line.clock.advance(2 * SWEEP_AGE.total_seconds())

    await sweep.run()
    go_on.set()
    assert await saving == "completed"
    await sweep.run()

    assert len(line.storage.run_read(stored_pictures)) == 1
    assert len(list(blobs.iter())) == 2
    assert saver.names == frozenset()
