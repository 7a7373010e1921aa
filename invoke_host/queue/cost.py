"""What a picture costs: its work, from the request alone, and device time, from what the same model took before.

Work is counted in megapixels times passes through the model; classifier-free guidance doubles the passes of a step.
Decoding takes about as long as three passes, however many steps there are.
"""

from __future__ import annotations

from typing import Final, Protocol

#: Passes that decoding is worth.
DECODE_PASSES: Final = 3

#: Device time per unit of work before any picture was made here: a middling GPU with a small model.
US_PER_WORK: Final = 100_000.0

#: No item is thought to cost less: shares are whole microseconds, and a weight divides them.
LEAST_US: Final = 1000


class Priced(Protocol):
    """What the work of a request depends on."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def cfg_scale(self) -> float: ...


def work(request: Priced, native_size: tuple[int, int] | None = None) -> float:
    """Megapixels times passes. A model that works at one size only does it there, whatever size is asked for."""
    width, height = native_size or (request.width, request.height)
    passes = request.steps * (2 if request.cfg_scale > 1 else 1) + DECODE_PASSES
    return width * height / 1e6 * passes


def estimate_us(work: float, us_per_work: float) -> int:
    """Device time that so much work is expected to take."""
    return max(LEAST_US, round(work * us_per_work))
