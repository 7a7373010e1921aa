"""(a) Every concept once, as "a NAME": is the nearest real drawing, of all concepts, the one that was asked for?"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch

from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.scenes import Mix, Scene, Thing
from invoke_model_emoji.evaluation import gallery, judge
from invoke_model_emoji.evaluation.bench import Bench, percent
from invoke_model_emoji.evaluation.gallery import Gallery
from invoke_model_emoji.evaluation.prompts import with_article


@dataclass(frozen=True, slots=True)
class Miss:
    """A concept whose picture is nearer to another one's drawing. `rank` says how many drawings are nearer."""

    name: str
    found: str
    rank: int


@dataclass(frozen=True, slots=True)
class Concepts:
    """Shares of the concepts. `of_real_drawings` is the top-1 share of real drawings in the poses of training: what the
    measure itself can see. `baseline_top1` is of the same prompts, of which the baseline knows some 200."""

    count: int
    top1: float
    top5: float
    of_real_drawings: float
    baseline_top1: float | None
    misses: list[Miss]

    def lines(self) -> list[str]:
        older = []
        if self.baseline_top1 is not None:
            known = f"{round(self.baseline_top1 * self.count)} concepts; it was trained on 209"
            older = [f"* baseline: top-1 {percent(self.baseline_top1)} of the same prompts ({known})"]
        missed = "; ".join(f"{each.name} → {each.found} ({each.rank + 1}th)" for each in self.misses)
        return [
            f'Prompt "a NAME" for {self.count} concepts; the nearest of all concepts\' real drawings is',
            "",
            f"* the right one (top-1): **{percent(self.top1)}**",
            f"* among the nearest five (top-5): **{percent(self.top5)}**",
            f"* the same measure on real drawings, moved and turned as in training: {percent(self.of_real_drawings)}",
            *older,
            "",
            f"Missed ({len(self.misses)}): {missed or 'none'}.",
        ]


def count(bench: Bench) -> int:
    pictures = len(bench.some(bench.drawings.concepts))
    return pictures * (1 if bench.baseline is None else 2)


def measure(bench: Bench) -> Concepts:
    names = [each.name for each in bench.drawings.concepts]
    asked = [index for index, _ in bench.some(list(enumerate(names)))]
    prompts = [with_article(names[each]) for each in asked]
    hung = Gallery(bench.drawings, Painter(bench.drawings, size=judge.SIDE), gallery.colours, styles=bench.styles)
    distances = _distances(hung, bench.draw(prompts))
    ranks = _ranks(distances, asked)
    nearest = distances.argmin(1).tolist()
    misses = [
        Miss(names[each], names[found], rank)
        for each, found, rank in zip(asked, nearest, ranks, strict=True)
        if rank > 0
    ]
    older = None
    if bench.baseline is not None:
        drawn = bench.draw(prompts, artist=bench.baseline)
        older = _share(_ranks(_distances(hung, drawn), asked), 1)
    real = _ranks(_distances(hung, _painted(bench, asked)), asked)
    return Concepts(len(asked), _share(ranks, 1), _share(ranks, 5), _share(real, 1), older, misses)


def _distances(hung: Gallery, pictures: torch.Tensor) -> torch.Tensor:
    pictures = judge.smaller(pictures)
    white = torch.ones(len(pictures), 3)
    parts = zip(pictures.split(64), white.split(64), strict=True)
    return torch.cat([hung.distances(each, ground) for each, ground in parts])


def _ranks(distances: torch.Tensor, asked: list[int]) -> list[int]:
    own = distances.gather(1, torch.tensor(asked)[:, None])
    ranks: list[int] = (distances < own).sum(1).tolist()
    return ranks


def _share(ranks: list[int], among: int) -> float:
    return sum(each < among for each in ranks) / max(1, len(ranks))


def _painted(bench: Bench, asked: list[int]) -> torch.Tensor:
    rng, mix = random.Random(bench.seed), Mix()
    painter = Painter(bench.drawings, size=judge.SIDE)
    scenes = [
        Scene((Thing(each, judge.pose(bench.drawings, each, mix, rng)),), rng.choice(bench.styles)) for each in asked
    ]
    return torch.cat([painter.paint(scenes[first : first + 64]) for first in range(0, len(scenes), 64)]).add(1).div(2)
