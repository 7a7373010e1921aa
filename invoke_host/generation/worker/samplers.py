"""Scheduler objects for one job: diffusers' classes from the table, with noise that is the same on every device."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler, DPMSolverSDEScheduler

from invoke_host.generation.schedulers import SCHEDULERS

# It says that 20291.3046875 is not within [.., 20291.302734]: the last bit of a float32, several lines per picture.
warnings.filterwarnings("ignore", module="torchsde")


class CpuNoiseSDEScheduler(DPMSolverSDEScheduler):  # type: ignore[misc]  # diffusers has no types
    """DPM++ SDE draws its Brownian path on the sample's device; here it is drawn on the CPU and moved."""

    noise_sampler: Any

    def step(self, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, **kwargs: Any) -> Any:
        """As in the parent; makes the noise sampler before the parent would."""
        if self.noise_sampler is None:
            lowest, highest = self.sigmas[self.sigmas > 0].min().item(), self.sigmas.max().item()
            tree = BrownianTreeNoiseSampler(sample.cpu(), lowest, highest, self.noise_sampler_seed)

            def noise(sigma: torch.Tensor, sigma_next: torch.Tensor) -> torch.Tensor:
                drawn: torch.Tensor = tree(sigma.cpu(), sigma_next.cpu())
                return drawn.to(sample.device)

            self.noise_sampler = noise
        return super().step(model_output, timestep, sample, **kwargs)


def build(name: str, model_config: Mapping[str, Any], *, seed: int, steps: int, dtype: torch.dtype) -> Any:
    """A fresh scheduler object for one job; `model_config` is what the model's own scheduler was configured with."""
    spec = SCHEDULERS[name]
    overrides = dict(spec.overrides)
    cls = getattr(diffusers, spec.diffusers_class)
    if cls is DPMSolverSDEScheduler:
        cls = CpuNoiseSDEScheduler
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
