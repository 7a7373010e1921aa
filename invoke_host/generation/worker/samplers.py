"""Scheduler objects for one job: diffusers' classes from the table, with noise that is the same on every device."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import diffusers
import torch

from invoke_host.generation.schedulers import SCHEDULERS


def build(name: str, model_config: Mapping[str, Any], *, seed: int, steps: int, dtype: torch.dtype) -> Any:
    """A fresh scheduler object for one job; `model_config` is what the model's own scheduler was configured with."""
    spec = SCHEDULERS[name]
    overrides = dict(spec.overrides)
    cls = getattr(diffusers, spec.diffusers_class)
    if spec.diffusers_class == "DPMSolverSDEScheduler":
        from invoke_host.generation.worker import sde

        cls = sde.CpuNoiseSDEScheduler
        overrides["noise_sampler_seed"] = seed
    if name in ("lcm", "tcd"):
        # Both pick their steps out of this many and refuse more than there are.
        overrides["original_inference_steps"] = max(steps, model_config.get("original_inference_steps", 50))
    scheduler = cls.from_config(model_config, **overrides)
    return scheduler if dtype == torch.float32 else _in_float32(scheduler)


def _in_float32(scheduler: Any) -> Any:
    """Let the sampler's arithmetic and its noise be float32 where the UNet works in half precision.

    `torch.randn` with one CPU seed gives other values in half precision, so the picture would depend on the device.
    """
    original = scheduler.step

    @functools.wraps(original)  # keeps the signature, in which the pipeline looks for `generator` and `eta`
    def step(model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, **kwargs: Any) -> Any:
        result = original(model_output.float(), timestep, sample.float(), **kwargs)
        return (result[0].to(sample.dtype), *result[1:])

    scheduler.step = step
    return scheduler
