"""The samplers a request may name: InvokeAI's list, and what each one is in diffusers.

Names, classes and overrides follow InvokeAI 6.14, so that a name in an old picture's metadata means the same here. No
torch in this file: the web process judges requests with it, the worker builds the scheduler object from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """One sampler: the diffusers class and what differs from the model's own scheduler configuration.

    `unavailable` is the reason it is refused, or None. `evaluations` is how often the UNet runs per step.
    """

    name: str
    diffusers_class: str
    overrides: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    title: str = ""
    evaluations: int = 1
    unavailable: str | None = None


def _both(name: str, cls: str, title: str, *, evaluations: int = 1, **overrides: Any) -> tuple[SchedulerSpec, ...]:
    """A sampler and its `_k` twin with the sigmas of Karras et al. 2022 (arXiv:2206.00364, equation 5)."""
    plain = MappingProxyType({"use_karras_sigmas": False, **overrides})
    karras = MappingProxyType({**plain, "use_karras_sigmas": True})
    return (
        SchedulerSpec(name, cls, plain, title, evaluations),
        SchedulerSpec(f"{name}_k", cls, karras, f"{title} Karras", evaluations),
    )


_MULTISTEP, _SINGLESTEP = "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"
_SDE: Final = "sde-dpmsolver++"
_ER_SDE_REASON: Final = "diffusers has no ER-SDE solver; dpmpp_2m_sde is the nearest that it has"

_ALL: Final[tuple[SchedulerSpec, ...]] = (
    SchedulerSpec("ddim", "DDIMScheduler", title="DDIM"),
    SchedulerSpec("ddpm", "DDPMScheduler", title="DDPM"),
    *_both("deis", "DEISMultistepScheduler", "DEIS"),
    *_both("lms", "LMSDiscreteScheduler", "LMS"),
    SchedulerSpec("pndm", "PNDMScheduler", MappingProxyType({"skip_prk_steps": True}), "PNDM"),
    *_both("heun", "HeunDiscreteScheduler", "Heun", evaluations=2),
    *_both("euler", "EulerDiscreteScheduler", "Euler"),
    SchedulerSpec("euler_a", "EulerAncestralDiscreteScheduler", title="Euler Ancestral"),
    *_both("kdpm_2", "KDPM2DiscreteScheduler", "KDPM 2", evaluations=2),
    *_both("kdpm_2_a", "KDPM2AncestralDiscreteScheduler", "KDPM 2 Ancestral", evaluations=2),
    *_both("dpmpp_2s", _SINGLESTEP, "DPM++ 2S", solver_order=2),
    *_both("dpmpp_2m", _MULTISTEP, "DPM++ 2M", solver_order=2),
    *_both("dpmpp_2m_sde", _MULTISTEP, "DPM++ 2M SDE", solver_order=2, algorithm_type=_SDE),
    *_both("dpmpp_3m", _MULTISTEP, "DPM++ 3M", solver_order=3),
    *_both("dpmpp_sde", "DPMSolverSDEScheduler", "DPM++ SDE", evaluations=2),
    SchedulerSpec("er_sde", "", title="ER-SDE", unavailable=_ER_SDE_REASON),
    *_both("unipc", "UniPCMultistepScheduler", "UniPC"),
    SchedulerSpec("lcm", "LCMScheduler", title="LCM"),
    SchedulerSpec("tcd", "TCDScheduler", title="TCD"),
)

#: Every name of the reference, also those that are refused, in the order of its list.
SCHEDULERS: Final[Mapping[str, SchedulerSpec]] = MappingProxyType({spec.name: spec for spec in _ALL})

#: The names that can be used with some model.
AVAILABLE: Final[frozenset[str]] = frozenset(spec.name for spec in _ALL if spec.unavailable is None)
