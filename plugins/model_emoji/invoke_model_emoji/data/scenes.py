"""What one training picture shows: which things, in which colours and style, where, on which ground.

A scene says everything that is in a picture, so its caption can be told and its pixels painted from it alone.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.heldout import Kind, held_out
from invoke_model_emoji.data.palette import COLOURS

#: Smallest share of a drawing that must take a colour for "a blue ..." to mean something.
PAINTABLE = 0.35


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a drawing stands: its centre and side in parts of the picture's side, turned by radians, mirrored."""

    x: float = 0.5
    y: float = 0.5
    side: float = 0.9
    angle: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """One concept (by index) at a place; `colour` is an index of `COLOURS`, None for the drawing's own colours."""

    concept: int
    pose: Pose
    colour: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: one or two things, the left one first. `ground` is an index of `COLOURS`, None for white."""

    things: tuple[Thing, ...]
    style: str
    ground: int | None = None


@dataclass(frozen=True, slots=True)
class Mix:
    """How often which kind of scene comes, as shares of one; what is left is one thing in its own colours on white."""

    ground: float = 0.13
    colour: float = 0.17
    colour_and_ground: float = 0.06
    pair: float = 0.22
    #: Largest deviations of a pose: of the side, of the centre (both of the picture's side), radians.
    smaller: float = 0.14
    shift: float = 0.03
    turn: float = math.radians(7)
    #: How often what may be mirrored is.
    mirrored: float = 0.5

    def still(self) -> Mix:
        """The same scenes, everything standing upright in its place."""
        return replace(self, smaller=0.0, shift=0.0, turn=0.0, mirrored=0.0)


class Composer:
    """Draws scenes at random, none of them held out."""

    def __init__(self, drawings: Drawings, styles: tuple[str, ...], mix: Mix, rng: random.Random) -> None:
        self._concepts, self._styles, self._mix, self._rng = drawings.concepts, styles, mix, rng
        owners: dict[str, int] = {}  # of "a blue cat", the cat, not the black cat
        for index, each in enumerate(drawings.concepts):
            if each.noun not in owners or each.noun == each.name:
                owners[each.noun] = index
        self._paintable = [
            float(share) >= PAINTABLE and owners[each.noun] == index
            for index, (share, each) in enumerate(zip(drawings.paintable, drawings.concepts, strict=True))
        ]

    def scene(self) -> Scene:
        """The next one."""
        style, first = self._rng.choice(self._styles), self._rng.randrange(len(self._concepts))
        kind = self._rng.random()
        mix = self._mix
        if kind < mix.pair:
            second = self._beside(first)
            return Scene((Thing(first, self._pose(first, 0.27)), Thing(second, self._pose(second, 0.73))), style)
        kind -= mix.pair
        thing = Thing(first, self._pose(first))
        if kind < mix.colour + mix.colour_and_ground and self._paintable[first]:
            thing = replace(thing, colour=self._colour("colour", first))
            if kind < mix.colour:
                return Scene((thing,), style)
            return Scene((thing,), style, self._colour("ground", first, but=thing.colour))
        if mix.colour <= kind < mix.colour + mix.colour_and_ground + mix.ground:
            return Scene((thing,), style, self._colour("ground", first))
        return Scene((thing,), style)

    def _beside(self, first: int) -> int:
        name = self._concepts[first].name
        while True:
            second = self._rng.randrange(len(self._concepts))
            if second != first and not held_out("pair", name, self._concepts[second].name):
                return second

    def _colour(self, kind: Kind, concept: int, but: int | None = None) -> int:
        name = self._concepts[concept].name
        allowed = [index for index, each in enumerate(COLOURS) if index != but and not held_out(kind, name, each.name)]
        return self._rng.choice(allowed)

    def _pose(self, concept: int, x: float | None = None) -> Pose:
        mix, rng = self._mix, self._rng
        largest = 0.94 if x is None else 0.46
        side = largest * (1 - rng.uniform(0, mix.smaller))
        reach = mix.shift if x is None else mix.shift / 2
        mirrored = self._concepts[concept].mirrors and rng.random() < mix.mirrored
        return Pose(
            (0.5 if x is None else x) + rng.uniform(-reach, reach),
            0.5 + rng.uniform(-reach, reach),
            side,
            rng.uniform(-mix.turn, mix.turn),
            mirrored,
        )
