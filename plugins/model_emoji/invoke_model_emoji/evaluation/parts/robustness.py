"""(d) The same things asked for in other words."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.evaluation import gallery, judge
from invoke_model_emoji.evaluation.bench import Bench, percent, table
from invoke_model_emoji.evaluation.gallery import Gallery
from invoke_model_emoji.evaluation.prompts import VARIANTS, some_concepts, vary

_CONCEPTS = 100


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to ask, with an example, and the top-1 share it gives."""

    name: str
    example: str
    top1: float


@dataclass(frozen=True, slots=True)
class Robustness:
    """The same concepts in all variants."""

    count: int
    variants: list[Variant]

    def lines(self) -> list[str]:
        rows = [(each.name, each.example, percent(each.top1)) for each in self.variants]
        return [f"Top-1 of {self.count} concepts.", "", *table(("variant", "example", "top-1"), rows)]


def count(bench: Bench) -> int:
    return len(_asked(bench)) * len(VARIANTS)


def measure(bench: Bench) -> Robustness:
    asked = _asked(bench)
    names = [bench.drawings.concepts[each].name for each in asked]
    hung = Gallery(bench.drawings, Painter(bench.drawings, size=judge.SIDE), gallery.colours, styles=bench.styles)
    found = []
    for title, template in VARIANTS.items():
        pictures = judge.smaller(bench.draw([vary(template, name) for name in names]))
        ranks = hung.ranks(pictures, torch.ones(len(pictures), 3), asked)
        found.append(Variant(title, vary(template, names[0]), sum(each == 0 for each in ranks) / len(ranks)))
    return Robustness(len(asked), found)


def _asked(bench: Bench) -> list[int]:
    return bench.some(some_concepts(bench.drawings, _CONCEPTS, "robustness"))
