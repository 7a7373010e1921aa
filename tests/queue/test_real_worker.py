"""The whole way with nothing replaced: queue, real worker process, real diffusion model, save protocol."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal

import pytest
from PIL import Image
from sqlalchemy import select

from invoke_host.generation.local import LocalExecutor
from invoke_host.generation.requests import GenerationRequest
from invoke_host.generation.worker_process import WorkerSettings
from invoke_host.images.names import image_key
from invoke_host.images.tables import images
from invoke_host.models.service import ModelCatalog
from invoke_host.queue.dispatcher import Dispatcher
from invoke_host.queue.service import QueueService
from invoke_host.storage.blobs import FilesystemBlobStore

from .conftest import ALICE, Line
from .works import Emitted


@pytest.mark.timeout(170)
async def test_a_killed_worker_costs_time_and_no_picture(line: Line, blobs: FilesystemBlobStore, access, log) -> None:
    plugin = importlib.import_module("invoke_model_emoji")
    models = ModelCatalog([plugin.OFFER], None)
    executor = LocalExecutor(devices=["cpu"], settings=WorkerSettings(threads=1), log=log)
    emitted, progress = Emitted(), asyncio.Event()
    emitted.emit = lambda kind, payload, audience: progress.set() if payload["step"] else None
    dispatcher = Dispatcher(line.storage, blobs, executor, models, line.clock, emitted, log)
    service = QueueService(line.storage, access, models, line.clock)
    changed = asyncio.Event()
    line.storage.on_commit(changed.set)
    await executor.start()
    dispatcher.start()
    try:
        request = GenerationRequest(positive_prompt="a red apple", seed=7, steps=6, width=256, height=256)
        killed = (await service.generate(ALICE, "default", request)).item_ids[0]
        async with asyncio.timeout(80):
            await progress.wait()
        os.kill(executor.pids()["cpu"], signal.SIGKILL)
        other = (await service.generate(ALICE, "default", request)).item_ids[0]
        async with asyncio.timeout(80):
            while {line.item(killed).status, line.item(other).status} != {"completed"}:
                changed.clear()
                await changed.wait()
    finally:
        await dispatcher.stop(10)
        await executor.stop(5)
    assert (line.item(killed).attempt, line.item(other).attempt) == (2, 1)
    names = line.storage.run_read(lambda conn: list(conn.scalars(select(images.c.name))))
    assert len(names) == 2
    for name in names:
        with Image.open(blobs.path(image_key(name))) as picture:
            assert picture.size == (256, 256)
            assert "invokeai_metadata" in picture.info
    assert line.drift() == []
