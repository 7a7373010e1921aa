"""From a job to pixels with diffusers' own StableDiffusionPipeline: one picture at a time, bitwise what it gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from invoke_host.api import Canceled, ExecutionError, Job
from invoke_host.faults import failpoint
from invoke_host.generation.worker import samplers
from invoke_host.generation.worker.loading import LoadedModel
from invoke_host.generation.worker.previews import Previewer
from invoke_host.generation.worker.prompt_cache import PromptCache

Pixels = npt.NDArray[np.uint8]


def native_size(job: Job) -> tuple[int, int]:
    """Width and height at which the model works for this job."""
    return job.model.native_size or (job.width, job.height)


def generate(
    job: Job,
    model: LoadedModel,
    prompts: PromptCache,
    *,
    canceled: Callable[[], bool],
    stepped: Callable[[int], None],
    last_step: Callable[[], None],
    previewer: Previewer | None = None,
) -> Pixels:
    """`(height, width, 3)` pixels at the native size.

    `canceled` is asked before and after every UNet call; `stepped(n)` hears that n of `job.steps` are done; `last_step`
    is called once, when the last UNet call is about to begin. `previewer` watches the sampler; pictures are the same
    without it.

    Raises:
        Canceled: `canceled` said so.
        ExecutionError: the model gave no finite picture.
    """
    pipeline = model.pipeline
    width, height = native_size(job)
    dtype = pipeline.unet.dtype
    pipeline.scheduler = samplers.build(
        job.scheduler, model.scheduler_config, seed=job.seed, steps=job.steps, dtype=dtype
    )
    if previewer is not None:
        previewer.watch(pipeline.scheduler)
    guided = job.cfg_scale > 1
    embeds = prompts.embedding(model, job.positive_prompt)
    negative = prompts.embedding(model, job.negative_prompt) if guided else None
    # Drawn here in float32, not by the pipeline in the UNet's type: other types give other noise for one seed. The
    # generator goes on to the sampler's own noise, as it would inside the pipeline.
    generator = torch.Generator("cpu").manual_seed(job.seed)
    scale = pipeline.vae_scale_factor
    shape = (1, pipeline.unet.config.in_channels, height // scale, width // scale)
    noise = torch.randn(shape, generator=generator).to(dtype)

    def after_step(pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        failpoint("worker.step")
        if canceled():
            raise Canceled("The picture was canceled.")
        calls = pipe.num_timesteps  # two-stage samplers call the UNet twice per step
        if index == calls - 2:
            last_step()
        stepped(min(job.steps, math.ceil((index + 1) * job.steps / calls)))
        return tensors

    if canceled():
        raise Canceled("The picture was canceled.")
    if job.steps == 1:
        last_step()
    result: npt.NDArray[np.float32] = pipeline(
        prompt_embeds=embeds,
        negative_prompt_embeds=negative,
        width=width,
        height=height,
        num_inference_steps=job.steps,
        guidance_scale=job.cfg_scale,
        generator=generator,
        latents=noise,
        callback_on_step_end=after_step,
        callback_on_step_end_tensor_inputs=[],
        output_type="np",
    ).images[0]
    if not np.isfinite(result).all():
        raise ExecutionError(
            f"The model {job.model.name!r} gave no valid picture with scheduler {job.scheduler!r}, {job.steps} steps "
            f"and CFG scale {job.cfg_scale:g}; try another scheduler or more steps."
        )
    return (result * 255).round().astype(np.uint8)  # as diffusers' own numpy_to_pil
