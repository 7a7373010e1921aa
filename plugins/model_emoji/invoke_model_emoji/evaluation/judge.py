"""Whether a picture shows the combination that was asked for: rules, no opinions.

* A thing in a colour: by shape alone the thing is among the five nearest of all concepts, and the pixels that take
  a colour come nearest to the ones of the drawing painted in this colour (of eleven), in CIELAB.
* A thing on a ground: by shape alone it is among the five nearest, and the border's median is nearest to this ground.
* A pair: the left part shows the first among the five nearest, the right part the second.

The shape is what is left without colour (see `gallery`), so no rule does the work of another one. How often the rules
accept painted pictures that are right, and ones that are wrong, is measured along with every model.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.palette import COLOURS
from invoke_model_emoji.data.scenes import Mix, Pose, Scene, Thing
from invoke_model_emoji.evaluation import frames, gallery
from invoke_model_emoji.evaluation.gallery import Gallery
from invoke_model_emoji.evaluation.lab import lab, nearest_colour
from invoke_model_emoji.evaluation.prompts import Combination

#: A thing counts as drawn if at most so many of all concepts are nearer, less one.
AMONG = 5
#: Side of the pictures that are compared: less than any model's native size, so that none is favoured.
SIDE = 64
#: Spread in CIELAB over the eleven colours from which a pixel takes the colour.
_TAKES = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`shape`, `colour` as by the rules (`colour` is true of pairs); `exact`: every thing was the very nearest."""

    shape: bool
    colour: bool
    exact: bool

    @property
    def right(self) -> bool:
        return self.shape and self.colour


class Judge:
    """Judges pictures of combinations of these drawings' concepts."""

    def __init__(self, drawings: Drawings, styles: Sequence[str] = ("noto",), *, keep: bool = False) -> None:
        """With `keep` the drawings in every colour, some 20 MB each, stay in memory for further calls."""
        self._drawings, self._styles, self._keep = drawings, styles, keep
        self._kept: dict[tuple[int | None, int | None], Gallery] = {}
        self._painter = Painter(drawings, size=SIDE)

    def judge(self, pictures: torch.Tensor, asked: Sequence[Combination]) -> list[Verdict]:
        """A verdict on each of (n, 3, side, side) in 0..1."""
        pictures = smaller(pictures)
        together: dict[tuple[str, int | None], list[int]] = defaultdict(list)
        for row, each in enumerate(asked):
            together[each.kind, None if each.kind == "pair" else each.second].append(row)
        verdicts: dict[int, Verdict] = {}
        for (kind, colour), rows in together.items():
            some = [asked[row] for row in rows]
            rule = {"colour": self._colours, "ground": self._grounds, "pair": self._pairs}[kind]
            verdicts.update(zip(rows, rule(pictures[rows], some, colour), strict=True))
        return [verdicts[row] for row in range(len(asked))]

    def _colours(self, pictures: torch.Tensor, asked: list[Combination], colour: int | None) -> list[Verdict]:
        white = torch.ones(len(pictures), 3)
        ranks = self._gallery(colour=colour).ranks(pictures, white, [each.first for each in asked])
        found = [self._colour(picture, each.first) for picture, each in zip(pictures, asked, strict=True)]
        return [_verdict([rank], one == colour) for rank, one in zip(ranks, found, strict=True)]

    def _grounds(self, pictures: torch.Tensor, asked: list[Combination], ground: int | None) -> list[Verdict]:
        seen = frames.grounds(pictures)
        ranks = self._gallery(ground=ground).ranks(pictures, seen, [each.first for each in asked])
        return [_verdict([rank], one == ground) for rank, one in zip(ranks, nearest_colour(seen), strict=True)]

    def _pairs(self, pictures: torch.Tensor, asked: list[Combination], _: int | None) -> list[Verdict]:
        white = torch.ones(len(pictures), 3)
        left, right = frames.halves(pictures)
        hung = self._gallery()
        first = hung.ranks(left, white, [each.first for each in asked])
        second = hung.ranks(right, white, [each.second for each in asked])
        return [_verdict([*both], True) for both in zip(first, second, strict=True)]

    def _gallery(self, *, colour: int | None = None, ground: int | None = None) -> Gallery:
        if hung := self._kept.get((colour, ground)):
            return hung
        hung = Gallery(self._drawings, self._painter, gallery.shape, colour=colour, ground=ground, styles=self._styles)
        if self._keep:
            self._kept[colour, ground] = hung
        return hung

    def _colour(self, picture: torch.Tensor, concept: int) -> int:
        """The colour of the palette that a thing is painted in, given that it is this thing."""
        mirrors = (False, True) if self._drawings.concepts[concept].mirrors else (False,)
        white = torch.ones(len(COLOURS), 3)
        seen = lab(frames.cut(picture[None], white[:1]))
        found = []
        for style, turn, mirrored in itertools.product(self._styles, gallery.TURNS, mirrors):
            thing = Thing(concept, Pose(angle=turn, mirrored=mirrored))
            scenes = [Scene((replace(thing, colour=each),), style) for each in range(len(COLOURS))]
            painted = lab(frames.cut(self._painter.paint(scenes).add(1).div(2), white))
            takes = painted.std(0).norm(dim=0) > _TAKES  # these pixels differ from colour to colour
            apart = ((painted - seen).norm(dim=1) * takes).sum((1, 2)) / takes.sum().clamp(min=1)
            found.append((float(apart.min()), int(apart.argmin())))
        return min(found)[1]


