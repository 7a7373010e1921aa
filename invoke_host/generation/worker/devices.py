"""Which devices torch sees, and how work is done on each."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Place:
    """A device: `name` as torch takes it, `kind` without number, one line for the operator, and the weights' type."""

    name: str
    kind: str
    detail: str
    dtype: torch.dtype


def available() -> tuple[str, ...]:
    """Every CUDA device, or the CPU where there is none."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return tuple(f"cuda:{n}" for n in range(count)) or ("cpu",)


def take(name: str) -> Place:
    """Make sure that the device works.

    Raises:
        ValueError: torch does not know it or can't use it; the text says why.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"the device {name!r} can't be used: {reason}; devices here: {', '.join(available())}"
        ) from None
    build = f"torch {torch.__version__}"
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return Place(
            name, "cuda", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {build}", torch.float16
        )
    return Place(name, device.type, f"{torch.get_num_threads()} threads, {build}", torch.float32)
