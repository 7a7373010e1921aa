"""Draws with a model as the host does, in a worker process: what plugins that offer models are measured with."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from invoke_host import ids
from invoke_host.api import ExecutionError, JobFailed, JobOutput, ModelOffer, ModelUnusable
from invoke_host.generation.local import LocalExecutor
from invoke_host.generation.requests import GenerationRequest
from invoke_host.generation.resolving import resolve
from invoke_host.generation.schedulers import AVAILABLE, SCHEDULERS
from invoke_host.generation.worker_process import WorkerSettings
from invoke_host.models.service import ModelCatalog


def scheduler_names() -> tuple[str, ...]:
    """The samplers that a request can name, in the order of the list in the documentation."""
    return tuple(name for name in SCHEDULERS if name in AVAILABLE)


class Draw(Protocol):
    """`await draw("a red apple", seed=1, steps=4)`: the fields of a generation request, the model's own where unsaid.

    The picture's files stay in the folder that was named. Raises InvalidInput where the host would refuse the request,
    and ExecutionError with the message that its item would have failed with.
    """

    def __call__(self, prompt: str, /, **wishes: Any) -> Awaitable[JobOutput]: ...


@asynccontextmanager
async def drawing(offer: ModelOffer, folder: Path, *, device: str = "auto", threads: int = 1) -> AsyncIterator[Draw]:
    """A worker that has loaded nothing yet. Needs the `worker` extra, and seconds to import torch.

    Raises:
        ModelUnusable: the model's folder is none; the text says why.
    """
    catalog = ModelCatalog([offer], None)
    record = catalog.get(offer.key)
    if record is None or record.problem:
        raise ModelUnusable(f"the model {offer.name!r} can't be used: {record and record.problem}")
    executor = LocalExecutor(
        devices="auto" if device == "auto" else [device],
        settings=WorkerSettings(threads=threads),
        log=_quiet(),
    )

    async def draw(prompt: str, /, **wishes: Any) -> JobOutput:
        request = GenerationRequest(positive_prompt=prompt, model=offer.key, **wishes)
        [picture] = resolve(request, catalog, new_seed=lambda: 0)
        job_id = ids.new_token()
        staging = folder / job_id
        staging.mkdir(parents=True)
        outputs = []
        async for event in executor.submit(picture.job(job_id, record, staging)):
            if isinstance(event, JobFailed):
                raise ExecutionError(event.message)
            if isinstance(event, JobOutput):
                outputs.append(event)
        [output] = outputs
        return output

    await executor.start()
    try:
        yield draw
    finally:
        await executor.stop(grace_s=5)


def _quiet() -> FilteringBoundLogger:
    """Only what is wrong, on stderr."""
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    logger: FilteringBoundLogger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), wrapper_class=quiet)
    return logger
