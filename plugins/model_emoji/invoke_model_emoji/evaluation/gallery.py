"""The real drawings to compare with, and the nearest of them.

Training shows drawings turned by up to 5 degrees and mirrored, so every drawing hangs here upright and turned both
ways, and mirror images count where a concept's mirror image is as good. A distance is a root mean square over the
features of `frames`' squares, the least one over these poses.

Features are one of two kinds: `colours` are the pixels themselves; `shape` has what is left without colour: how far
each pixel is from the ground, and its lightness among the pixels of its own drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.scenes import Pose, Scene, Thing
from invoke_model_emoji.evaluation import frames
from invoke_model_emoji.evaluation.lab import lab

Features = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
TURNS = (0.0, math.radians(4), math.radians(-4))
_TOGETHER = 64
#: Least spread of lightness (of 100): a drawing in one tone has no inner shape, only noise.
_FLAT = 8.0


def colours(squares: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """(n, 3, s, s) as it is."""
    return squares


def shape(squares: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """(n, 2, s, s): the matte, and the lightness on a scale of its own, in the matte only."""
    over = frames.matte(squares, ground)
    light = lab(squares)[:, 0]
    weight = over.sum((1, 2), keepdim=True).clamp(min=1e-6)
    mean = (light * over).sum((1, 2), keepdim=True) / weight
    spread = (((light - mean).square() * over).sum((1, 2), keepdim=True) / weight).sqrt().clamp(min=_FLAT)
    return torch.stack([over, ((light - mean) / spread).clamp(-2, 2) * over / 3], 1)


class Gallery:
    """Every concept's drawing, painted in one colour (or its own) on one ground (or white)."""

    def __init__(
        self,
        drawings: Drawings,
        painter: Painter,
        features: Features,
        *,
        colour: int | None = None,
        ground: int | None = None,
        styles: Sequence[str] = ("noto",),
    ) -> None:
        self._features = features
        self._mirrors = torch.tensor([each.mirrors for each in drawings.concepts])
        self._count = len(drawings.concepts)
        poses = [Pose(angle=turn) for turn in TURNS]
        self._hung = torch.stack(
            [
                self._hang(painter, [Scene((Thing(each, pose, colour),), style, ground) for each in range(self._count)])
                for style in styles
                for pose in poses
            ]
        )

    def _hang(self, painter: Painter, scenes: list[Scene]) -> torch.Tensor:
        made = []
        for first in range(0, len(scenes), _TOGETHER):
            pictures = painter.paint(scenes[first : first + _TOGETHER]).add(1).div(2)
            made.append(self.look(pictures, frames.grounds(pictures)))
        return torch.cat(made)

    def look(self, pictures: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
        """(n, features, s, s) of pictures (n, 3, h, w) in 0..1 on grounds (n, 3)."""
        return self._features(frames.cut(pictures, ground), ground)

    def distances(self, pictures: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
        """(n, concepts): to each concept in its best pose."""
        seen = self.look(pictures, ground)
        straight, mirrored = (each.flatten(1) for each in (seen, seen.flip(-1)))
        best = torch.full((len(pictures), self._count), math.inf)
        for hung in self._hung:
            flat = hung.flatten(1)
            best = torch.minimum(best, torch.cdist(straight, flat))
            best = torch.where(self._mirrors, torch.minimum(best, torch.cdist(mirrored, flat)), best)
        return best / straight.shape[1] ** 0.5

    def ranks(self, pictures: torch.Tensor, ground: torch.Tensor, wanted: Sequence[int]) -> list[int]:
        """How many concepts are nearer than the wanted one: 0 is the best."""
        distances = self.distances(pictures, ground)
        own = distances.gather(1, torch.tensor(wanted)[:, None])
        ranks: list[int] = (distances < own).sum(1).tolist()
        return ranks
