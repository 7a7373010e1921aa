"""One device at work: a job is denoised and decoded here, its files are written on a thread beside the next job."""

from __future__ import annotations

import errno
import gc
import os
import queue
import sys
import threading
import time
import traceback
from typing import Any

import diffusers
import torch

from invoke_host import __version__
from invoke_host.api import Canceled, ExecutionError, Job, JobDone, JobFailed, JobProgress, JobStarted, OutOfMemory
from invoke_host.generation.protocol import Configure, Ready
from invoke_host.generation.worker import devices
from invoke_host.generation.worker.channel import Channel
from invoke_host.generation.worker.encoding import Picture, save
from invoke_host.generation.worker.loading import ModelShelf, is_out_of_memory, release_device_memory
from invoke_host.generation.worker.previews import Previewer
from invoke_host.generation.worker.prompt_cache import PromptCache
from invoke_host.generation.worker.text_to_image import generate, native_size

#: Exit code after an error that leaves the device unusable for this process.
EXIT_DEVICE_LOST = 70
#: Pictures that may wait for the encoder; the engine waits when there are more.
_ENCODE_BACKLOG = 2


class Engine:
    """Says Ready when made. `run` returns when the device is free again, which is before the files are written."""

    def __init__(self, channel: Channel, config: Configure) -> None:
        torch.set_num_threads(config.threads)
        name = devices.available()[0] if config.device == "auto" else config.device
        self._place = devices.take(name)
        self._channel = channel
        self._shelf = ModelShelf(self._place, config.max_loaded_models)
        self._prompts = PromptCache(config.prompt_cache_bytes)
        self._to_encode: queue.Queue[tuple[Picture, float]] = queue.Queue(_ENCODE_BACKLOG)
        threading.Thread(target=self._encode, name="encoder", daemon=True).start()
        place = self._place
        channel.send(Ready(os.getpid(), place.name, place.kind, place.detail, devices.available()))

    def run(self, job: Job) -> None:
        """Make the job's picture, or say why not. Never raises; a lost device ends the process."""
        self._channel.send(JobStarted(job.id, self._place.name))
        failure = self._attempt(job)
        if failure is None:
            return
        # Here the exception and the tensors in its frames are gone, so this gives their memory back.
        if failure.code == OutOfMemory.code:
            gc.collect()
            release_device_memory(self._place)
            if self._shelf.drop_others(job.model):  # it may have been their room that was missing
                failure = self._attempt(job)
                if failure is None:
                    return
        self._channel.forget(job.id)
        self._channel.send(failure)

    def _attempt(self, job: Job) -> JobFailed | None:
        begun = time.perf_counter()
        try:
            picture = self._make(job)
        except Exception as error:  # noqa: BLE001 - whatever a model does, the next job must run
            return self._failure(job, error)
        self._to_encode.put((picture, time.perf_counter() - begun))
        return None

    def _make(self, job: Job) -> Picture:
        channel = self._channel
        if channel.is_canceled(job.id):
            raise Canceled("The picture was canceled.")
        if not self._shelf.has(job.model):
            channel.send(JobProgress(job.id, 0, job.steps, "loading model"))
        model = self._shelf.get(job.model)
        previewer = Previewer(model.projector, lambda: channel.wants_preview(job.id), job.width, job.height)
        pixels = generate(
            job,
            model,
            self._prompts,
            canceled=lambda: channel.is_canceled(job.id),
            stepped=lambda step: channel.send(JobProgress(job.id, step, job.steps, preview=previewer.take())),
            last_step=channel.grant,
            previewer=previewer,
        )
        return Picture(job, 0, pixels, self._facts(job))

    def _facts(self, job: Job) -> dict[str, Any]:
        """What is needed to make the very same bytes again, beside the metadata that the reference knows."""
        width, height = native_size(job)
        return {
            "version": __version__,
            "native_width": width,
            "native_height": height,
            "device": self._place.name,
            "dtype": str(self._place.dtype).removeprefix("torch."),
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "tier": "exact",  # batch of one, eager kernels: what diffusers itself gives in the same build
        }

    def _encode(self) -> None:
        while True:
            picture, engine_s = self._to_encode.get()
            job_id = picture.job.id
            try:
                if self._channel.is_canceled(job_id):
                    raise Canceled("The picture was canceled.")
                output = save(picture)
            except Exception as error:  # noqa: BLE001 - a full disk fails the job, not the thread
                self._channel.forget(job_id)
                self._channel.send(self._failure(picture.job, error))
            else:
                self._channel.forget(job_id)
                self._channel.send(output)
                self._channel.send(JobDone(job_id, engine_s))
            del picture  # megabytes that would stay until the next one

    def _failure(self, job: Job, error: Exception) -> JobFailed:
        if isinstance(error, ExecutionError):
            return JobFailed(job.id, error.code, str(error))
        if is_out_of_memory(error):
            text = f"{self._place.name} has too little memory for {job.width}x{job.height}; ask for a smaller picture."
            return JobFailed(job.id, OutOfMemory.code, text)
        traceback.print_exception(error, file=sys.stderr)
        if "CUDA error" in str(error):
            os._exit(EXIT_DEVICE_LOST)  # the CUDA context is dead; the host starts another worker and tries again
        if isinstance(error, OSError):
            code = "no_space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "storage_failed"
            return JobFailed(job.id, code, f"The picture could not be written: {error.strerror or error}.")
        reason = str(error).strip().partition("\n")[0] or "no reason given"
        text = f"The picture could not be made: {type(error).__name__}: {reason}"
        return JobFailed(job.id, ExecutionError.code, text)
