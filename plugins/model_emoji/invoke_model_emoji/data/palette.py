"""The colours that prompts can name: the eleven basic colour terms of English (Berlin & Kay 1969)."""

from __future__ import annotations

from dataclasses import dataclass

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Colour:
    """A word, its colour as ground, and the darkest and lightest tone of a thing painted in it; all sRGB in 0..1."""

    name: str
    rgb: Rgb
    shadow: Rgb
    highlight: Rgb


def _colour(name: str, rgb: tuple[int, int, int], darker: float = 0.5, lighter: float = 0.45) -> Colour:
    red, green, blue = (each / 255 for each in rgb)
    return Colour(
        name,
        (red, green, blue),
        (red * darker, green * darker, blue * darker),
        (red + (1 - red) * lighter, green + (1 - green) * lighter, blue + (1 - blue) * lighter),
    )


COLOURS = (
    _colour("red", (220, 40, 40)),
    _colour("orange", (245, 130, 30)),
    _colour("yellow", (250, 212, 40), darker=0.7),
    _colour("green", (55, 160, 65)),
    _colour("blue", (45, 100, 225)),
    _colour("purple", (130, 60, 190)),
    _colour("pink", (245, 125, 180), darker=0.7),
    _colour("brown", (125, 75, 40), lighter=0.3),
    _colour("black", (28, 28, 30), darker=0.3, lighter=0.25),
    _colour("white", (246, 246, 246), darker=0.72, lighter=1.0),
    _colour("gray", (140, 142, 146), darker=0.55, lighter=0.4),
)

BY_NAME = {each.name: index for index, each in enumerate(COLOURS)}

#: The ground of a picture that names none.
WHITE: Rgb = (1.0, 1.0, 1.0)
