"""Samplers by the names that requests give them, as far as the evaluation compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers

from invoke_model_emoji.errors import DataError

#: Name: the class of diffusers, and what differs from the model's own configuration.
SAMPLERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {"solver_order": 2, "use_karras_sigmas": False}),
    "dpmpp_2m_k": ("DPMSolverMultistepScheduler", {"solver_order": 2, "use_karras_sigmas": True}),
    "dpmpp_3m": ("DPMSolverMultistepScheduler", {"solver_order": 3, "use_karras_sigmas": False}),
    "unipc": ("UniPCMultistepScheduler", {"use_karras_sigmas": False}),
    "deis": ("DEISMultistepScheduler", {"use_karras_sigmas": False}),
    "euler": ("EulerDiscreteScheduler", {"use_karras_sigmas": False}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {"clip_sample": False}),
}


def build(name: str, config: Mapping[str, Any]) -> Any:
    """A fresh scheduler of diffusers. Raises DataError for a name that is not in `SAMPLERS`."""
    if name not in SAMPLERS:
        raise DataError(f"the evaluation knows no scheduler {name!r}, only {', '.join(SAMPLERS)}")
    kind, changes = SAMPLERS[name]
    return getattr(diffusers, kind).from_config(config, **changes)
