"""Pictures in a common form: what is drawn, cut out of its ground, filling a small square.

A drawing may stand anywhere, in any size: what is compared is the square around all that differs from the ground. The
same is done to generated pictures and to the real drawings that they are compared with.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from invoke_model_emoji.evaluation.lab import lab

#: Side of the square in pixels.
SIDE = 28
#: Distances in CIELAB up to which a pixel is ground (that much is noise), and from which it is none at all any more.
_NOISE, _APART = 4.0, 25.0
#: Difference of red, green or blue from which a pixel of the softened picture belongs to the drawing: not a lone speck.
_SEEN = 0.08
#: Width of the border that shows the ground, in parts of the picture's side.
_BORDER = 1 / 32
#: Samples per pixel and axis while cutting, against aliasing.
_FINER = 2


def grounds(pictures: torch.Tensor) -> torch.Tensor:
    """(n, 3): the median colour of each picture's border."""
    width = max(1, round(pictures.shape[-1] * _BORDER))
    rim = torch.ones(pictures.shape[-2:], dtype=torch.bool)
    rim[width:-width, width:-width] = False
    return pictures[:, :, rim].median(-1).values


def matte(pictures: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """(n, h, w) in 0..1: how far each pixel of (n, 3, h, w) is from the ground (n, 3)."""
    apart = (lab(pictures) - lab(ground)[:, :, None, None]).norm(dim=1)
    return ((apart - _NOISE) / (_APART - _NOISE)).clamp(0, 1)


def cut(pictures: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """(n, 3, SIDE, SIDE): all that is drawn, its longer side filling the square, on the same ground."""
    soft = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    centre, half = _boxes((soft - ground[:, :, None, None]).abs().amax(1) > _SEEN)
    move = torch.zeros(len(pictures), 2, 3)
    move[:, 0, 0] = move[:, 1, 1] = half
    move[:, :, 2] = centre
    grid = functional.affine_grid(move, [len(pictures), 3, SIDE * _FINER, SIDE * _FINER], align_corners=False)
    above = pictures - ground[:, :, None, None]  # what is outside of the picture counts as ground
    fine = functional.grid_sample(above, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return functional.avg_pool2d(fine, _FINER) + ground[:, :, None, None]


def halves(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Left and right parts on white, each as wide as the picture, parted at the emptiest column near the middle."""
    side = pictures.shape[-1]
    first, last = round(side * 0.42), round(side * 0.58)
    filled = matte(pictures, torch.ones(len(pictures), 3)).mean(1)
    middle = torch.arange(first, last).sub(side / 2).abs() / side * 1e-3  # of equally empty ones the one in the middle
    border = first + (filled[:, first:last] + middle).argmin(1)
    left = torch.arange(side)[None, :] < border[:, None]
    left = left[:, None, None, :]
    return torch.where(left, pictures, 1.0), torch.where(left, 1.0, pictures)


def _boxes(seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres (n, 2) as x, y and half the longer sides (n,), in -1..1; the whole picture where nothing is seen."""
    seen = seen | ~seen.flatten(1).any(1)[:, None, None]
    centres, sizes = [], []
    for across in (1, 2):
        line = seen.any(across).float()
        count = line.shape[1]
        low, high = line.argmax(1), count - line.flip(1).argmax(1)
        centres.append((low + high) / count - 1)
        sizes.append((high - low) / count)
    return torch.stack(centres, 1), torch.maximum(*sizes)