def smaller(pictures: torch.Tensor) -> torch.Tensor:
    """(n, 3, SIDE, SIDE) of larger ones."""
    if pictures.shape[-1] == SIDE:
        return pictures
    return functional.interpolate(pictures, size=(SIDE, SIDE), mode="area")


def paint(
    drawings: Drawings, asked: Sequence[Combination], mix: Mix, rng: random.Random, styles: Sequence[str] = ("noto",)
) -> torch.Tensor:
    """What a perfect model would draw: (n, 3, SIDE, SIDE) in 0..1, things in poses as training shows them."""
    painter = Painter(drawings, size=SIDE)
    scenes = [scene(drawings, each, mix, rng, styles) for each in asked]
    return painter.paint(scenes).add(1).div(2)


def scene(
    drawings: Drawings, one: Combination, mix: Mix, rng: random.Random, styles: Sequence[str] = ("noto",)
) -> Scene:
    """The combination in random poses."""
    style = rng.choice(styles)
    if one.kind == "pair":
        places = ((one.first, 0.27), (one.second, 0.73))
        return Scene(tuple(Thing(each, pose(drawings, each, mix, rng, x)) for each, x in places), style)
    thing = Thing(one.first, pose(drawings, one.first, mix, rng), one.second if one.kind == "colour" else None)
    return Scene((thing,), style, one.second if one.kind == "ground" else None)


def pose(drawings: Drawings, concept: int, mix: Mix, rng: random.Random, x: float | None = None) -> Pose:
    """As training poses things: one in the middle, or one of two around `x`."""
    reach = mix.shift if x is None else mix.shift / 2
    return Pose(
        (0.5 if x is None else x) + rng.uniform(-reach, reach),
        0.5 + rng.uniform(-reach, reach),
        (0.94 if x is None else 0.46) * (1 - rng.uniform(0, mix.smaller)),
        rng.uniform(-mix.turn, mix.turn),
        drawings.concepts[concept].mirrors and rng.random() < mix.mirrored,
    )


def spoilt(asked: Sequence[Combination], drawings: Drawings, rng: random.Random) -> list[Combination]:
    """The same combinations, each with one thing exchanged for another: the colour, the ground or the thing itself."""
    return [_spoilt(each, drawings, rng) for each in asked]


def _spoilt(one: Combination, drawings: Drawings, rng: random.Random) -> Combination:
    count = len(COLOURS) if one.kind != "pair" and rng.random() < 0.5 else len(drawings.concepts)
    field = "second" if count == len(COLOURS) or (one.kind == "pair" and rng.random() < 0.5) else "first"
    value = (getattr(one, field) + rng.randrange(1, count)) % count
    return replace(one, **{field: value})


def _verdict(ranks: Sequence[int], colour: bool) -> Verdict:
    return Verdict(max(ranks) < AMONG, colour, max(ranks) == 0 and colour)
