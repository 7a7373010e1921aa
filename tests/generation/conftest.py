"""A real model in a real worker process. Starting one takes seconds (torch), so tests of one file share it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from invoke_model_emoji import OFFER

from invoke_host.api import Job, JobEvent
from invoke_host.generation.local import LocalExecutor
from invoke_host.generation.requests import GenerationRequest
from invoke_host.generation.resolving import resolve
from invoke_host.generation.worker_process import WorkerSettings
from invoke_host.models.service import ModelCatalog

#: One thread: results do not depend on how many cores the machine has, and busy ones do not wait for each other.
QUICK = WorkerSettings(threads=1, heartbeat_s=0.1, restart_first_s=0.01)

MakeJob = Callable[..., Job]


@pytest.fixture(scope="module")
def make_job(tmp_path_factory) -> MakeJob:
    """`make_job(prompt, steps=…, model=offer, …)`: a job with its own staging folder, resolved as the host does it."""
    numbers = itertools.count()

    def make(prompt: str = "a red apple", *, model: Any = OFFER, **wishes: Any) -> Job:
        catalog = ModelCatalog([model], None)
        wishes = {"seed": 1, "steps": 3, "width": 64, "height": 64, **wishes}
        [item] = resolve(GenerationRequest(positive_prompt=prompt, **wishes), catalog, new_seed=lambda: 0)
        number = next(numbers)
        record = catalog.get(item.model)
        assert record is not None
        return item.job(f"job-{number}", record, tmp_path_factory.mktemp(f"staging{number}"))

    return make


def make_executor(*devices: str, settings: WorkerSettings = QUICK, **options: Any) -> LocalExecutor:
    """An executor that is not started yet."""
    return LocalExecutor(devices=devices or "auto", settings=settings, log=structlog.get_logger(), **options)


def with_failpoint(failpoint: str) -> WorkerSettings:
    """Settings that arm a failpoint in every worker."""
    return replace(QUICK, environment={"INVOKE_HOST_FAILPOINT": failpoint})


async def run(executor: LocalExecutor, job: Job) -> list[JobEvent]:
    """Submit a job and collect its events."""
    return [event async for event in executor.submit(job)]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the executor shows but does not announce, at most a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - there is no event for it, on purpose: devices() is a snapshot
            await asyncio.sleep(0.01)


def files(job: Job) -> set[str]:
    """Names in the job's staging folder."""
    return {file.name for file in Path(job.staging).iterdir()}
