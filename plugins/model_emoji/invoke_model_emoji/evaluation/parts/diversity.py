"""(c) How much pictures of one prompt differ from seed to seed, and whether they still show it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.evaluation import gallery, judge
from invoke_model_emoji.evaluation.artist import Draws, How
from invoke_model_emoji.evaluation.bench import Bench, percent, table
from invoke_model_emoji.evaluation.gallery import Gallery
from invoke_model_emoji.evaluation.prompts import with_article

SEEDS = 8
#: What both models know: concepts of the baseline's, of all groups.
KNOWN = (
    "cat face", "dog face", "red apple", "banana", "pizza", "hamburger", "birthday cake", "strawberry",
    "elephant", "penguin", "frog", "tiger", "lion", "butterfly", "fish", "octopus",
    "rocket", "automobile", "bus", "bicycle", "airplane", "sailboat", "house", "sunflower",
    "cactus", "rose", "guitar", "robot", "ghost", "crown", "key", "umbrella",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diversity:
    """Mean distances between pictures of one prompt: root mean squares over pixels at 64 px, 0..1. `right` are
    shares of all pictures whose nearest drawing is what was asked for: noise differs, too, but shows nothing."""

    prompts: int
    seeds: int
    distance: float
    right: float
    baseline_distance: float | None
    baseline_right: float | None
    ratio: float | None

    def lines(self) -> list[str]:
        rows = [("this model", f"{self.distance:.4f}", percent(self.right))]
        if self.baseline_distance is not None and self.baseline_right is not None:
            rows.append(("baseline", f"{self.baseline_distance:.4f}", percent(self.baseline_right)))
        ratio = [] if self.ratio is None else ["", f"Ratio: **{self.ratio:.2f}**."]
        return [
            f"{self.prompts} prompts with {self.seeds} seeds each.",
            "",
            *table(("model", "mean pairwise distance", "show the right thing"), rows),
            *ratio,
        ]


def count(bench: Bench) -> int:
    return len(_asked(bench)) * SEEDS * (1 if bench.baseline is None else 2)


def measure(bench: Bench) -> Diversity:
    asked = _asked(bench)
    hung = Gallery(bench.drawings, Painter(bench.drawings, size=judge.SIDE), gallery.colours, styles=bench.styles)
    distance, right = _of(bench, bench.artist, bench.how, asked, hung)
    if bench.baseline is None:
        return Diversity(len(asked), SEEDS, distance, right, None, None, None)
    older, older_right = _of(bench, bench.baseline, bench.baseline_how, asked, hung)
    return Diversity(len(asked), SEEDS, distance, right, older, older_right, distance / max(older, 1e-9))


def apart(pictures: torch.Tensor) -> float:
    """The mean root mean square distance of all pairs of (n, 3, h, w)."""
    pairs = itertools.combinations(range(len(pictures)), 2)
    found = [float((pictures[one] - pictures[other]).square().mean().sqrt()) for one, other in pairs]
    return sum(found) / max(1, len(found))


def _asked(bench: Bench) -> list[int]:
    by_name = {each.name: index for index, each in enumerate(bench.drawings.concepts)}
    known = [by_name[name] for name in KNOWN if name in by_name]
    return bench.some(known or list(range(len(by_name))))


def _of(bench: Bench, artist: Draws, how: How, asked: list[int], hung: Gallery) -> tuple[float, float]:
    names = [with_article(bench.drawings.concepts[each].name) for each in asked for _ in range(SEEDS)]
    seeds = [bench.seed + index for _ in asked for index in range(SEEDS)]
    pictures = judge.smaller(artist.draw(names, seeds, how))
    distances = [apart(some) for some in pictures.split(SEEDS)]
    ranks = hung.ranks(pictures, torch.ones(len(pictures), 3), [each for each in asked for _ in range(SEEDS)])
    return sum(distances) / max(1, len(distances)), sum(each == 0 for each in ranks) / max(1, len(ranks))
