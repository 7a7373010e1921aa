"""Colours as people see them apart: CIELAB (CIE 1976) under D65, and the nearest word of the palette."""

from __future__ import annotations

import torch

from invoke_model_emoji.data.palette import COLOURS

_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = torch.tensor([0.95047, 1.0, 1.08883])
_LINEAR = 6 / 29


def lab(rgb: torch.Tensor) -> torch.Tensor:
    """sRGB (n, 3, ...) in 0..1 to L in 0..100, a and b, at the same places."""
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(0, 1) + 0.055) / 1.055) ** 2.4)
    xyz = torch.einsum("ij,nj...->ni...", _XYZ / _WHITE[:, None], light)
    root = torch.where(xyz > _LINEAR**3, xyz.clamp(min=1e-9) ** (1 / 3), xyz / (3 * _LINEAR**2) + 4 / 29)
    x, y, z = root.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def nearest_colour(rgb: torch.Tensor) -> list[int]:
    """Indices of `COLOURS` whose grounds come nearest to each colour (n, 3)."""
    palette = lab(torch.tensor([each.rgb for each in COLOURS]))
    nearest: list[int] = torch.cdist(lab(rgb), palette).argmin(1).tolist()
    return nearest
