"""(g) Which sampler, steps and CFG give the best pictures in less than a second: how the defaults are chosen.

First all steps and CFG scales with the first sampler, then all steps with the others at the CFG scale that was best.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean
from typing import TypeVar

import torch

from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.evaluation import gallery, judge
from invoke_model_emoji.evaluation.artist import How
from invoke_model_emoji.evaluation.bench import Bench, percent, table
from invoke_model_emoji.evaluation.gallery import Gallery
from invoke_model_emoji.evaluation.judge import Judge
from invoke_model_emoji.evaluation.prompts import Combination, combinations, some_concepts, with_article

SCHEDULERS = ("dpmpp_2m", "unipc", "deis", "euler", "ddim")
STEPS = (4, 6, 8, 10, 12, 16, 20)
CFG = (1.0, 2.0, 3.0, 4.0, 5.0)
#: What a picture may take.
LIMIT_S = 1.0
_CONCEPTS, _OF_EACH_KIND = 12, 4

_Choice = TypeVar("_Choice", float, int, str)


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to draw: shares of concepts (nearest drawing) and of held-out combinations that are right, the mean
    distance to the concepts' drawings, and seconds for one picture alone."""

    scheduler: str
    steps: int
    cfg: float
    top1: float
    combinations: float
    distance: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Defaults:
    """All that was tried, and the best one that takes less than a second."""

    concepts: int
    combinations: int
    best: Cell
    cells: list[Cell]

    def lines(self) -> list[str]:
        rows = [
            (
                f"`{each.scheduler}`",
                each.steps,
                f"{each.cfg:g}",
                percent(each.top1),
                percent(each.combinations),
                f"{each.distance:.4f}",
                f"{each.seconds:.2f}",
            )
            for each in self.cells
        ]
        best = self.best
        return [
            f"Best under {LIMIT_S:g} s: **`{best.scheduler}`, {best.steps} steps, CFG {best.cfg:g}**",
            f"({self.concepts} concepts, {self.combinations} held-out combinations).",
            "Each of the three is judged by all rows that share it: CFG and steps by those of the first sampler, the",
            "sampler by all at that CFG. Most right ones win; of equally many the smaller distance to real drawings.",
            "",
            *table(("scheduler", "steps", "CFG", "top-1", "combinations", "distance", "seconds"), rows),
        ]


def count(bench: Bench) -> int:
    ways = len(STEPS) * (len(CFG) + len(SCHEDULERS) - 1)
    return ways * sum(len(each) for each in _asked(bench)) + 2 * 2 * len(STEPS)


def measure(bench: Bench) -> Defaults:
    eye = _Eye(bench)
    cells = [eye.cell(How(steps, cfg, SCHEDULERS[0])) for cfg in CFG for steps in STEPS]
    cfg = best(cells).cfg
    cells += [eye.cell(How(steps, cfg, each)) for each in SCHEDULERS[1:] for steps in STEPS]
    return Defaults(len(eye.concepts), len(eye.combinations), best(cells), cells)


def best(cells: list[Cell]) -> Cell:
    """The best of those that are fast enough; the fastest one if none is.

    So few prompts say little about one way to draw, so each of its three choices is judged by all ways that share it:
    CFG and steps by what the first sampler drew, the sampler by all at that CFG.
    """
    fast = [each for each in cells if each.seconds < LIMIT_S]
    if not fast:
        return min(cells, key=lambda each: each.seconds)
    first = [each for each in fast if each.scheduler == fast[0].scheduler]
    cfg = _best_choice(first, lambda each: each.cfg)
    scheduler = _best_choice([each for each in fast if each.cfg == cfg], lambda each: each.scheduler)
    left = {each.steps: each for each in fast if (each.scheduler, each.cfg) == (scheduler, cfg)}
    return left[_best_choice([each for each in first if each.steps in left], lambda each: each.steps)]


def _best_choice(cells: list[Cell], choice: Callable[[Cell], _Choice]) -> _Choice:
    sharing: dict[_Choice, list[Cell]] = defaultdict(list)
    for each in cells:
        sharing[choice(each)].append(each)

    def merit(made: _Choice) -> tuple[float, float]:
        right = mean((each.top1 + each.combinations) / 2 for each in sharing[made])
        return right, -mean(each.distance for each in sharing[made])

    return max(sharing, key=merit)


class _Eye:
    """Draws the same few prompts in every way and looks at them."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.concepts, self.combinations = _asked(bench)
        painter = Painter(bench.drawings, size=judge.SIDE)
        self._hung = Gallery(bench.drawings, painter, gallery.colours, styles=bench.styles)
        self._judge = Judge(bench.drawings, bench.styles, keep=True)
        self._seconds: dict[tuple[int, bool], float] = {}

    def cell(self, how: How) -> Cell:
        bench = self._bench.with_how(how)
        names = [with_article(bench.drawings.concepts[each].name) for each in self.concepts]
        made = bench.draw([*names, *(each.prompt for each in self.combinations)])
        plain = judge.smaller(made[: len(names)])
        distances = self._hung.distances(plain, torch.ones(len(plain), 3))
        own = distances.gather(1, torch.tensor(self.concepts)[:, None])[:, 0]
        verdicts = self._judge.judge(made[len(names) :], self.combinations)
        return Cell(
            how.scheduler,
            how.steps,
            how.cfg,
            float((distances.min(1).values == own).float().mean()),
            sum(each.right for each in verdicts) / max(1, len(verdicts)),
            float(own.mean()),
            self._time(how),
        )

    def _time(self, how: How) -> float:
        """Of one picture. The sampler's own arithmetic is next to nothing, so one is timed for all."""
        key = how.steps, how.cfg > 1
        if key not in self._seconds:
            self._seconds[key] = math.inf
            for _ in range(2):
                started = time.perf_counter()
                self._bench.artist.draw(["a cat"], [0], how)
                self._seconds[key] = min(self._seconds[key], time.perf_counter() - started)
        return self._seconds[key]


def _asked(bench: Bench) -> tuple[list[int], list[Combination]]:
    concepts = bench.some(some_concepts(bench.drawings, _CONCEPTS, "defaults"))
    of_each = _OF_EACH_KIND if bench.quick is None else max(1, min(_OF_EACH_KIND, bench.quick // 3))
    return concepts, combinations(bench.drawings, of_each)
