"""DPM++ SDE with noise that is the same on every device. Apart, as torchsde and scipy take half a second to import."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler, DPMSolverSDEScheduler

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
