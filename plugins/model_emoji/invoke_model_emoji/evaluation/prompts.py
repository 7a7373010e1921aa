"""What is asked for: fixed lists, the same in every evaluation of the same vocabulary."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.heldout import Kind, held_out
from invoke_model_emoji.data.palette import COLOURS
from invoke_model_emoji.data.scenes import PAINTABLE

#: Held-out combinations of each kind.
EACH = 100

#: What a person looks at: everyday words of all groups.
WELL_KNOWN = (
    "a red apple",
    "a cat",
    "a dog",
    "a blue car",
    "a guitar",
    "a birthday cake",
    "a robot",
    "a rocket",
    "a sunflower",
    "a red heart",
    "a house",
    "a bicycle",
    "a penguin",
    "a banana",
    "a pizza",
    "an elephant",
    "a smiling face with sunglasses",
    "a tree",
    "a fish",
    "a butterfly",
    "an umbrella",
    "a crown",
    "a key",
    "a camera",
    "a soccer ball",
    "a unicorn",
    "a snowman",
    "an airplane",
    "a ghost",
    "a pink elephant",
    "a yellow car on a blue background",
    "a cat and a dog",
)

#: Ways to ask for the same thing; `{}` is its name, `{a}` its name with an article. Training has seen some of them.
VARIANTS = {
    "name alone": "{}",
    "the": "the {}",
    "capitals": "{A}",
    "a photo of, with fillers": "a photo of {a}, highly detailed, 4k",
    "template": "an illustration of {a}",
    "unknown template": "I would like to see {a}!",
    "unknown fillers": "{a}, bokeh, 35mm, golden hour",
    "many fillers": "{a}, masterpiece, best quality, highly detailed, sharp focus, digital art, trending, 8k, "
    "cinematic lighting, octane render, concept art, intricate, elegant",
    "in a sentence": "show me how {a} looks, please",
}


@dataclass(frozen=True, slots=True)
class Combination:
    """A prompt that training never saw the like of. `second` is a concept for pairs, else an index of `COLOURS`."""

    kind: Kind
    first: int
    second: int
    prompt: str


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def vary(template: str, name: str) -> str:
    """One of `VARIANTS` filled in."""
    return template.format(name, a=with_article(name), A=with_article(name).upper())


def some_concepts(drawings: Drawings, count: int, purpose: str) -> list[int]:
    """So many different concepts, the same ones for the same purpose."""
    return random.Random(purpose).sample(range(len(drawings.concepts)), len(drawings.concepts))[:count]


def combinations(drawings: Drawings, each: int = EACH) -> list[Combination]:
    """Held-out things in colours, things on grounds and pairs, so many of each kind.

    Left out: words for several things ("an apple"), coloured names that are a thing of their own ("a black cat"), and
    white grounds, which pictures have that show none.
    """
    makers = (_colours, _grounds, _pairs)
    return [one for make in makers for one in make(drawings, each)]


def _colours(drawings: Drawings, count: int) -> list[Combination]:
    concepts = drawings.concepts
    shared = Counter(each.noun for each in concepts)
    names = {name for each in concepts for name in each.names}
    all_of_them = [
        Combination("colour", index, colour, with_article(f"{COLOURS[colour].name} {concept.noun}"))
        for index, concept in enumerate(concepts)
        for colour in range(len(COLOURS))
        if float(drawings.paintable[index]) >= PAINTABLE
        and shared[concept.noun] == 1
        and f"{COLOURS[colour].name} {concept.noun}" not in names
        and held_out("colour", concept.name, COLOURS[colour].name)
    ]
    return _some(all_of_them, count, "colour")


def _grounds(drawings: Drawings, count: int) -> list[Combination]:
    all_of_them = [
        Combination("ground", index, ground, f"{with_article(concept.name)} on {with_article(colour.name)} background")
        for index, concept in enumerate(drawings.concepts)
        for ground, colour in enumerate(COLOURS)
        if colour.name != "white" and held_out("ground", concept.name, colour.name)
    ]
    return _some(all_of_them, count, "ground")


def _pairs(drawings: Drawings, count: int) -> list[Combination]:
    concepts = drawings.concepts
    rng = random.Random("held-out pairs")
    found: dict[frozenset[int], Combination] = {}
    tries = itertools.repeat(None, 1000 * count)
    for _ in tries:
        if len(found) == count:
            break
        first, second = rng.sample(range(len(concepts)), 2)
        if held_out("pair", concepts[first].name, concepts[second].name):
            prompt = f"{with_article(concepts[first].name)} and {with_article(concepts[second].name)}"
            found.setdefault(frozenset((first, second)), Combination("pair", first, second, prompt))
    return list(found.values())


def _some(combinations: Sequence[Combination], count: int, kind: Kind) -> list[Combination]:
    """The first ones of a shuffled list: a shorter list is the beginning of a longer one."""
    return random.Random(f"held-out {kind}").sample(combinations, len(combinations))[:count]
