"""From latents to a small picture without the VAE: one linear map per model, fitted to what its own VAE decodes.

A latent position stands for a square of pixels; the map gives that square at a lower resolution, all of it in one
matrix product on the CPU. It is found by least squares over a test picture that is encoded and decoded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

#: Side of the test picture in latent positions, which are what the map is fitted to: many more than a VAE has channels.
_SIDE = 24

#: Cells per side of the four colour fields of which the test picture is made: from flat areas to fine detail.
_CELLS = (3, 6, 12, 32)

#: Longest side of a preview in pixels, before it is scaled to be shown.
LONGEST = 128


@dataclass(frozen=True, slots=True)
class Projection:
    """`weights`: `(channels + 1, 3, square, square)` float32, the last row for the constant; values from 0 to 1."""

    weights: torch.Tensor

    def pixels(self, latents: torch.Tensor) -> npt.NDArray[np.uint8]:
        """`(height, width, 3)` pixels of `(channels, h, w)` latents, on whatever device they are; not over LONGEST."""
        channels, rows, columns = latents.shape
        square = self.weights.shape[-1]
        while square > 1 and max(rows, columns) * square > LONGEST:
            square //= 2
        weights = functional.adaptive_avg_pool2d(self.weights, square).reshape(channels + 1, -1)
        positions = latents.to("cpu", torch.float32).reshape(channels, -1).T
        squares = torch.addmm(weights[-1], positions, weights[:-1]).clamp_(0, 1)
        image = squares.reshape(rows, columns, 3, square, square).permute(0, 3, 1, 4, 2)
        pixels: npt.NDArray[np.uint8] = (image * 255).round().to(torch.uint8).reshape(rows * square, -1, 3).numpy()
        return pixels


class Projector:
    """The projection of one loaded model, fitted when it is first wanted: what nobody watches pays nothing."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae
        self._found: Projection | None = None
        self._tried = False

    def get(self) -> Projection | None:
        """None if there is none for this model; what it raises the first time, it does not try again."""
        if not self._tried:
            self._tried = True
            self._found = fit(self._vae)
        return self._found


def fit(vae: Any) -> Projection | None:
    """The map for latents as the UNet knows them; None for a VAE whose values are not finite (in half precision)."""
    with torch.no_grad():
        config = vae.config
        side = _SIDE * 2 ** (len(config.block_out_channels) - 1)
        picture = _test_picture(side).to(vae.device, vae.dtype) * 2 - 1
        # The mode, not a sample: nothing is drawn from the generators that pictures depend on.
        raw = vae.encode(picture[None]).latent_dist.mode()
        decoded = vae.decode(raw, return_dict=False)[0][0].float().cpu() / 2 + 0.5
        latents = ((raw - (config.get("shift_factor") or 0)) * config.scaling_factor)[0].float().cpu()
    rows = latents.shape[-1]
    square = side // rows
    known = torch.cat([latents.reshape(latents.shape[0], -1), torch.ones(1, rows * rows)]).T
    wanted = decoded.clamp(0, 1).reshape(3, rows, square, rows, square).permute(1, 3, 0, 2, 4).reshape(rows * rows, -1)
    if not (known.isfinite().all() and wanted.isfinite().all()):
        return None
    found = torch.linalg.lstsq(known, wanted, driver="gelsd").solution
    return Projection(found.reshape(-1, 3, square, square))


def _test_picture(side: int) -> torch.Tensor:
    """`(3, side, side)`: four fields of random colours, blending into each other, always the same."""
    own = torch.Generator("cpu").manual_seed(0)
    half = side // 2
    fields = []
    for cells in _CELLS:
        colours = torch.rand((1, 3, cells, cells), generator=own) * 1.4 - 0.2
        fields.append(functional.interpolate(colours, (half, half), mode="bicubic")[0].clamp(0, 1))
    return torch.cat([torch.cat(fields[:2], 2), torch.cat(fields[2:], 2)], 1)
