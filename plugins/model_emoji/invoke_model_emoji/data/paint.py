"""Scenes to pixels, a batch at once, on the device that trains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from invoke_model_emoji.data.drawings import SIDE, Drawings
from invoke_model_emoji.data.palette import COLOURS, WHITE
from invoke_model_emoji.data.scenes import Scene, Thing


class Painter:
    """Paints scenes of these drawings; keeps their layers on `device` as uint8, and at half size for small things."""

    def __init__(self, drawings: Drawings, device: torch.device | str = "cpu", *, size: int = 128) -> None:
        self._size, self._device = size, torch.device(device)
        self._layers = {
            (style, painted, level): _halved(layers, level).to(device)
            for painted, styles in ((False, drawings.plain), (True, drawings.parts))
            for style, layers in styles.items()
            for level in (0, 1)
        }
        self._shadows = torch.tensor([each.shadow for each in COLOURS], device=device)
        self._ranges = torch.tensor([each.highlight for each in COLOURS], device=device) - self._shadows
        self._grounds = torch.tensor([WHITE, *(each.rgb for each in COLOURS)], device=device)

    def paint(self, scenes: Sequence[Scene]) -> torch.Tensor:
        """(scenes, 3, size, size) float32 in -1..1."""
        grounds = torch.tensor([0 if each.ground is None else each.ground + 1 for each in scenes], device=self._device)
        picture = self._grounds[grounds][:, :, None, None].expand(-1, -1, self._size, self._size).clone()
        for kind, members in _alike(scenes).items():
            rgb, alpha = self._drawn(kind, [thing for _, thing in members])
            rows = torch.tensor([row for row, _ in members], device=self._device)
            picture[rows] = rgb + (1 - alpha) * picture[rows]
        return picture.clamp_(0, 1).mul_(2).sub_(1)

    def _drawn(self, kind: tuple[int, str, bool, int], things: list[Thing]) -> tuple[torch.Tensor, torch.Tensor]:
        """Premultiplied (n, 3, size, size) and alpha (n, 1, size, size), warped to their places."""
        _, style, painted, level = kind
        chosen = torch.tensor([each.concept for each in things], device=self._device)
        layers = self._layers[style, painted, level][chosen].float().div_(255)
        poses = torch.tensor([_inverse(each) for each in things], device=self._device)
        grid = functional.affine_grid(poses, [len(things), 1, self._size, self._size], align_corners=False)
        layers = functional.grid_sample(layers, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        if not painted:
            return layers[:, :3], layers[:, 3:]
        colours = torch.tensor([each.colour or 0 for each in things], device=self._device)
        shadows, ranges = self._shadows[colours][:, :, None, None], self._ranges[colours][:, :, None, None]
        return layers[:, :3] + layers[:, 3:4] * shadows + layers[:, 4:5] * ranges, layers[:, 5:]


def _alike(scenes: Sequence[Scene]) -> dict[tuple[int, str, bool, int], list[tuple[int, Thing]]]:
    """Things that can be drawn in one go: the first ones of their scenes apart from the second ones."""
    groups: dict[tuple[int, str, bool, int], list[tuple[int, Thing]]] = {}
    for row, scene in enumerate(scenes):
        for place, thing in enumerate(scene.things):
            kind = (place, scene.style, thing.colour is not None, 0 if thing.pose.side > 0.6 else 1)
            groups.setdefault(kind, []).append((row, thing))
    return groups


def _inverse(thing: Thing) -> list[list[float]]:
    """The map from the picture's to the drawing's coordinates, both -1..1, as `affine_grid` wants it."""
    pose = thing.pose
    cos, sin = math.cos(pose.angle) / pose.side, math.sin(pose.angle) / pose.side
    x, y = 2 * pose.x - 1, 2 * pose.y - 1
    flip = -1.0 if pose.mirrored else 1.0
    return [[flip * cos, flip * sin, -flip * (cos * x + sin * y)], [-sin, cos, sin * x - cos * y]]


def _halved(layers: torch.Tensor, level: int) -> torch.Tensor:
    """A smaller copy against aliasing: grid_sample looks at four pixels only."""
    if level == 0:
        return layers
    small = [functional.avg_pool2d(each.float(), 2).round().to(torch.uint8) for each in layers.split(64)]
    return torch.cat(small)


__all__ = ["SIDE", "Painter"]
