"""(b) Combinations that training never saw: things in colours, things on grounds, two things."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch

from invoke_model_emoji.data.scenes import Mix
from invoke_model_emoji.evaluation import judge
from invoke_model_emoji.evaluation.bench import Bench, percent, table
from invoke_model_emoji.evaluation.judge import Judge, Verdict
from invoke_model_emoji.evaluation.prompts import EACH, Combination, combinations

_TITLES = {"colour": "a thing in a colour", "ground": "a thing on a ground", "pair": "two things"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of combination, as shares of `count`: judged right; the shape right; the colour right; every thing the
    very nearest of all. `right_if_painted` and `right_if_spoilt` are the judge's own figures: how often it accepts
    painted pictures of the combination, and of one that differs in one thing. `baseline` is the older model's share."""

    name: str
    count: int
    right: float
    shape: float
    colour: float
    exact: float
    right_if_painted: float
    right_if_spoilt: float
    baseline: float | None


@dataclass(frozen=True, slots=True)
class Combinations:
    """All kinds; `right` is the share over all of them, as are the judge's rates. `wrong` are prompts judged wrong."""

    count: int
    right: float
    right_if_painted: float
    right_if_spoilt: float
    baseline: float | None
    kinds: list[Kind]
    wrong: list[str]

    def lines(self) -> list[str]:
        rows = [
            (
                _TITLES[each.name],
                each.count,
                f"**{percent(each.right)}**",
                percent(each.shape),
                "-" if each.name == "pair" else percent(each.colour),
                percent(each.exact),
                "-" if each.baseline is None else percent(each.baseline),
                percent(each.right_if_painted),
                percent(each.right_if_spoilt),
            )
            for each in self.kinds
        ]
        older = "" if self.baseline is None else f" (the baseline: {percent(self.baseline)})"
        return [
            f"**{percent(self.right)}** of {self.count} held-out combinations are judged right{older}.",
            f"Painted by the program instead of the model, {percent(self.right_if_painted)} are;",
            f"with one thing of each exchanged, {percent(self.right_if_spoilt)} are.",
            "",
            *table(
                (
                    "kind",
                    "prompts",
                    "right",
                    "shape",
                    "colour",
                    "the very nearest",
                    "baseline",
                    "judge: right ones",
                    "judge: spoilt ones",
                ),
                rows,
            ),
            "",
            f"Judged wrong: {'; '.join(self.wrong) or 'none'}.",
        ]


def count(bench: Bench) -> int:
    return len(_asked(bench)) * (1 if bench.baseline is None else 2)


def measure(bench: Bench) -> Combinations:
    asked = _asked(bench)
    one = Judge(bench.drawings, bench.styles)
    rng, mix = random.Random(bench.seed), Mix()
    painted = judge.paint(bench.drawings, asked, mix, rng, bench.styles)
    spoilt = judge.paint(bench.drawings, judge.spoilt(asked, bench.drawings, rng), mix, rng, bench.styles)
    pictures = [bench.draw([each.prompt for each in asked]), painted, spoilt]
    if bench.baseline is not None:
        pictures.append(bench.draw([each.prompt for each in asked], artist=bench.baseline))
    # all at once, as every colour's drawings are painted for each call
    verdicts = one.judge(torch.cat([judge.smaller(each) for each in pictures]), asked * len(pictures))
    sets = [verdicts[first : first + len(asked)] for first in range(0, len(verdicts), len(asked))]
    kinds = [_kind(name, asked, sets) for name in _TITLES if any(each.kind == name for each in asked)]
    whole = [_share([each.right for each in some]) for some in sets]
    wrong = [each.prompt for each, verdict in zip(asked, sets[0], strict=True) if not verdict.right]
    return Combinations(len(asked), whole[0], whole[1], whole[2], whole[3] if len(whole) > 3 else None, kinds, wrong)


def _asked(bench: Bench) -> list[Combination]:
    return combinations(bench.drawings, EACH if bench.quick is None else max(1, bench.quick // 3))


def _kind(name: str, asked: list[Combination], sets: list[list[Verdict]]) -> Kind:
    own = [[each for each, one in zip(some, asked, strict=True) if one.kind == name] for some in sets]
    right = [_share([each.right for each in some]) for some in own]
    return Kind(
        name,
        len(own[0]),
        right[0],
        _share([each.shape for each in own[0]]),
        _share([each.colour for each in own[0]]),
        _share([each.exact for each in own[0]]),
        right[1],
        right[2],
        right[3] if len(right) > 3 else None,
    )


def _share(kept: list[bool]) -> float:
    return sum(kept) / max(1, len(kept))
