"""How a picture looks so far: the sampler's guess of the finished latents, projected, as a small JPEG.

Made only while somebody watches, a few times a second and never for more than a hundredth of the time. It reads what
the pipeline hands to its sampler and changes nothing: pictures are bitwise the same with and without.
"""

from __future__ import annotations

import base64
import functools
import io
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image

from invoke_host.api import JobPreview
from invoke_host.generation.worker.projection import Projector

#: The shortest time between two previews of a job.
LEAST_S = 0.25

#: The next one waits for so many times what the last one took.
_SHARE = 100

#: Largest JPEG; detailed ones are made coarser until they fit.
MAX_BYTES = 6 * 1024
_QUALITIES = (85, 70, 50, 30, 15)


class Previewer:
    """The previews of one job. `wanted` is asked before each step, from the thread that denoises."""

    def __init__(self, projector: Projector, wanted: Callable[[], bool], width: int, height: int) -> None:
        self._projector = projector
        self._wanted = wanted
        self._size = (width, height)
        self._next_at = 0.0
        self._newest: JobPreview | None = None
        self._broken = False

    def watch(self, scheduler: Any) -> None:
        """Look over the shoulder of a sampler that is made for this job only."""
        original = scheduler.step

        @functools.wraps(original)  # keeps the signature, in which the pipeline looks for `generator` and `eta`
        def step(model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, **kwargs: Any) -> Any:
            if self._is_due():
                self._look(scheduler, model_output, timestep, sample)
            return original(model_output, timestep, sample, **kwargs)

        scheduler.step = step

    def take(self) -> JobPreview | None:
        """The newest preview that was not taken yet."""
        newest, self._newest = self._newest, None
        return newest

    def _is_due(self) -> bool:
        return self._wanted() and not self._broken and time.perf_counter() >= self._next_at

    def _look(self, scheduler: Any, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor) -> None:
        try:
            projection = self._projector.get()
            if projection is None:
                self._broken = True
                return
            begun = time.perf_counter()
            pixels = projection.pixels(finished(scheduler, model_output, timestep, sample)[0])
            data = base64.b64encode(jpeg(Image.fromarray(pixels))).decode()
            self._newest = JobPreview(*self._size, f"data:image/jpeg;base64,{data}")
            now = time.perf_counter()
            self._next_at = now + max(LEAST_S, _SHARE * (now - begun))
        except Exception as error:  # noqa: BLE001 - whatever it is, the picture itself must not suffer from it
            self._broken = True
            traceback.print_exception(error, file=sys.stderr)


def finished(scheduler: Any, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor) -> torch.Tensor:
    """The latents that the model now believes to be under the noise, float32, of the sample's shape.

    What the UNet was given is variance-preserving with every sampler, `x = sqrt(a) x0 + sqrt(1 - a) noise` with `a` of
    the timestep (Ho et al. 2020, equation 4), and `v = sqrt(a) noise - sqrt(1 - a) x0` (Salimans and Ho 2022).
    """
    seen = scheduler.scale_model_input(sample, timestep).float()
    kind, said = scheduler.config.prediction_type, model_output.float()
    if kind == "sample":
        return said
    table = scheduler.alphas_cumprod.cpu().numpy()
    alpha = float(np.interp(float(timestep), np.arange(len(table)), table))
    signal, noise = max(alpha, 1e-4) ** 0.5, (1 - alpha) ** 0.5
    return signal * seen - noise * said if kind == "v_prediction" else (seen - noise * said) / signal


def jpeg(image: Image.Image) -> bytes:
    """At most MAX_BYTES."""
    while True:
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, "JPEG", quality=quality)
            if out.tell() <= MAX_BYTES:
                return out.getvalue()
        image = image.resize((max(1, image.width // 2), max(1, image.height // 2)))
